// A split improved by time: blocks cost a launch and the reading of weights besides their tokens.
//
// Same integers as rust/core/src/moe/split/timed.rs.
#pragma once

#include "moe_copies.cuh"
#include "moe_layer.cuh"

namespace paretoserve {

// Speeds are in thousandths when multiplied by `unit`; steps of more tokens have times beyond 64 bits.
struct Times {
    u64 unit, most_tokens;
    Cost cost;
};

template <class CREW>
struct Timed {
    const CREW& crew;
    const Copies& copies;
    const Times& times;

    // Work of a rank, with so many tokens for each copy. By the lanes of one group.
    PARETOSERVE_DEVICE u64 work_on(u32 rank, const u64* quota) const {
        return copies.sum_on(crew, rank, [&](u32 copy) { return times.cost.block(quota[copy]); });
    }

    // The rank that ends last; the key falls with its time.
    PARETOSERVE_DEVICE Choice last(const u64* work) const {
        Choice found;
        for (u32 rank = crew.lane; rank < copies.num_ranks; rank += crew.lanes) {
            found.offer(~time(work[rank], rank), rank);
        }
        return found.of_lanes(crew);
    }

    // Improve `quota`, whose ranks have `work`, while the rank that ends last can end sooner. By one group.
    PARETOSERVE_DEVICE void improve(u64* quota, u64* work) const {
        for (u32 step = 0; step < 4 * copies.num_copies; ++step) {
            const Choice slowest = last(work);
            const Choice best = best_move(quota, work, slowest.who);
            if (best.key >= ~slowest.key) break;
            const u32 gives = copies.gives[best.who / 2], takes = copies.takes[best.who / 2];
            const u64 tokens = tokens_of(quota, work, best.who, slowest.who);
            crew.meet_lanes();
            if (crew.lane == 0) {
                set(quota, work, gives, quota[gives] - tokens);
                set(quota, work, takes, quota[takes] + tokens);
            }
            crew.meet_lanes();
        }
    }

   private:
    PARETOSERVE_DEVICE u64 time(u64 work, u32 rank) const {
        return work * 1000 / greatest<u64>(copies.speed[rank] * times.unit, 1);
    }

    PARETOSERVE_DEVICE void set(u64* quota, u64* work, u32 copy, u64 tokens) const {
        u64& of_rank = work[copies.rank[copy]];
        of_rank = of_rank - times.cost.block(quota[copy]) + times.cost.block(tokens);
        quota[copy] = tokens;
    }

    // Moves have numbers: those of pair p are 2 p, all tokens, and 2 p + 1, as many as make both ranks end together.
    PARETOSERVE_DEVICE u64 tokens_of(const u64* quota, const u64* work, u32 move, u32 slowest) const {
        const u64 most = quota[copies.gives[move / 2]];
        if (move % 2 == 0) return most;
        const u32 rank = copies.rank[copies.takes[move / 2]];
        const u64 from = time(work[slowest], slowest), to = time(work[rank], rank);
        const u64 even = (from > to ? from - to : 0) / (2 * greatest<u64>(times.cost.token, 1));
        return least(greatest<u64>(even, 1), most);
    }

    // The move off the slowest rank after which the two ranks of the move end soonest, and when they do.
    PARETOSERVE_DEVICE Choice best_move(const u64* quota, const u64* work, u32 slowest) const {
        const Cost& cost = times.cost;
        Choice best;
        for (u32 pair = copies.pair_start[slowest] + crew.lane; pair < copies.pair_start[slowest + 1];
             pair += crew.lanes) {
            const u64 given = quota[copies.gives[pair]], taken = quota[copies.takes[pair]];
            if (given == 0) continue;
            const u32 rank = copies.rank[copies.takes[pair]];
            const u64 without = work[slowest] - cost.block(given), with = work[rank] - cost.block(taken);
            for (u32 move = 2 * pair; move < 2 * pair + 2; ++move) {
                const u64 tokens = tokens_of(quota, work, move, slowest);
                const u64 left = without + cost.block(given - tokens), more = with + cost.block(taken + tokens);
                best.offer(greatest(time(left, slowest), time(more, rank)), move);
            }
        }
        return best.of_lanes(crew);
    }
};

}  // namespace paretoserve
