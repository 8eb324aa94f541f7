// Quotients by one divisor, correctly rounded, at the price of five fused multiply-adds each.
//
// With y = 1 / s rounded once, q = x * y is within two units of the quotient; each step q + (x - q s) y, whose
// remainder is exact, makes it better, and the second gives the rounded quotient (Markstein 1990, "Computation of
// elementary functions on the IBM RISC System/6000").
#pragma once

#include "platform.cuh"

namespace paretoserve {

struct Division {
    float divisor, inverse;
    // Whether no remainder can be subnormal unless the quotient is far below every rounding threshold.
    bool ordinary;

    PARETOSERVE_DEVICE explicit Division(float by)
        : divisor(by), inverse(reciprocal(by)), ordinary(by > 0x1p-60f && by < 0x1p60f) {}

    // x / divisor for a positive divisor and |x| at most some thousands of it.
    PARETOSERVE_DEVICE float operator()(float x) const {
        if (!ordinary) return divide(x, divisor);
        const float first = multiply(x, inverse);
        const float second = fused(fused(-divisor, first, x), inverse, first);
        const float third = fused(fused(-divisor, second, x), inverse, second);
        // The remainder of zero has lost the sign.
        return bits_float(float_bits(third) | (float_bits(x) & 0x80000000u));
    }
};

}  // namespace paretoserve
