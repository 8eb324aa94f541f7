// Eight numbers of an MX block to codes and the block's scale; four lanes share a block of 32.
#pragma once

#include "elements.cuh"
#include "lanes.cuh"
#include "random.cuh"

namespace paretoserve {

// Eight values to codes by a rounding other than to the nearest; `first` is the index of the first one.
template <class Element, class Number>
PARETOSERVE_DEVICE u64 encode_eight_slowly(Number next, Rounding rounding, u64 seed, u64 first) {
    EightCodes<Element::BITS> codes{0};
    PARETOSERVE_LOOP
    for (u64 four = first; four < first + 8; four += 4) {
        RandomBlock words{{0, 0, 0, 0}};
        if (rounding == STOCHASTIC) {
            if ((first & 3u) == 0) {
                words = philox(seed, four / 4);
            } else {
                PARETOSERVE_UNROLL
                for (u32 i = 0; i < 4; ++i) words.word[i] = random_word(seed, four + i);
            }
        }
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 4; ++i) codes.push(Element::encode_one(next(), rounding, words.word[i]));
    }
    return codes.bits;
}

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
