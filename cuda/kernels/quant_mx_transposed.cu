// MX formats along the columns of a matrix, written transposed: what a backward pass needs of an activation.
//
// Grid: (x, y) of blocks of 256 threads; x = ceil(columns * element bytes / 128) and y = ceil(rows / 128), at most
// 65535, give every tile its own block; fewer stride. Every kernel:
//   codes     u8[columns][ceil(rows / 32) * 4 * bits], out, address a multiple of 8
//   scales    u8[columns][ceil(rows / 32)], out; with `swizzled` 128x4 tiles that the caller has filled with zeros
//   x         rows * columns numbers in C order; fast when its address and rows are multiples of 16 bytes
//   rows, columns
//   rule, rounding, seed, nan, swizzled: as in quant_mx.cu. Stochastic rounding goes by the index in the transposed
//     `x`.
#include "columns.cuh"
#include "mx.cuh"

#define QUANTIZE(FORMAT, ELEMENT, NAME, TYPE)                                                                        \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_##FORMAT##_transposed_##NAME(                \
        paretoserve::u8* codes, paretoserve::u8* scales, const paretoserve::TYPE::Storage* x, paretoserve::u64 rows, \
        paretoserve::u64 columns, paretoserve::u32 rule, paretoserve::u32 rounding, paretoserve::u64 seed,           \
        paretoserve::u32 nan, paretoserve::u32 swizzled) {                                                           \
        using namespace paretoserve;                                                                                 \
        const MxQuantizer<ELEMENT> quantizer{static_cast<ScaleRule>(rule), static_cast<Rounding>(rounding), seed,    \
                                             nan != 0};                                                              \
        quantize_columns<TYPE>(codes, scales, x, rows, columns, swizzled != 0, quantizer);                           \
    }

#define EVERY_TYPE(FORMAT, ELEMENT)     \
    QUANTIZE(FORMAT, ELEMENT, f32, F32) \
    QUANTIZE(FORMAT, ELEMENT, f16, F16) \
    QUANTIZE(FORMAT, ELEMENT, bf16, Bf16)

EVERY_TYPE(mxfp8_e4m3, E4m3fn)
EVERY_TYPE(mxfp8_e5m2, E5m2)
EVERY_TYPE(mxfp6_e2m3, E2m3)
EVERY_TYPE(mxfp6_e3m2, E3m2)
EVERY_TYPE(mxfp4, E2m1)
EVERY_TYPE(mxint8, Int8)
EVERY_TYPE(mxint6, Int6)
EVERY_TYPE(mxint4, Int4)
