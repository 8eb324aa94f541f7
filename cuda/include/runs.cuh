// Runs of numbers that share a float scale: integers in groups or rows, and FP8 in runs or rows.
//
// A team of threads takes a run: it finds the largest magnitude (or least and greatest number), rounds the scale to the
// dtype in which it is stored, and encodes with that rounded scale. A run longer than a team's first grasp is read a
// second time, out of the first-level cache. Rules: rust/core/src/quant/block/{scaled,group,fp8}.rs.
#pragma once

#include "division.cuh"
#include "integers.cuh"
#include "lanes.cuh"
#include "mx_scale.cuh"
#include "native.cuh"
#include "stochastic.cuh"
#include "team.cuh"

namespace paretoserve {

// The dtype of scales; the numbers cross the boundary to the host.
enum ScaleType : u32 { SCALE_F32 = 0, SCALE_F16 = 1, SCALE_BF16 = 2 };

// Store a scale, at most the dtype's largest number; returns what is stored as float32.
PARETOSERVE_DEVICE float store_scale(void* scales, u64 index, float scale, ScaleType type, bool write) {
    if (type == SCALE_F32) {
        const float stored = is_nan(scale) ? bits_float(NAN_BITS) : smaller(scale, F32::LARGEST);
        if (write) static_cast<u32*>(scales)[index] = float_bits(stored);
        return stored;
    }
    const bool half = type == SCALE_F16;
    const float most = is_nan(scale) ? bits_float(NAN_BITS) : smaller(scale, half ? F16::LARGEST : Bf16::LARGEST);
    const u32 bits = half ? F16::from_f32(most) : Bf16::from_f32(most);
    if (write) static_cast<u16*>(scales)[index] = static_cast<u16>(bits);
    return half ? F16::to_f32(bits) : Bf16::to_f32(bits);
}

PARETOSERVE_DEVICE float load_scale(const void* scales, u64 index, ScaleType type) {
    if (type == SCALE_F32) return static_cast<const float*>(scales)[index];
    const u32 bits = static_cast<const u16*>(scales)[index];
    return type == SCALE_F16 ? F16::to_f32(bits) : Bf16::to_f32(bits);
}

// The order of floats as that of integers, biased so that the least is 0; the inverse of itself is `from_ordered`.
PARETOSERVE_DEVICE u32 ordered(u32 bits) { return bits >> 31 != 0 ? ~bits : (bits | 0x80000000u); }
PARETOSERVE_DEVICE float from_ordered(u32 key) { return bits_float(key >> 31 != 0 ? key & 0x7FFFFFFFu : ~key); }

// What a team knows of its run: largest magnitude as float32 bits, greatest number and (inverted) least, as `ordered`.
struct Extent {
    u32 amax, high, low_inverted;
};

// Integers of 2 to 8 bits; `full` is GPTQ's symmetric rule that uses the lowest code, too.
struct IntegerRuns {
    // Whether codes of a padded run end with the row.
    static constexpr bool CUT = false;
    u32 bits;
    bool asymmetric, full;

    struct Codes {
        Division division;
        float least, most;
        i32 offset;
    };

    PARETOSERVE_DEVICE bool needs_range() const { return asymmetric; }
    PARETOSERVE_DEVICE i32 largest() const { return (1 << (asymmetric ? bits : bits - 1u)) - 1; }
    // What is added to a symmetric code when it is stored.
    PARETOSERVE_DEVICE i32 stored_offset() const { return bits == 8 ? 0 : 1 << (bits - 1u); }
    PARETOSERVE_DEVICE u32 blank() const { return asymmetric ? 0u : static_cast<u32>(stored_offset()); }

    PARETOSERVE_DEVICE float scale(const Extent& extent) const {
        if (!asymmetric) {
            const float half = static_cast<float>((1 << bits) - 1) * 0.5f;
            return divide(bits_float(extent.amax), full ? half : static_cast<float>(largest()));
        }
        const float high = from_ordered(extent.high), low = from_ordered(~extent.low_inverted);
        const float range = subtract(high, low), most = static_cast<float>(largest());
        if (range <= FLOAT_MAX) return divide(range, most);
        return divide(subtract(multiply(high, 0.5f), multiply(low, 0.5f)), multiply(most, 0.5f));
    }

    PARETOSERVE_DEVICE u32 zero(float scale, const Extent& extent) const {
        if (!asymmetric) return 0;
        const float quotient = divide(-from_ordered(~extent.low_inverted), scale);
        return static_cast<u32>(round_nearest(larger(quotient, 0.0f), static_cast<float>(largest())));
    }

    PARETOSERVE_DEVICE Codes codes(float scale, u32 zero) const {
        const float shift = asymmetric ? -static_cast<float>(zero) : 0.0f;
        const float least = asymmetric ? 0.0f : -static_cast<float>(largest() + (full ? 1 : 0));
        return Codes{Division(scale), least + shift, static_cast<float>(largest()) + shift,
                     asymmetric ? static_cast<i32>(zero) : stored_offset()};
    }

    PARETOSERVE_DEVICE u32 encode_one(const Codes& codes, float value, Rounding rounding, u32 random) const {
        const float quotient = codes.division(value);
        const i32 whole = rounding == NEAREST_EVEN
                              ? static_cast<i32>(float_bits(add(larger(smaller(quotient, codes.most), codes.least),
                                                                12582912.0f)) -
                                                 0x4B400000u)
                              : round_integer(quotient, static_cast<i32>(codes.least), static_cast<i32>(codes.most),
                                              rounding, random);
        return static_cast<u32>(whole + codes.offset) & ((1u << bits) - 1u);
    }
};

// FP8 E4M3FN; `powers` rounds scales up to powers of two.
struct Fp8Runs {
    static constexpr bool CUT = true;
    static constexpr u32 bits = 8;
    bool powers;

    using Codes = Division;

    PARETOSERVE_DEVICE bool needs_range() const { return false; }
    PARETOSERVE_DEVICE u32 blank() const { return 0; }
    PARETOSERVE_DEVICE float scale(const Extent& extent) const {
        if (extent.amax == 0) return 1.0f;
        if (!powers) return divide(bits_float(extent.amax), 448.0f);
        const u32 byte = scale_byte(extent.amax, SCALE_RCEIL, ScaleElement{8, 0x600000, 3});
        return bits_float(byte == 0 ? 0x00400000u : byte << 23);
    }
    PARETOSERVE_DEVICE u32 zero(float, const Extent&) const { return 0; }
    PARETOSERVE_DEVICE Codes codes(float scale, u32) const { return Division(scale); }
    PARETOSERVE_DEVICE u32 encode_one(const Codes& codes, float value, Rounding rounding, u32 random) const {
        const float quotient = codes(value);
        if (rounding == NEAREST_EVEN) return pair_e4m3fn(quotient, 0.0f) & 0xFFu;
        return encode_saturating(E4M3FN, quotient, rounding, random);
    }
};

// How numbers are rounded, and what NaN does.
struct RunOptions {
    Rounding rounding;
    u64 seed;
    bool nan_to_zero;
};

// Eight numbers, as many as there are.
template <class T>
PARETOSERVE_DEVICE Eight<T> load_piece(const typename T::Storage* from, u32 length, bool nan_to_zero) {
    Eight<T> numbers;
    if (length == 8 && is_aligned(from)) {
        numbers.load(from);
    } else {
        numbers.load_some(from, length);
    }
    return nan_to_zero ? made_finite(numbers) : numbers;
}

// Take eight numbers into account; what is missing counts as 0, which is in every range.
template <class T, class Format>
PARETOSERVE_DEVICE void extend(Extent& extent, const Eight<T>& numbers, const Format& format) {
    extent.amax = greatest(extent.amax, amax_bits(numbers));
    if (!format.needs_range()) return;
    PARETOSERVE_UNROLL
    for (int i = 0; i < 8; ++i) {
        const u32 key = ordered(float_bits(numbers.value(i)));
        extent.high = greatest(extent.high, key);
        extent.low_inverted = greatest(extent.low_inverted, ~key);
    }
}

// Eight codes by any rounding; `first` is the index of the first for its random word.
template <class T, class Format>
PARETOSERVE_DEVICE u64 encode_piece(const Format& format, const typename Format::Codes& codes, Eight<T> numbers,
                                    const RunOptions& options, u64 first) {
    u64 packed = 0;
    if (options.rounding == NEAREST_EVEN) {
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            const u64 code = format.encode_one(codes, numbers.value(i), NEAREST_EVEN, 0);
            packed |= code << (i * format.bits);
        }
        return packed;
    }
    PARETOSERVE_LOOP
    for (u32 i = 0; i < 8; ++i) {
        const u32 word = options.rounding == STOCHASTIC ? random_word(options.seed, first + i) : 0u;
        const u64 code = format.encode_one(codes, numbers.next(), options.rounding, word);
        packed |= code << (i * format.bits);
    }
    return packed;
}

// `length` codes of `bits` bits to `to`, which gets whole bytes.
PARETOSERVE_DEVICE void store_piece(u8* to, u64 packed, u32 bits, u32 length) {
    const u32 words[2] = {static_cast<u32>(packed), static_cast<u32>(packed >> 32)};
    if (length == 8 && bits == 8 && (reinterpret_cast<u64>(to) & 7u) == 0) return store_words<2>(to, words);
    if (length == 8 && bits == 4 && (reinterpret_cast<u64>(to) & 3u) == 0) return store_words<1>(to, words);
    for (u32 i = 0; i < (length * bits + 7) / 8; ++i) to[i] = static_cast<u8>(packed >> (8 * i));
}

}  // namespace paretoserve
