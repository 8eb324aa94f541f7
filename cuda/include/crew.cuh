// Who runs an algorithm that is written once: a block of threads on the device, one thread alone on the CPU.
//
// A crew has `threads`, of which this is number `thread`, in groups of `lanes`, of which this is number `lane` of group
// `group`. What lanes tell each other, and meetings, all lanes of a group (or all threads) must take part in.
#pragma once

#include "platform.cuh"

namespace paretoserve {

PARETOSERVE_DEVICE u32 ones(u32 bits) {
#ifdef __CUDA_ARCH__
    return static_cast<u32>(__popc(bits));
#else
    return static_cast<u32>(__builtin_popcount(bits));
#endif
}

// The lowest bit that is set; of none, 32.
PARETOSERVE_DEVICE u32 lowest_one(u32 bits) { return ones(~bits & (bits - 1)); }

// The meaning of all others: nobody to wait for.
struct Alone {
    static constexpr u32 threads = 1, thread = 0, groups = 1, group = 0, lanes = 1, lane = 0;

    PARETOSERVE_DEVICE void meet() const {}
    PARETOSERVE_DEVICE void meet_lanes() const {}
    PARETOSERVE_DEVICE u32 least_word(u32 value) const { return value; }
    PARETOSERVE_DEVICE u64 sum(u64 value) const { return value; }
    PARETOSERVE_DEVICE u64 sum_up_to(u64 value) const { return value; }
    PARETOSERVE_DEVICE u64 from_lane(u64 value, u32) const { return value; }
    PARETOSERVE_DEVICE u32 equals(u32) const { return 1; }
    PARETOSERVE_DEVICE u32 agreeing(bool agrees) const { return agrees ? 1u : 0u; }
    PARETOSERVE_DEVICE bool anyone(bool agrees) const { return agrees; }
};

// A block of whole warps.
struct Block {
    static constexpr u32 lanes = 32;
    static constexpr u32 everyone = 0xFFFFFFFFu;
    u32 threads, thread, groups, group, lane;

    PARETOSERVE_DEVICE Block()
        : threads(blockDim.x),
          thread(threadIdx.x),
          groups(blockDim.x / 32),
          group(threadIdx.x / 32),
          lane(threadIdx.x % 32) {}

    PARETOSERVE_DEVICE void meet() const { __syncthreads(); }
    PARETOSERVE_DEVICE void meet_lanes() const { __syncwarp(everyone); }
    PARETOSERVE_DEVICE u32 least_word(u32 value) const { return __reduce_min_sync(everyone, value); }

    PARETOSERVE_DEVICE u64 sum(u64 value) const {
        PARETOSERVE_UNROLL
        for (int distance = 1; distance < 32; distance *= 2) value += __shfl_xor_sync(everyone, value, distance);
        return value;
    }

    // Of this lane and those before it.
    PARETOSERVE_DEVICE u64 sum_up_to(u64 value) const {
        PARETOSERVE_UNROLL
        for (u32 distance = 1; distance < 32; distance *= 2) {
            const u64 before = __shfl_up_sync(everyone, value, distance);
            if (lane >= distance) value += before;
        }
        return value;
    }

    PARETOSERVE_DEVICE u64 from_lane(u64 value, u32 of) const {
        return __shfl_sync(everyone, value, static_cast<int>(of));
    }

    // Lanes with the same word, one bit each.
    PARETOSERVE_DEVICE u32 equals(u32 word) const { return __match_any_sync(everyone, word); }
    // Lanes that agree, one bit each.
    PARETOSERVE_DEVICE u32 agreeing(bool agrees) const { return __ballot_sync(everyone, agrees); }
    // Whether any thread agrees; all threads meet here.
    PARETOSERVE_DEVICE bool anyone(bool agrees) const { return __syncthreads_and(!agrees) == 0; }
};

// The smallest over the lanes.
template <class CREW>
PARETOSERVE_DEVICE u64 least_of_lanes(const CREW& crew, u64 value) {
    const u32 high = static_cast<u32>(value >> 32), least_high = crew.least_word(high);
    const u32 low = high == least_high ? static_cast<u32>(value) : 0xFFFFFFFFu;
    return static_cast<u64>(least_high) << 32 | crew.least_word(low);
}

// The largest over the lanes.
template <class CREW>
PARETOSERVE_DEVICE u64 largest_of_lanes(const CREW& crew, u64 value) {
    return ~least_of_lanes(crew, ~value);
}

// Who has the smallest key; of equal ones the lowest number.
struct Choice {
    static constexpr u32 NOBODY = 0xFFFFFFFFu;
    u64 key = ~0ull;
    u32 who = NOBODY;

    PARETOSERVE_DEVICE void offer(u64 other_key, u32 other) {
        if (other_key < key || (other_key == key && other < who)) {
            key = other_key;
            who = other;
        }
    }

    // The choice of all lanes.
    template <class CREW>
    PARETOSERVE_DEVICE Choice of_lanes(const CREW& crew) const {
        Choice result;
        result.key = least_of_lanes(crew, key);
        result.who = crew.least_word(key == result.key ? who : NOBODY);
        return result;
    }
};

// The best of one candidate per lane; of equals the lowest number. `better` says whether one beats another.
template <class CREW, class BETTER>
PARETOSERVE_DEVICE u32 best_of_lanes(const CREW& crew, u32 candidate, const BETTER& better) {
    u32 best = crew.least_word(candidate);
    while (best != Choice::NOBODY) {
        const bool beats = candidate != Choice::NOBODY && better(candidate, best);
        const u32 next = crew.least_word(beats ? candidate : Choice::NOBODY);
        if (next == Choice::NOBODY) break;
        best = next;
    }
    return best;
}

}  // namespace paretoserve
