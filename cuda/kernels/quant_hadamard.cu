// Hadamard rotation, alone and fused with quantization to MXFP4 and NVFP4.
//
// Grid: any number of blocks of 256 threads. Every kernel:
//   x       `count` numbers, whole runs; or rows * columns of them with columns a multiple of n and of the block
//   signs   f32[n], 1 or -1 each, or null
//   n       16, 32, 64 or 128
// hadamard: `out` like x; fast at addresses that are multiples of 16. hadamard_amax: as quant_amax.cu, of the rotated
// numbers. hadamard_mxfp4, hadamard_nvfp4: as quant_mx.cu and quant_nv.cu, of the rotated numbers as float32.
#include "hadamard.cuh"
#include "mx.cuh"
#include "nv.cuh"
#include "rows.cuh"

namespace paretoserve {

// Eight numbers of a thread, zeros beyond the end.
template <class T>
PARETOSERVE_DEVICE Eight<T> load_or_zero(const typename T::Storage* x, u64 index, u64 groups) {
    Eight<T> numbers;
    numbers.clear();
    if (index >= groups) return numbers;
    if (is_aligned(x)) {
        numbers.load(x + index * 8);
    } else {
        numbers.load_some(x + index * 8, 8);
    }
    return numbers;
}

template <class T>
PARETOSERVE_DEVICE void rotate(typename T::Storage* out, const typename T::Storage* x, u64 count,
                               const Rotation& rotation) {
    const u64 groups = count / 8, step = static_cast<u64>(gridDim.x) * ROW_THREADS;
    for (u64 base = static_cast<u64>(blockIdx.x) * ROW_THREADS; base < groups; base += step) {
        const u64 index = base + threadIdx.x;
        const Eight<F32> rotated = rotation.rotated(load_or_zero<T>(x, index, groups));
        if (index >= groups) continue;
        float values[8];
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; ++i) values[i] = rotated.value(i);
        Eight<T> numbers;
        numbers.set(values);
        if (is_aligned(out)) {
            numbers.store(out + index * 8);
        } else {
            numbers.store_some(out + index * 8, 8);
        }
    }
}

template <class T>
PARETOSERVE_DEVICE void rotated_amax(u32* amax, const typename T::Storage* x, u64 count, const Rotation& rotation,
                                     bool nan_to_zero) {
    u32 most = 0;
    const u64 groups = count / 8, step = static_cast<u64>(gridDim.x) * ROW_THREADS;
    for (u64 base = static_cast<u64>(blockIdx.x) * ROW_THREADS; base < groups; base += step) {
        const Eight<F32> rotated = rotation.rotated(load_or_zero<T>(x, base + threadIdx.x, groups));
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; ++i) {
            const u32 size = rotated.word[i] & 0x7FFFFFFFu;
            const u32 special = nan_to_zero && size == INFINITY_BITS ? float_bits(FLOAT_MAX) : 0u;
            most = greatest(most, size < INFINITY_BITS ? size : special);
        }
    }
    most = largest_of_lanes<32>(most);
    if (threadIdx.x % 32 == 0 && most != 0) atomicMax(amax, most);
}

}  // namespace paretoserve

#define HADAMARD(NAME, TYPE)                                                                                           \
    /* out | x, signs | count | n, inverse */                                                                          \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_hadamard_##NAME(                               \
        paretoserve::TYPE::Storage* out, const paretoserve::TYPE::Storage* x, const float* signs,                      \
        paretoserve::u64 count, paretoserve::u32 n, paretoserve::u32 inverse) {                                        \
        using namespace paretoserve;                                                                                   \
        rotate<TYPE>(out, x, count, Rotation(signs, n, inverse != 0));                                                 \
    }                                                                                                                  \
    /* amax | x, signs | count | n, nan */                                                                             \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_hadamard_amax_##NAME(                          \
        float* amax, const paretoserve::TYPE::Storage* x, const float* signs, paretoserve::u64 count,                  \
        paretoserve::u32 n, paretoserve::u32 nan) {                                                                    \
        using namespace paretoserve;                                                                                   \
        rotated_amax<TYPE>(reinterpret_cast<u32*>(amax), x, count, Rotation(signs, n, false), nan != 0);               \
    }                                                                                                                  \
    /* codes, scales | x, signs | rows, columns | n, rule, rounding, seed, nan, swizzled */                            \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_hadamard_mxfp4_##NAME(                         \
        paretoserve::u8* codes, paretoserve::u8* scales, const paretoserve::TYPE::Storage* x, const float* signs,      \
        paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u32 n, paretoserve::u32 rule,                    \
        paretoserve::u32 rounding, paretoserve::u64 seed, paretoserve::u32 nan, paretoserve::u32 swizzled) {           \
        using namespace paretoserve;                                                                                   \
        const MxQuantizer<E2m1> inner{static_cast<ScaleRule>(rule), static_cast<Rounding>(rounding), seed, nan != 0};  \
        const RotatingQuantizer<MxQuantizer<E2m1>> quantizer{Rotation(signs, n, false), inner};                        \
        quantize_rows<TYPE>(codes, scales, x, RowShape{rows, columns}, swizzled != 0, quantizer);                      \
    }                                                                                                                  \
    /* codes, scales, global_scale | x, signs, given | rows, columns | n, is_scale, rounding, seed, nan, swizzled,     \
       choice */                                                                                                       \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_hadamard_nvfp4_##NAME(                         \
        paretoserve::u8* codes, paretoserve::u8* scales, float* global_scale, const paretoserve::TYPE::Storage* x,     \
        const float* signs, const float* given, paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u32 n,   \
        paretoserve::u32 is_scale, paretoserve::u32 rounding, paretoserve::u64 seed, paretoserve::u32 nan,             \
        paretoserve::u32 swizzled, paretoserve::u32 choice) {                                                          \
        using namespace paretoserve;                                                                                   \
        using Inner = NvQuantizer<E2m1, Ue4m3>;                                                                        \
        const Inner inner = make_nv_quantizer<E2m1, Ue4m3>(global_scale, given, is_scale, rounding, seed, nan, choice); \
        const RotatingQuantizer<Inner> quantizer{Rotation(signs, n, false), inner};                                    \
        quantize_rows<TYPE>(codes, scales, x, RowShape{rows, columns}, swizzled != 0, quantizer);                      \
    }

HADAMARD(f32, F32)
HADAMARD(f16, F16)
HADAMARD(bf16, Bf16)
