// Eight neighboring values to codes by a rounding other than to the nearest, with the random words of their places.
#pragma once

#include "memory.cuh"
#include "random.cuh"

namespace paretoserve {

// Four neighboring words of two blocks, from the word `shift` of the first on.
PARETOSERVE_DEVICE RandomBlock words_from(const RandomBlock& a, const RandomBlock& b, u32 shift) {
    const u32 all[7] = {a.word[0], a.word[1], a.word[2], a.word[3], b.word[0], b.word[1], b.word[2]};
    RandomBlock result;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 4; ++i) {
        // Choices by the bits of `shift`, because an index at run time would move the words out of registers.
        const u32 even = shift & 2u ? all[least(i + 2, 6u)] : all[i];
        const u32 odd = shift & 2u ? all[i + 3] : all[i + 1];
        result.word[i] = shift & 1u ? odd : even;
    }
    return result;
}

// `next` gives the values one by one; `first` is the index of the first.
template <class Element, class Next>
PARETOSERVE_DEVICE u64 encode_eight_slowly(Next next, Rounding rounding, u64 seed, u64 first) {
    EightCodes<Element::BITS> codes{0};
    const u32 shift = static_cast<u32>(first & 3u);
    RandomBlock words{{0, 0, 0, 0}}, following{{0, 0, 0, 0}};
    if (rounding == STOCHASTIC) words = philox(seed, first / 4);
    PARETOSERVE_LOOP
    for (u32 four = 0; four < 2; ++four) {
        if (rounding == STOCHASTIC && (four == 0 || shift != 0)) following = philox(seed, first / 4 + four + 1);
        const RandomBlock now = words_from(words, following, shift);
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 4; ++i) codes.push(Element::encode_one(next(), rounding, now.word[i]));
        words = following;
    }
    return codes.bits;
}

}  // namespace paretoserve
