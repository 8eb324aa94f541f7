// Router ids to physical ids: the place of a token in its expert's order picks the copy, without random numbers.
//
// Same ids as rust/core/src/moe/remap.rs, in three steps: how often each expert comes in each chunk of ids, how often
// before it, and then each id by itself. What the CPU refuses (no expert, or more tokens than the quota) becomes -1.
#pragma once

#include "crew.cuh"

namespace paretoserve {

struct Remap {
    // Of (expert, column); targets null: the column itself. Tokens of each expert on lower ranks, or null.
    const i64 *quota, *targets, *start;
    // Of (chunk, expert): how often an expert comes, then how often before. Of (expert, column): the end of its tokens.
    u32* rows;
    u64* prefix;
    u64 count;
    u32 num_experts, columns, chunk;

    PARETOSERVE_DEVICE u64 num_chunks() const { return (count + chunk - 1) / chunk; }

    // By the lanes of one group.
    template <class CREW, class ID>
    PARETOSERVE_DEVICE void count_chunk(const CREW& crew, const ID* ids, u64 which) const {
        u32* row = rows + which * num_experts;
        for (u32 expert = crew.lane; expert < num_experts; expert += crew.lanes) row[expert] = 0;
        crew.meet_lanes();
        each_id(crew, ids, which, [&](u64, u32 expert, u32 same) {
            if (expert < num_experts && is_lowest(crew, same)) row[expert] += ones(same);
        });
    }

    // Of one expert, by the lanes of one group.
    template <class CREW>
    PARETOSERVE_DEVICE void add_up(const CREW& crew, u32 expert) const {
        u64 before = 0;
        const u64 chunks = num_chunks();
        for (u64 first = 0; first < chunks; first += crew.lanes) {
            const u64 place = (first + crew.lane) * num_experts + expert;
            const u64 own = first + crew.lane < chunks ? rows[place] : 0, sum = crew.sum_up_to(own);
            if (first + crew.lane < chunks) rows[place] = static_cast<u32>(before + sum - own);
            before += crew.from_lane(sum, crew.lanes - 1);
        }
        u64 end = 0;
        for (u32 first = 0; first < columns; first += crew.lanes) {
            const u32 column = first + crew.lane;
            const u64 place = static_cast<u64>(expert) * columns + column;
            const u64 own = column < columns ? static_cast<u64>(greatest(quota[place], i64(0))) : 0;
            const u64 sum = crew.sum_up_to(own);
            if (column < columns) prefix[place] = end + sum;
            end += crew.from_lane(sum, crew.lanes - 1);
        }
    }

    // By the lanes of one group.
    template <class CREW, class ID>
    PARETOSERVE_DEVICE void place_chunk(const CREW& crew, ID* out, const ID* ids, u64 which) const {
        u32* row = rows + which * num_experts;
        each_id(crew, ids, which, [&](u64 place, u32 expert, u32 same) {
            const u32 before = expert < num_experts ? row[expert] : 0;
            crew.meet_lanes();
            if (expert < num_experts && is_lowest(crew, same)) row[expert] = before + ones(same);
            if (place >= count) return;
            out[place] = expert < num_experts
                             ? static_cast<ID>(target(expert, before + ones(same & ((1u << crew.lane) - 1))))
                             : ID(-1);
        });
    }

   private:
    // Call `work` with the place of an id, its expert (`num_experts` if it is none) and the lanes that have it, too.
    template <class CREW, class ID, class WORK>
    PARETOSERVE_DEVICE void each_id(const CREW& crew, const ID* ids, u64 which, const WORK& work) const {
        const u64 end = least((which + 1) * chunk, count);
        PARETOSERVE_LOOP
        for (u64 first = which * chunk; first < end; first += crew.lanes) {
            const u64 place = first + crew.lane;
            const i64 id = place < end ? static_cast<i64>(ids[place]) : -1;
            const u32 expert = id >= 0 && id < num_experts ? static_cast<u32>(id) : num_experts;
            work(place < end ? place : count, expert, crew.equals(expert));
            crew.meet_lanes();
        }
    }

    template <class CREW>
    static PARETOSERVE_DEVICE bool is_lowest(const CREW& crew, u32 same) {
        return (same & ((1u << crew.lane) - 1)) == 0;
    }

    // Where the token at a place in its expert's order here goes.
    PARETOSERVE_DEVICE i64 target(u32 expert, u32 here) const {
        const u64 place = here + (start == nullptr ? 0 : static_cast<u64>(greatest(start[expert], i64(0))));
        const u64* ends = prefix + static_cast<u64>(expert) * columns;
        u32 low = 0, high = columns;
        while (low < high) {
            const u32 middle = (low + high) / 2;
            if (ends[middle] > place) high = middle;
            else low = middle + 1;
        }
        if (low == columns) return -1;
        return targets == nullptr ? static_cast<i64>(low) : targets[static_cast<u64>(expert) * columns + low];
    }
};

}  // namespace paretoserve
