// Rays from the reference point of a hypervolume, for its estimate: where they point, and the powers of their lengths.
//
// Same numbers as rust/core/src/pareto/hypervolume/rays.rs, to the last bit.
#pragma once

#include "platform.cuh"

namespace paretoserve {

PARETOSERVE_DEVICE u32 reversed_bits(u32 bits) {
#ifdef __CUDA_ARCH__
    return __brev(bits);
#else
    u32 reversed = 0;
    for (u32 bit = 0; bit < 32; ++bit) reversed |= (bits >> bit & 1u) << (31 - bit);
    return reversed;
#endif
}

// The inverse of one coordinate of a ray: points of a lattice, shifted, folded in the middle.
PARETOSERVE_DEVICE float ray_inverse(u32 ray, u32 multiplier, u32 shift) {
    const u32 shifted = reversed_bits(ray) * multiplier + shift;
    const u32 folded = shifted << 1 ^ static_cast<u32>(static_cast<i32>(shifted) >> 31);
    return reciprocal(multiply(add(static_cast<float>(folded >> 9), 0.5f), 1.0f / (1 << 23)));
}

PARETOSERVE_DEVICE double power(double value, u32 exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1) result *= value;
        value *= value;
    }
    return result;
}

}  // namespace paretoserve
