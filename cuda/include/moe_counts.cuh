// Token counts as they come in: per expert, or per source rank and expert; of 32 bits or `wide`.
#pragma once

#include "crew.cuh"

namespace paretoserve {

// What float64 holds exactly.
constexpr u64 MOST_TOKENS = 1ull << 53;

enum CountStatus : u32 { GOOD, NEGATIVE, MANY };

struct Counts {
    const void* values;
    u32 sources, num_experts, wide;

    // Fill `counts` with the tokens of each expert over all sources, and `total` with all; says what is wrong with
    // them. By all threads.
    template <class CREW>
    PARETOSERVE_DEVICE CountStatus gather(const CREW& crew, u64* counts, u64& total) const {
        for (u32 expert = crew.thread; expert < num_experts; expert += crew.threads) counts[expert] = of(expert);
        crew.meet();
        // Every group adds up for itself: that is sooner than to tell each other.
        u64 sum = 0;
        bool negative = false, many = false;
        for (u32 expert = crew.lane; expert < num_experts; expert += crew.lanes) {
            negative |= counts[expert] == BAD;
            many |= counts[expert] > MOST_TOKENS;
            sum = least(sum + least(counts[expert], MOST_TOKENS + 1), MOST_TOKENS + 1);
        }
        total = crew.sum(sum);
        if (crew.agreeing(negative) != 0) return NEGATIVE;
        return crew.agreeing(many) != 0 || total > MOST_TOKENS ? MANY : GOOD;
    }

   private:
    static constexpr u64 BAD = ~0ull;

    // `BAD` if there is a negative count.
    PARETOSERVE_DEVICE u64 of(u32 expert) const {
        u64 sum = 0;
        for (u32 source = 0; source < sources; ++source) {
            const u64 place = static_cast<u64>(source) * num_experts + expert;
            const i64 count =
                wide != 0 ? static_cast<const i64*>(values)[place] : static_cast<const i32*>(values)[place];
            if (count < 0) return BAD;
            sum = least(sum + static_cast<u64>(count), BAD - 1);
        }
        return sum;
    }
};

}  // namespace paretoserve
