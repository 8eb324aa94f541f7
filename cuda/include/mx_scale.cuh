// The power-of-two scale of a block: from the largest magnitude to the scale's byte, by exact comparison of bits.
//
// A scale is 2^(byte - 127); byte 0xFF marks a block that holds NaN or infinity. The rules are those of the OCP
// Microscaling 1.0 text (floor) and of NVIDIA's, torchao's and compressed-tensors' quantizers (rceil, ceil, even).
#pragma once

#include "platform.cuh"

namespace paretoserve {

// The numbers cross the boundary to the host.
enum ScaleRule : u32 { SCALE_FLOOR = 0, SCALE_RCEIL = 1, SCALE_CEIL = 2, SCALE_EVEN = 3 };

// What the rules need to know of an element: exponent of its largest number, that number's mantissa, mantissa bits.
struct ScaleElement {
    i32 largest_exponent;
    u32 largest_mantissa;
    u32 mantissa_bits;
};

// The byte for the largest magnitude of a block, given by its float32 bits.
PARETOSERVE_DEVICE u32 scale_byte(u32 amax_bits, ScaleRule rule, ScaleElement element) {
    if (amax_bits == 0) return 0;
    if (amax_bits >= INFINITY_BITS) return 0xFF;
    i32 exponent = static_cast<i32>(amax_bits >> 23);
    u32 mantissa = amax_bits & 0x7FFFFFu;
    if (exponent == 0) {
        // Normalize a subnormal number: its leading bit becomes the hidden one.
        const u32 shift = leading_zeros(mantissa) - 8u;
        exponent = 1 - static_cast<i32>(shift);
        mantissa = mantissa << shift & 0x7FFFFFu;
    }
    if (rule == SCALE_RCEIL) exponent += mantissa > element.largest_mantissa ? 1 : 0;
    if (rule == SCALE_CEIL) exponent += mantissa > 0 ? 1 : 0;
    if (rule == SCALE_EVEN) exponent += static_cast<i32>((mantissa + (1u << (22u - element.mantissa_bits))) >> 23);
    return static_cast<u32>(least(greatest(exponent - element.largest_exponent, 0), 254));
}

// The factor 2^(127 - byte) by which elements are multiplied; 2^-127 is subnormal.
PARETOSERVE_DEVICE float scale_factor(u32 byte) { return bits_float(byte >= 254u ? 0x00400000u : (254u - byte) << 23); }

}  // namespace paretoserve
