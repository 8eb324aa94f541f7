// NV formats along the rows of a matrix: 16 numbers share a small float, the tensor one more.
//
// Grid: any number of blocks of 256 threads. Every kernel:
//   codes         u8[rows][ceil(columns / 16) * 8], out, address a multiple of 8
//   scales        u8[rows][ceil(columns / 16)], out; with `swizzled` 128x4 tiles that the caller has filled with zeros
//   global_scale  f32, out: the tensor's scale in the decoding direction
//   x             rows * columns numbers in C order; fast when its address is a multiple of 16 and columns one of 16
//   given         f32 in device memory, so that nobody waits for it: largest magnitude, or with `is_scale` global_scale
//   rows, columns; rows * ceil(columns / 16) must be less than 2^32
//   is_scale      0 or 1
//   rounding, seed, nan, swizzled: as in quant_mx.cu
//   choice        0: 6 is the largest code; 1, 2, 3: 4 or 6 by squared, absolute, largest error (nvfp4 only)
#include "nv.cuh"
#include "rows.cuh"

#define QUANTIZE(FORMAT, ELEMENT, SCALE, NAME, TYPE)                                                               \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_##FORMAT##_##NAME(                         \
        paretoserve::u8* codes, paretoserve::u8* scales, float* global_scale, const paretoserve::TYPE::Storage* x, \
        const float* given, paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u32 is_scale,            \
        paretoserve::u32 rounding, paretoserve::u64 seed, paretoserve::u32 nan, paretoserve::u32 swizzled,         \
        paretoserve::u32 choice) {                                                                                 \
        using namespace paretoserve;                                                                               \
        const auto quantizer =                                                                                     \
            make_nv_quantizer<ELEMENT, SCALE>(global_scale, given, is_scale, rounding, seed, nan, choice);         \
        quantize_rows<TYPE>(codes, scales, x, RowShape{rows, columns}, swizzled != 0, quantizer);                  \
    }

#define EVERY_TYPE(FORMAT, ELEMENT, SCALE)     \
    QUANTIZE(FORMAT, ELEMENT, SCALE, f32, F32) \
    QUANTIZE(FORMAT, ELEMENT, SCALE, f16, F16) \
    QUANTIZE(FORMAT, ELEMENT, SCALE, bf16, Bf16)

EVERY_TYPE(nvfp4, E2m1, Ue4m3)
EVERY_TYPE(nvfp4_ue5m3, E2m1, Ue5m3)
EVERY_TYPE(nvint4, Int4, Ue4m3)
