// One value of a draw of noisy rows: normal around a mean, or a statistic of resampled measurements.
//
// Same numbers as rust/core/src/pareto/noise (`normal`, `draws`), to the last bit: plain arithmetic of doubles in the
// same order, which g++ and NVRTC must not contract.
#pragma once

#include "random.cuh"

namespace paretoserve {

// Where the values of a draw come from.
enum DrawKind : u32 { NORMAL, JOINT, MEAN, MEDIAN, QUANTILE };

PARETOSERVE_DEVICE i64 double_bits(double value) {
#ifdef __CUDA_ARCH__
    return __double_as_longlong(value);
#else
    return __builtin_bit_cast(i64, value);
#endif
}

PARETOSERVE_DEVICE double bits_double(i64 bits) {
#ifdef __CUDA_ARCH__
    return __longlong_as_double(bits);
#else
    return __builtin_bit_cast(double, bits);
#endif
}

PARETOSERVE_DEVICE double square_root(double value) {
#ifdef __CUDA_ARCH__
    return __dsqrt_rn(value);
#else
    return __builtin_sqrt(value);
#endif
}

// The middle of the interval of (0, 1) that a word stands for.
PARETOSERVE_DEVICE double unit(u32 word) { return (static_cast<double>(word) + 0.5) * (1.0 / 4294967296.0); }

// The natural logarithm of a positive normal number.
PARETOSERVE_DEVICE double logarithm(double x) {
    // x = m 2^e with m in [0.7, 1.4].
    constexpr i64 ROOT_HALF = 0x3FE6A09E667F3BCDll;
    const i64 bits = double_bits(x) + (0x3FF0000000000000ll - ROOT_HALF);
    const double exponent = static_cast<double>(bits >> 52) - 1023.0;
    const double m = bits_double((bits & 0x000FFFFFFFFFFFFFll) + ROOT_HALF);
    const double f = (m - 1.0) / (m + 1.0), s = f * f;
    double sum = 1.0 / 23.0;
    PARETOSERVE_UNROLL
    for (int odd = 21; odd > 0; odd -= 2) sum = sum * s + 1.0 / odd;
    return exponent * 0.693147180559945309417232121458 + 2.0 * f * sum;
}

// Sine or cosine of a turn's share in [0, 1).
PARETOSERVE_DEVICE double wave(double share, bool is_sine) {
    const double quarters = share * 4.0;
    const int quadrant = static_cast<int>(quarters + 0.5);
    const double x = (quarters - quadrant) * 1.57079632679489661923132169163975144;
    const double s = x * x;
    double sine = 1.0, cosine = 1.0;
    PARETOSERVE_UNROLL
    for (int step = 8; step > 0; --step) {
        sine = 1.0 - sine * s * (1.0 / (2.0 * step * (2.0 * step + 1.0)));
        cosine = 1.0 - cosine * s * (1.0 / (2.0 * step * (2.0 * step - 1.0)));
    }
    sine *= x;
    const int turned = (quadrant + (is_sine ? 0 : 1)) % 4;
    const double value = turned % 2 == 0 ? sine : cosine;
    return turned < 2 ? value : -value;
}

// The standard normal number `place` of the four of a block (Box and Muller 1958).
PARETOSERVE_DEVICE double normal(u64 seed, u64 block, u32 place) {
    const RandomBlock words = philox(seed, block);
    const double radius = square_root(-2.0 * logarithm(unit(place < 2 ? words.word[0] : words.word[2])));
    return radius * wave(unit(place < 2 ? words.word[1] : words.word[3]), place % 2 == 1);
}

// Measurements of a row, drawn again with replacement.
struct Resampled {
    const double* own;  // one objective of the row's first measurement
    u64 count, first;   // the row's measurements among all
    u32 d;
    u64 seed, block;  // where the words of this draw begin

    PARETOSERVE_DEVICE double value(u64 i) const {
        const u32 word = word_of(philox(seed, block + (first + i) / 4), first + i);
        return own[(word * count >> 32) * d];
    }

    PARETOSERVE_DEVICE double mean() const {
        double sum = -0.0;
        for (u64 i = 0; i < count; ++i) sum += value(i);
        return sum / static_cast<double>(count);
    }

    // Grows with the value.
    PARETOSERVE_DEVICE u64 sortable(u64 i) const {
        const i64 bits = double_bits(value(i));
        return static_cast<u64>(bits < 0 ? ~bits : bits ^ static_cast<i64>(1ull << 63));
    }

    // The value with `rank` others before it, found bit by bit: nothing is stored.
    PARETOSERVE_DEVICE double sorted(u64 rank) const {
        u64 prefix = 0;
        for (int bit = 63; bit >= 0; --bit) {
            u64 zeros = 0;
            for (u64 i = 0; i < count; ++i) zeros += sortable(i) >> bit == prefix >> bit ? 1 : 0;
            if (rank >= zeros) {
                rank -= zeros;
                prefix |= 1ull << bit;
            }
        }
        const i64 bits = static_cast<i64>(prefix);
        return bits_double(bits < 0 ? bits ^ static_cast<i64>(1ull << 63) : ~bits);
    }

    PARETOSERVE_DEVICE double median() const {
        if (count % 2 == 1) return sorted(count / 2);
        const double a = sorted(count / 2 - 1), b = sorted(count / 2), half_of_most = 8.98846567431157854e307;
        const bool small = a <= half_of_most && a >= -half_of_most && b <= half_of_most && b >= -half_of_most;
        return small ? (a + b) / 2.0 : a / 2.0 + b / 2.0;
    }

    // Interpolated between neighbors; these themselves at the ends, also if they are infinite.
    PARETOSERVE_DEVICE double quantile(double share) const {
        const double place = share * static_cast<double>(count - 1);
        const u64 low = static_cast<u64>(place);
        const double a = sorted(low), b = sorted(least(low + 1, count - 1)), part = place - static_cast<double>(low);
        if (part <= 0.0 || a >= b) return a;
        return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1.0 - part);
    }
};

}  // namespace paretoserve
