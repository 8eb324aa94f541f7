// Random words for stochastic rounding, keyed by seed and element: Philox 4x32-10 (Salmon et al. 2011).
//
// Element i uses word i % 4 of the block with counter i / 4, as rust/core/src/random.rs does.
#pragma once

#include "platform.cuh"

namespace paretoserve {

struct RandomBlock {
    u32 word[4];
};

PARETOSERVE_DEVICE RandomBlock philox(u64 seed, u64 counter) {
    u32 key0 = static_cast<u32>(seed), key1 = static_cast<u32>(seed >> 32);
    u32 a = static_cast<u32>(counter), b = static_cast<u32>(counter >> 32), c = 0, d = 0;
    PARETOSERVE_UNROLL
    for (int round = 0; round < 10; ++round) {
        const u32 high0 = multiply_high(a, 0xD2511F53u), low0 = a * 0xD2511F53u;
        const u32 high1 = multiply_high(c, 0xCD9E8D57u), low1 = c * 0xCD9E8D57u;
        a = high1 ^ b ^ key0;
        b = low1;
        c = high0 ^ d ^ key1;
        d = low0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return RandomBlock{{a, b, c, d}};
}

// The word of an element whose block this is: choices, because an index at run time would move it out of registers.
PARETOSERVE_DEVICE u32 word_of(const RandomBlock& block, u64 index) {
    const u32 low = index & 1 ? block.word[1] : block.word[0];
    const u32 high = index & 1 ? block.word[3] : block.word[2];
    return index & 2 ? high : low;
}

// The random word of one element.
PARETOSERVE_DEVICE u32 random_word(u64 seed, u64 index) { return word_of(philox(seed, index / 4), index); }

}  // namespace paretoserve
