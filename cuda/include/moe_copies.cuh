// Which ranks have a copy of each expert, for the split of tokens over them.
//
// What rust/core/src/moe/split/copies.rs finds, and in which order experts can be worked on at once.
#pragma once

#include "crew.cuh"
#include "product.cuh"

namespace paretoserve {

// Tables that lie behind each other in memory after their lengths, as rust/core/src/moe/split/tables.rs writes them.
struct Copies {
    u32 num_experts, num_ranks, num_copies, num_waves;
    // Copies of expert e are numbered start[e] to start[e + 1]; where each is, and whose it is.
    const u32 *start, *rank, *expert;
    // In lowest terms, 0 if dead.
    const u32* speed;
    // Experts with one copy by its rank.
    const u32 *single_start, *singles;
    // Experts with several copies; those of one wave share no rank, and earlier ones that do are in earlier waves.
    const u32 *wave_start, *waves;
    // By the rank that gives: the copy there that gives, and one of the same expert that takes.
    const u32 *pair_start, *gives, *takes;

    PARETOSERVE_DEVICE explicit Copies(const u32* tables)
        : num_experts(tables[0]), num_ranks(tables[1]), num_copies(tables[2]), num_waves(tables[3]) {
        const u32 num_singles = tables[4], num_in_waves = tables[5], num_pairs = tables[6];
        start = tables + 7;
        rank = start + num_experts + 1;
        expert = rank + num_copies;
        speed = expert + num_copies;
        single_start = speed + num_ranks;
        singles = single_start + num_ranks + 1;
        wave_start = singles + num_singles;
        waves = wave_start + num_waves + 1;
        pair_start = waves + num_in_waves;
        gives = pair_start + num_ranks + 1;
        takes = gives + num_pairs;
    }

    // The sum of a number of each copy on a rank. By the lanes of one group.
    template <class CREW, class NUMBER>
    PARETOSERVE_DEVICE u64 sum_on(const CREW& crew, u32 rank, const NUMBER& number) const {
        u64 sum = 0;
        for (u32 at = single_start[rank] + crew.lane; at < single_start[rank + 1]; at += crew.lanes) {
            sum += number(start[singles[at]]);
        }
        for (u32 pair = pair_start[rank] + crew.lane; pair < pair_start[rank + 1]; pair += crew.lanes) {
            // A copy that gives is in as many pairs as others take, one behind the other.
            const bool first = pair == pair_start[rank] || gives[pair - 1] != gives[pair];
            sum += first ? number(gives[pair]) : 0;
        }
        return crew.sum(sum);
    }
};

}  // namespace paretoserve
