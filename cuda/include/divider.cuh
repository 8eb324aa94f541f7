// Whole quotients by a divisor that many numbers share.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// n / d for n < 2^32 by one multiplication: the quotient it gives is at most one too small.
struct Divider {
    u32 divisor, multiplier;

    PARETOSERVE_DEVICE explicit Divider(u32 by)
        : divisor(by), multiplier(static_cast<u32>(least<u64>((1ull << 32) / by, 0xFFFFFFFFull))) {}

    PARETOSERVE_DEVICE u32 quotient(u32 n) const {
        const u32 guess = multiply_high(n, multiplier);
        return guess + (n - guess * divisor >= divisor ? 1u : 0u);
    }
};

}  // namespace paretoserve
