// Conversions of two numbers at once by the instructions that a device has for them, and by the rules elsewhere.
//
// To the nearest, ties to even, saturating: in this case the instructions give the rules' bits for every input but NaN,
// whose sign they drop; callers keep NaN away. `low` becomes the lower byte (or six bits in the lower byte; nibble).
#pragma once

#include "formats.cuh"

namespace paretoserve {

PARETOSERVE_DEVICE u32 pair_by_rule(const Format& format, float low, float high) {
    const u32 sign = 31u - (format.bits() - 1u);
    const u32 first = encode_narrow(format, absolute(low)) | (float_bits(low) >> sign & format.sign_bit());
    const u32 second = encode_narrow(format, absolute(high)) | (float_bits(high) >> sign & format.sign_bit());
    return first | second << 8;
}

PARETOSERVE_DEVICE u32 pair_e4m3fn(float low, float high) {
#if PARETOSERVE_NATIVE_FP8
    u16 codes;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(high), "f"(low));
    return codes;
#else
    return pair_by_rule(E4M3FN, low, high);
#endif
}

PARETOSERVE_DEVICE u32 pair_e5m2(float low, float high) {
#if PARETOSERVE_NATIVE_FP8
    u16 codes;
    asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(high), "f"(low));
    return codes;
#else
    return pair_by_rule(E5M2, low, high);
#endif
}

// FP6 formats are FP8 formats with the upper part of their exponents cut off: the instruction for FP8 rounds them, once
// the value is moved to the same distance from the subnormal numbers. The sign moves from bit 7 to bit 5.
PARETOSERVE_DEVICE u32 sign_to_six(u32 codes) { return (codes & 0x1F1Fu) | (codes & 0x8080u) >> 2; }

PARETOSERVE_DEVICE float moved(float value, float largest, float power) {
    return multiply(larger(smaller(value, largest), -largest), power);
}

PARETOSERVE_DEVICE u32 pair_e3m2(float low, float high) {
#if PARETOSERVE_NATIVE_FP4
    u16 codes;
    asm("cvt.rn.satfinite.e3m2x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(high), "f"(low));
    return codes;
#else
    constexpr float power = 0x1p-12f;
    return sign_to_six(pair_e5m2(moved(low, 28.0f, power), moved(high, 28.0f, power)));
#endif
}

PARETOSERVE_DEVICE u32 pair_e2m3(float low, float high) {
#if PARETOSERVE_NATIVE_FP4
    u16 codes;
    asm("cvt.rn.satfinite.e2m3x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(high), "f"(low));
    return codes;
#else
    constexpr float power = 0x1p-6f;
    return sign_to_six(pair_e4m3fn(moved(low, 7.5f, power), moved(high, 7.5f, power)));
#endif
}

// Two nibbles in one byte.
PARETOSERVE_DEVICE u32 pair_e2m1(float low, float high) {
#if PARETOSERVE_NATIVE_FP4
    u32 codes;
    asm("{ .reg .b8 byte; cvt.rn.satfinite.e2m1x2.f32 byte, %1, %2; cvt.u32.u8 %0, byte; }"
        : "=r"(codes)
        : "f"(high), "f"(low));
    return codes;
#else
    const u32 first = encode_e2_nearest<1>(absolute(low)) | (float_bits(low) >> 28 & 0x8u);
    const u32 second = encode_e2_nearest<1>(absolute(high)) | (float_bits(high) >> 28 & 0x8u);
    return first | second << 4;
#endif
}

// Two FP8 codes as values; the instruction goes through float16, which holds every value of both formats.
template <bool E5>
PARETOSERVE_DEVICE void unpair_fp8(u32 codes, float& low, float& high) {
#if PARETOSERVE_NATIVE_FP8
    u32 halves;
    if (E5) {
        asm("cvt.rn.f16x2.e5m2x2 %0, %1;" : "=r"(halves) : "h"(static_cast<u16>(codes)));
    } else {
        asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(static_cast<u16>(codes)));
    }
    asm("{ .reg .b16 a, b; mov.b32 {a, b}, %2; cvt.f32.f16 %0, a; cvt.f32.f16 %1, b; }"
        : "=f"(low), "=f"(high)
        : "r"(halves));
    // A NaN's sign is lost on this way.
    if (is_nan(low)) low = bits_float(NAN_BITS | (codes & 0x80u) << 24);
    if (is_nan(high)) high = bits_float(NAN_BITS | (codes & 0x8000u) << 16);
#else
    const Format format = E5 ? E5M2 : E4M3FN;
    low = decode(format, codes & 0xFFu);
    high = decode(format, codes >> 8 & 0xFFu);
#endif
}

}  // namespace paretoserve
