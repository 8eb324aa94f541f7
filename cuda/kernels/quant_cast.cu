// Scalar casts between float32, float16, bfloat16 and every format of at most 8 bits, one code per byte.
//
// Grid: any number of blocks of any size; threads stride over groups of eight elements. Addresses of `x`, `out` and
// `codes` that are multiples of 16 (`codes`: 8) are fast; any other that the type allows is correct.
// `layout`, `bias`, `saturate`, `rule`, `rounding`: see cast.cuh. Stochastic rounding takes the word of element i.
#include "cast.cuh"
#include "memory.cuh"
#include "native.cuh"
#include "random.cuh"

namespace paretoserve {

// The formats that most devices have instructions for.
PARETOSERVE_DEVICE bool is_e4m3fn(const Cast& cast) {
    return cast.kind == FLOAT && cast.format.special == NAN_ONLY && cast.format.is_signed && cast.format.bias == 7 &&
           cast.format.mantissa_bits == 3 && cast.format.exponent_bits == 4;
}

PARETOSERVE_DEVICE bool is_e5m2(const Cast& cast) {
    return cast.kind == FLOAT && cast.format.special == IEEE && cast.format.is_signed && cast.format.bias == 15 &&
           cast.format.mantissa_bits == 2 && cast.format.exponent_bits == 5;
}

// Eight codes by the instructions. NaN, whose sign they drop, is all ones in both formats.
template <class T>
PARETOSERVE_DEVICE u64 encode_eight_fp8(const Eight<T>& numbers, bool e5m2) {
    u64 codes = 0;
    bool nan = false;
    PARETOSERVE_UNROLL
    for (int i = 0; i < 8; i += 2) {
        const float low = numbers.value(i), high = numbers.value(i + 1);
        codes |= static_cast<u64>(e5m2 ? pair_e5m2(low, high) : pair_e4m3fn(low, high)) << (8 * i);
        nan |= is_nan(low) || is_nan(high);
    }
    if (!nan) return codes;
    PARETOSERVE_UNROLL
    for (int i = 0; i < 8; ++i) {
        const u64 sign = float_bits(numbers.value(i)) >> 24 & 0x80u;
        if (is_nan(numbers.value(i))) codes = (codes & ~(0xFFull << (8 * i))) | (sign | 0x7Fu) << (8 * i);
    }
    return codes;
}

template <class T>
PARETOSERVE_DEVICE u64 encode_eight(Eight<T> numbers, const Cast& cast, u64 seed, u64 first) {
    const bool nearest = cast.kind == FLOAT && cast.rounding == NEAREST_EVEN;
    if (nearest) {
        u64 codes = 0;
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; ++i) codes |= static_cast<u64>(encode_float(cast, numbers.value(i), 0)) << (8 * i);
        return codes;
    }
    EightCodes<8> codes{0};
    PARETOSERVE_LOOP
    for (u64 i = first; i < first + 8; ++i) {
        const u32 word = cast.rounding == STOCHASTIC ? random_word(seed, i) : 0u;
        codes.push(encode_cast(cast, numbers.next(), word));
    }
    return codes.bits;
}

// The smallest index of a number that the format cannot hold (NaN, where it has none) goes to `first_nan`.
template <class T>
PARETOSERVE_DEVICE void report_nan(u64* first_nan, const Eight<T>& numbers, u64 first) {
    u64 found = ~0ull;
    PARETOSERVE_UNROLL
    for (int i = 7; i >= 0; --i) {
        if (is_nan(numbers.value(i))) found = first + i;
    }
    if (found != ~0ull) atomicMin(first_nan, found);
}

// The formats that most devices have instructions for, to the nearest: two tiles of loads in flight. Returns whether
// this was the way.
template <class T>
PARETOSERVE_DEVICE bool cast_encode_fp8(u8* codes, const typename T::Storage* x, u64 count, const Cast& cast) {
    constexpr u32 TILES = 2;
    const bool e5m2 = is_e5m2(cast);
    const bool common = cast.rounding == NEAREST_EVEN && cast.saturate && (e5m2 || is_e4m3fn(cast));
    if (!common || count % 8 != 0) return false;
    const u64 groups = count / 8, stride = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 base = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; base < groups; base += stride * TILES) {
        Eight<T> numbers[TILES];
        PARETOSERVE_UNROLL
        for (u32 tile = 0; tile < TILES; ++tile) {
            numbers[tile].clear();
            if (base + tile * stride < groups) numbers[tile].load(x + (base + tile * stride) * 8);
        }
        PARETOSERVE_UNROLL
        for (u32 tile = 0; tile < TILES; ++tile) {
            const u64 group = base + tile * stride;
            const u64 packed = encode_eight_fp8<T>(numbers[tile], e5m2);
            const u32 words[2] = {static_cast<u32>(packed), static_cast<u32>(packed >> 32)};
            if (group < groups) store_words<2>(codes + group * 8, words);
        }
    }
    return true;
}

template <class T>
PARETOSERVE_DEVICE void cast_encode(u8* codes, u64* first_nan, const typename T::Storage* x, u64 count,
                                    const Cast& cast, u64 seed) {
    const bool whole = is_aligned(x) && (reinterpret_cast<u64>(codes) & 7u) == 0;
    if (whole && first_nan == nullptr && cast_encode_fp8<T>(codes, x, count, cast)) return;
    const u64 stride = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 group = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; group < (count + 7) / 8;
         group += stride) {
        const u64 first = group * 8;
        const u32 length = static_cast<u32>(least<u64>(count - first, 8));
        Eight<T> numbers;
        if (whole && length == 8) {
            numbers.load(x + first);
        } else {
            numbers.load_some(x + first, length);
        }
        const u64 packed = encode_eight<T>(numbers, cast, seed, first);
        if (first_nan != nullptr) report_nan<T>(first_nan, numbers, first);
        if (whole && length == 8) {
            const u32 words[2] = {static_cast<u32>(packed), static_cast<u32>(packed >> 32)};
            store_words<2>(codes + first, words);
        } else {
            for (u32 i = 0; i < length; ++i) codes[first + i] = static_cast<u8>(packed >> (8 * i));
        }
    }
}

template <class T>
PARETOSERVE_DEVICE void cast_decode(typename T::Storage* out, const u8* codes, u64 count, const Cast& cast) {
    const bool whole = is_aligned(out) && (reinterpret_cast<u64>(codes) & 7u) == 0;
    const bool e4m3fn = is_e4m3fn(cast), e5m2 = is_e5m2(cast);
    const u64 stride = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 group = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; group < (count + 7) / 8;
         group += stride) {
        const u64 first = group * 8;
        const u32 length = static_cast<u32>(least<u64>(count - first, 8));
        u64 packed = 0;
        if (whole && length == 8) {
            u32 words[2];
            load_words<2>(words, codes + first);
            packed = words[0] | static_cast<u64>(words[1]) << 32;
        } else {
            for (u32 i = 0; i < length; ++i) packed |= static_cast<u64>(codes[first + i]) << (8 * i);
        }
        float values[8];
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; i += 2) {
            const u32 pair = static_cast<u32>(packed >> (8 * i)) & 0xFFFFu;
            if (PARETOSERVE_NATIVE_FP8 && e4m3fn) {
                unpair_fp8<false>(pair, values[i], values[i + 1]);
            } else if (PARETOSERVE_NATIVE_FP8 && e5m2) {
                unpair_fp8<true>(pair, values[i], values[i + 1]);
            } else {
                values[i] = decode_cast(cast, pair & 0xFFu);
                values[i + 1] = decode_cast(cast, pair >> 8);
            }
        }
        Eight<T> numbers;
        numbers.set(values);
        if (whole && length == 8) {
            numbers.store(out + first);
        } else {
            numbers.store_some(out + first, length);
        }
    }
}

}  // namespace paretoserve

// codes: one byte per element, out. first_nan: u64, out, or null; must hold the largest u64 before. x: `count` numbers.
#define ENCODE(NAME, TYPE)                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_encode_##NAME(                     \
        paretoserve::u8* codes, paretoserve::u64* first_nan, const paretoserve::TYPE::Storage* x,          \
        paretoserve::u64 count, paretoserve::u32 layout, paretoserve::i32 bias, paretoserve::u32 saturate, \
        paretoserve::u32 rule, paretoserve::u32 rounding, paretoserve::u64 seed) {                         \
        using namespace paretoserve;                                                                       \
        const Cast cast = make_cast(layout, bias, saturate != 0, static_cast<CastRule>(rule),              \
                                    static_cast<Rounding>(rounding));                                      \
        cast_encode<TYPE>(codes, first_nan, x, count, cast, seed);                                         \
    }

// out: `count` numbers. codes: one byte per element.
#define DECODE(NAME, TYPE)                                                                       \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_decode_##NAME(           \
        paretoserve::TYPE::Storage* out, const paretoserve::u8* codes, paretoserve::u64 count,   \
        paretoserve::u32 layout, paretoserve::i32 bias) {                                        \
        using namespace paretoserve;                                                             \
        cast_decode<TYPE>(out, codes, count, make_cast(layout, bias, true, OURS, NEAREST_EVEN)); \
    }

ENCODE(f32, F32)
ENCODE(f16, F16)
ENCODE(bf16, Bf16)
DECODE(f32, F32)
DECODE(f16, F16)
DECODE(bf16, Bf16)
