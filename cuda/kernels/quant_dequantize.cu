// MX and NV formats back to float32, float16 and bfloat16.
//
// Grid: any number of blocks of 256 threads. Every kernel:
//   out           rows * columns numbers in C order, out; fast when its address is a multiple of 16 and rows whole
//                 blocks
//   codes         u8[rows][ceil(columns / block) * block * bits / 8], address a multiple of 8
//   scales        u8[rows][ceil(columns / block)]; block 32 for MX, 16 for NV
//   global_scale  f32 in device memory, in the decoding direction (NV only)
//   rows, columns
#include "dequantize.cuh"
#include "nv.cuh"

#define DEQUANTIZE_MX(FORMAT, ELEMENT, NAME, TYPE)                                                     \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_##FORMAT##_dequantize_##NAME(  \
        paretoserve::TYPE::Storage* out, const paretoserve::u8* codes, const paretoserve::u8* scales,  \
        paretoserve::u64 rows, paretoserve::u64 columns) {                                             \
        using namespace paretoserve;                                                                   \
        const auto scale_of = [=](u64 block) PARETOSERVE_LAMBDA {                                      \
            return multiply(decode_e8m0(scales[block]), 1.0f / ELEMENT::MX_UNIT);                      \
        };                                                                                             \
        dequantize_rows<TYPE, ELEMENT, 4, false>(out, codes, RowShape{rows, columns}, 1.0f, scale_of); \
    }

#define DEQUANTIZE_NV(FORMAT, ELEMENT, SCALE, NAME, TYPE)                                                      \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_##FORMAT##_dequantize_##NAME(          \
        paretoserve::TYPE::Storage* out, const paretoserve::u8* codes, const paretoserve::u8* scales,          \
        const float* global_scale, paretoserve::u64 rows, paretoserve::u64 columns) {                          \
        using namespace paretoserve;                                                                           \
        const auto scale_of = [=](u64 block) PARETOSERVE_LAMBDA { return SCALE::decode(scales[block]); };      \
        dequantize_rows<TYPE, ELEMENT, 2, true>(out, codes, RowShape{rows, columns}, *global_scale, scale_of); \
    }

#define EVERY_TYPE_MX(FORMAT, ELEMENT)       \
    DEQUANTIZE_MX(FORMAT, ELEMENT, f32, F32) \
    DEQUANTIZE_MX(FORMAT, ELEMENT, f16, F16) \
    DEQUANTIZE_MX(FORMAT, ELEMENT, bf16, Bf16)

#define EVERY_TYPE_NV(FORMAT, ELEMENT, SCALE)       \
    DEQUANTIZE_NV(FORMAT, ELEMENT, SCALE, f32, F32) \
    DEQUANTIZE_NV(FORMAT, ELEMENT, SCALE, f16, F16) \
    DEQUANTIZE_NV(FORMAT, ELEMENT, SCALE, bf16, Bf16)

EVERY_TYPE_MX(mxfp8_e4m3, E4m3fn)
EVERY_TYPE_MX(mxfp8_e5m2, E5m2)
EVERY_TYPE_MX(mxfp6_e2m3, E2m3)
EVERY_TYPE_MX(mxfp6_e3m2, E3m2)
EVERY_TYPE_MX(mxfp4, E2m1)
EVERY_TYPE_MX(mxint8, Int8)
EVERY_TYPE_MX(mxint6, Int6)
EVERY_TYPE_MX(mxint4, Int4)

EVERY_TYPE_NV(nvfp4, E2m1, Ue4m3)
EVERY_TYPE_NV(nvfp4_ue5m3, E2m1, Ue5m3)
EVERY_TYPE_NV(nvint4, Int4, Ue4m3)
