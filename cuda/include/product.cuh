// Products of 64-bit integers in full, compared and divided: shares by speed need more than 64 bits on the way.
#pragma once

#include "platform.cuh"

namespace paretoserve {

struct Product {
    u64 high, low;

    PARETOSERVE_DEVICE Product(u64 a, u64 b) : high(upper(a, b)), low(a * b) {}

    PARETOSERVE_DEVICE bool operator<(const Product& other) const {
        return high < other.high || (high == other.high && low < other.low);
    }

    // Whole quotient; must be below 2^64, and `divisor` at most 2^63.
    PARETOSERVE_DEVICE u64 over(u64 divisor) const {
        if (high == 0) return low / divisor;
        u64 rest = high, quotient = low;
        PARETOSERVE_LOOP
        for (u32 bit = 0; bit < 64; ++bit) {
            rest = rest << 1 | quotient >> 63;
            quotient <<= 1;
            if (rest >= divisor) {
                rest -= divisor;
                quotient |= 1;
            }
        }
        return quotient;
    }

   private:
    static PARETOSERVE_DEVICE u64 upper(u64 a, u64 b) {
#ifdef __CUDA_ARCH__
        return __umul64hi(a, b);
#else
        return static_cast<u64>(static_cast<unsigned __int128>(a) * b >> 64);
#endif
    }
};

}  // namespace paretoserve
