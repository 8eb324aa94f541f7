// Eight numbers of an MX block to codes and the block's scale; four lanes share a block of 32.
#pragma once

#include "elements.cuh"
#include "lanes.cuh"
#include "stochastic.cuh"

namespace paretoserve {

template <class E>
struct MxQuantizer {
    using Element = E;
    static constexpr int LANES = 4;
    ScaleRule rule;
    Rounding rounding;
    u64 seed;
    bool nan_to_zero;

    // Whether nothing rare is asked for, so that the loop may take the short way.
    PARETOSERVE_DEVICE bool plain() const { return rounding == NEAREST_EVEN && !nan_to_zero; }

    // Codes in the lowest 8 * BITS bits; `scale` becomes the byte of the block, in every lane of it.
    template <bool PLAIN, class T>
    PARETOSERVE_DEVICE u64 quantize(u32& scale, Eight<T> numbers, u64 first) const {
        if (!PLAIN && nan_to_zero) numbers = made_finite(numbers);
        const u32 amax = largest_of_lanes<LANES>(amax_bits(numbers));
        scale = scale_byte(amax, rule, Element::SCALE);
        const float factor = scale_factor(scale);
        u64 codes;
        if (PLAIN) {
            float values[8];
            PARETOSERVE_UNROLL
            for (int i = 0; i < 8; ++i) values[i] = scaled(numbers.value(i), factor);
            codes = Element::encode_eight(values);
        } else {
            codes = encode_eight_slowly<Element>([&]() PARETOSERVE_LAMBDA { return scaled(numbers.next(), factor); },
                                                 rounding, seed, first);
        }
        return scale == 0xFFu ? 0 : codes;
    }

    PARETOSERVE_DEVICE static float scaled(float value, float factor) {
        const float scaled = multiply(value, factor);
        return Element::MX_UNIT == 1.0f ? scaled : multiply(scaled, Element::MX_UNIT);
    }
};

}  // namespace paretoserve
