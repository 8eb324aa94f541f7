// NV formats along the columns of a matrix, written transposed.
//
// Grid: as for quant_mx_transposed.cu. Parameters: as for quant_nv.cu, but codes are u8[columns][ceil(rows / 16) * 8]
// and scales u8[columns][ceil(rows / 16)]. Stochastic rounding goes by the index in the transposed `x`.
#include "columns.cuh"
#include "nv.cuh"

#define QUANTIZE(FORMAT, ELEMENT, SCALE, NAME, TYPE)                                                               \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_##FORMAT##_transposed_##NAME(              \
        paretoserve::u8* codes, paretoserve::u8* scales, float* global_scale, const paretoserve::TYPE::Storage* x, \
        const float* given, paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u32 is_scale,            \
        paretoserve::u32 rounding, paretoserve::u64 seed, paretoserve::u32 nan, paretoserve::u32 swizzled,         \
        paretoserve::u32 choice) {                                                                                 \
        using namespace paretoserve;                                                                               \
        const auto quantizer =                                                                                     \
            make_nv_quantizer<ELEMENT, SCALE>(global_scale, given, is_scale, rounding, seed, nan, choice);         \
        quantize_columns<TYPE>(codes, scales, x, rows, columns, swizzled != 0, quantizer);                         \
    }

#define EVERY_TYPE(FORMAT, ELEMENT, SCALE)     \
    QUANTIZE(FORMAT, ELEMENT, SCALE, f32, F32) \
    QUANTIZE(FORMAT, ELEMENT, SCALE, f16, F16) \
    QUANTIZE(FORMAT, ELEMENT, SCALE, bf16, Bf16)

EVERY_TYPE(nvfp4, E2m1, Ue4m3)
EVERY_TYPE(nvfp4_ue5m3, E2m1, Ue5m3)
EVERY_TYPE(nvint4, Int4, Ue4m3)
