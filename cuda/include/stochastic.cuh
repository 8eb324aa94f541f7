// Eight neighboring values to codes by a rounding other than to the nearest, with the random words of their places.
#pragma once

#include "memory.cuh"
#include "random.cuh"

namespace paretoserve {

// `next` gives the values one by one; `first` is the index of the first. A short loop, because it is rarely run and
// stands in many kernels.
template <class Element, class Next>
PARETOSERVE_DEVICE u64 encode_eight_slowly(Next next, Rounding rounding, u64 seed, u64 first) {
    EightCodes<Element::BITS> codes{0};
    RandomBlock words{{0, 0, 0, 0}};
    PARETOSERVE_LOOP
    for (u32 i = 0; i < 8; ++i) {
        const u64 index = first + i;
        if (rounding == STOCHASTIC && (i == 0 || (index & 3u) == 0)) words = philox(seed, index / 4);
        codes.push(Element::encode_one(next(), rounding, word_of(words, index)));
    }
    return codes.bits;
}

}  // namespace paretoserve
