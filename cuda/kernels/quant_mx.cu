// MX formats along the rows of a matrix: 32 numbers share a power of two.
//
// Grid: any number of blocks of 256 threads; two blocks per multiprocessor and resident slot are plenty. Every kernel:
//   codes     u8[rows][ceil(columns / 32) * 4 * bits], out, address a multiple of 8
//   scales    u8[rows][ceil(columns / 32)], out; with `swizzled` 128x4 tiles that the caller has filled with zeros
//   x         rows * columns numbers in C order; fast when its address is a multiple of 16 and columns one of 32
//   rows, columns; rows * ceil(columns / 32) must be less than 2^32
//   rule      0 floor, 1 rceil, 2 ceil, 3 even
//   rounding  0 nearest even, 1 half away, 2 stochastic with `seed`, by the index in `x`
//   nan       0: a block with NaN or infinity gets scale 255 and codes 0; 1: NaN is 0 and infinity the largest number
//   swizzled  0 or 1
#include "mx.cuh"
#include "rows.cuh"

#define QUANTIZE(FORMAT, ELEMENT, NAME, TYPE)                                                                        \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_##FORMAT##_##NAME(                           \
        paretoserve::u8* codes, paretoserve::u8* scales, const paretoserve::TYPE::Storage* x, paretoserve::u64 rows, \
        paretoserve::u64 columns, paretoserve::u32 rule, paretoserve::u32 rounding, paretoserve::u64 seed,           \
        paretoserve::u32 nan, paretoserve::u32 swizzled) {                                                           \
        using namespace paretoserve;                                                                                 \
        const MxQuantizer<ELEMENT> quantizer{static_cast<ScaleRule>(rule), static_cast<Rounding>(rounding), seed,    \
                                             nan != 0};                                                              \
        quantize_rows<TYPE>(codes, scales, x, RowShape{rows, columns}, swizzled != 0, quantizer);                    \
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
