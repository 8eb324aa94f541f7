// The wide formats that are quantized from and dequantized to: float32, float16, bfloat16, by their bits.
//
// Same bits as rust/core/src/quant/source.rs, NaN included: a NaN keeps its sign and becomes quiet.
#pragma once

#include "platform.cuh"

namespace paretoserve {

struct F32 {
    using Storage = u32;
    static constexpr float LARGEST = FLOAT_MAX;
    PARETOSERVE_DEVICE static float to_f32(u32 bits) { return bits_float(bits); }
    PARETOSERVE_DEVICE static u32 from_f32(float value) { return float_bits(value); }
};

struct Bf16 {
    using Storage = u16;
    static constexpr float LARGEST = 3.3895313892515355e38f;
    PARETOSERVE_DEVICE static float to_f32(u32 bits) { return bits_float(bits << 16); }
    PARETOSERVE_DEVICE static u32 from_f32(float value) {
        const u32 bits = float_bits(value);
        const u32 rounded = (bits + (0x7FFFu + (bits >> 16 & 1u))) >> 16;
        return (bits & 0x7FFFFFFFu) > INFINITY_BITS ? (bits >> 16 | 0x40u) : rounded;
    }
    // Two values as one word, the first in the lower half.
    PARETOSERVE_DEVICE static u32 pair(float low, float high) {
#ifdef __CUDA_ARCH__
        u32 word;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
        // The instruction drops the sign and the payload of a NaN.
        if (!is_nan(low) && !is_nan(high)) return word;
#endif
        return from_f32(low) | from_f32(high) << 16;
    }
};

struct F16 {
    using Storage = u16;
    static constexpr float LARGEST = 65504.0f;
    PARETOSERVE_DEVICE static float to_f32(u32 bits) {
#ifdef __CUDA_ARCH__
        float value;
        asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<u16>(bits)));
        return value;
#else
        const u32 sign = (bits & 0x8000u) << 16;
        const u32 magnitude = (bits & 0x7FFFu) << 13;
        // Multiplying by 2^112 moves the exponent's bias and makes subnormal values normal; both exactly.
        const float scaled = bits_float(magnitude) * bits_float(0x77800000u);
        const u32 value = magnitude >= 0x0F800000u ? (magnitude | INFINITY_BITS) : float_bits(scaled);
        return bits_float(sign | value);
#endif
    }
    PARETOSERVE_DEVICE static u32 from_f32(float value) {
        const u32 bits = float_bits(value);
        const u32 sign = bits >> 16 & 0x8000u;
        const u32 magnitude = bits & 0x7FFFFFFFu;
        const u32 normal = (magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
        // Adding 2^-1 places the unit in the last place of a subnormal half at that of the sum.
        const u32 subnormal = float_bits(add(bits_float(magnitude), 0.5f)) - 0x3F000000u;
        const u32 finite = magnitude < 0x38800000u ? subnormal : normal;
        const u32 special = magnitude > INFINITY_BITS ? (0x7E00u | (magnitude >> 13 & 0x3FFu)) : 0x7C00u;
        return sign | (magnitude >= 0x477FF000u ? special : finite);
    }
    PARETOSERVE_DEVICE static u32 pair(float low, float high) {
#ifdef __CUDA_ARCH__
        u32 word;
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
        if (!is_nan(low) && !is_nan(high)) return word;
#endif
        return from_f32(low) | from_f32(high) << 16;
    }
};

}  // namespace paretoserve
