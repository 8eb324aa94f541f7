// Threads that share a run of numbers: some lanes of a warp, or a whole block of threads.
#pragma once

#include "platform.cuh"

namespace paretoserve {

constexpr u32 TEAM_THREADS = 256;

// The largest power of two that is not above `value`, which is at least 1.
PARETOSERVE_DEVICE u32 power_below(u32 value) { return 1u << (31u - leading_zeros(value)); }

struct Team {
    u32 threads, member, index, per_block;

    // Teams for runs of `length` numbers, eight per thread; a run of more than 2048 is for all threads of a block.
    PARETOSERVE_DEVICE explicit Team(u64 length) {
        const u32 eights = static_cast<u32>(least<u64>((length + 7) / 8, TEAM_THREADS));
        threads = length > 2048 ? TEAM_THREADS : least(power_below(greatest(eights, 1u)), 32u);
        member = threadIdx.x % threads;
        index = threadIdx.x / threads;
        per_block = TEAM_THREADS / threads;
    }

    // The largest of one word per thread, for every thread of the team. All threads of the block must call this.
    PARETOSERVE_DEVICE u32 largest(u32 value) const {
        __shared__ u32 of_warp[TEAM_THREADS / 32];
        const u32 lanes = least(threads, 32u);
        PARETOSERVE_LOOP
        for (u32 distance = 1; distance < lanes; distance *= 2) {
            value = greatest(value, __shfl_xor_sync(0xFFFFFFFFu, value, static_cast<int>(distance)));
        }
        if (threads <= 32) return value;
        __syncthreads();
        if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
        __syncthreads();
        PARETOSERVE_LOOP
        for (u32 i = 0; i < TEAM_THREADS / 32; ++i) value = greatest(value, of_warp[i]);
        return value;
    }
};

}  // namespace paretoserve
