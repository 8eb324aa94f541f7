// Integers of 1 to 8 bits and powers of two (E8M0) as scalar formats.
#pragma once

#include "formats.cuh"

namespace paretoserve {

// The integer next to `value` under `rounding`, clipped to [low, high], which lie within +-256. NaN counts as 0.
PARETOSERVE_DEVICE i32 round_integer(float value, i32 low, i32 high, Rounding rounding, u32 random) {
    const float magnitude = is_nan(value) ? 0.0f : smaller(absolute(value), 1024.0f);
    i32 rounded;
    if (rounding == NEAREST_EVEN) {
        rounded = static_cast<i32>(float_bits(add(magnitude, 8388608.0f)) & 0x7FFFFFu);
    } else {
        const u32 field = float_bits(magnitude) >> 23;
        const u64 significand = (float_bits(magnitude) & 0x7FFFFFu) | 0x800000u;
        // A field of 0 is far below half a step: what its hidden bit would be does not matter but for exact zero.
        const u64 fixed = field == 0 ? 0 : (significand << 32) >> least(150u - field, 63u);
        const u32 rest = static_cast<u32>(fixed);
        const u32 up = rounding == HALF_AWAY ? rest >> 31 : (random < rest ? 1u : 0u);
        rounded = static_cast<i32>((fixed >> 32) + up);
    }
    const i32 whole = float_bits(value) >> 31 != 0 ? -rounded : rounded;
    return least(greatest(whole, low), high);
}

// The same to the nearest, ties to even, for numbers alone: three instructions.
PARETOSERVE_DEVICE i32 round_nearest(float value, float largest) {
    const float clipped = larger(smaller(value, largest), -largest);
    return static_cast<i32>(float_bits(add(clipped, 12582912.0f)) - 0x4B400000u);
}

// The nearest power of two as its exponent + 127, half up; 0 and what lies below 2^-127 give 0, negative and NaN 0xFF.
// 2^-127 itself is byte 0 and what lies above it up to 2^-126 byte 1: the bits of a float32 hold no exponent there.
PARETOSERVE_DEVICE u32 encode_e8m0(float value, bool saturate) {
    const u32 bits = float_bits(value), magnitude = bits & 0x7FFFFFFFu;
    const u32 rounded = (magnitude + 0x00400000u - (magnitude == 0x00400000u ? 1u : 0u)) >> 23;
    return magnitude > INFINITY_BITS || bits > 0x80000000u ? 0xFFu : least(rounded, saturate ? 0xFEu : 0xFFu);
}

// 2^(code - 127), NaN for 0xFF. Exact.
PARETOSERVE_DEVICE float decode_e8m0(u32 code) {
    return bits_float(code == 0xFFu ? NAN_BITS : code == 0 ? 0x00400000u : code << 23);
}

}  // namespace paretoserve
