// The split of one step, from counts to the tokens of each copy.
//
// Same integers as rust/core/src/moe/split/{splitter,active}.rs. What the CPU refuses gives no tokens to anybody, with
// a status that says so: a kernel raises nothing.
#pragma once

#include "moe_counts.cuh"
#include "moe_level.cuh"
#include "moe_timed.cuh"

namespace paretoserve {

enum Objective : u32 { TOKENS, ACTIVE, TIME };

// What a split is: no copy is that an expert with tokens has none on a rank that is alive.
enum SplitStatus : u32 { DONE, BAD_COUNT, MANY_TOKENS, NO_COPY, LONG_TIME };

// Where a split goes: its status, tokens of (expert, column) with columns as many as the most copies, and of each rank.
struct Quotas {
    i64 *status, *quota, *loads;
    u32 columns;
};

template <class CREW>
struct Splitter {
    const CREW& crew;
    const Copies& copies;
    const Level<CREW>& level;
    // Per expert: its tokens, and the experts by falling tokens; per rank: tokens.
    u64 *counts, *tokens;
    u32* order;

    // Words of eight bytes that all parts of a split need.
    static PARETOSERVE_DEVICE u64 words(u64 num_experts, u64 num_copies, u64 num_ranks) {
        return Level<CREW>::words(num_copies, num_ranks) + 2 * num_experts + num_ranks;
    }

    PARETOSERVE_DEVICE Splitter(const CREW& of, const Copies& over, const Level<CREW>& on, u64* memory)
        : crew(of),
          copies(over),
          level(on),
          counts(memory),
          tokens(counts + over.num_experts),
          order(reinterpret_cast<u32*>(tokens + over.num_ranks)) {}

    PARETOSERVE_DEVICE void run(const Quotas& out, const Counts& given, Objective objective, u64 most_tokens,
                                const Times& times) const {
        const SplitStatus status = check(given, most_tokens, objective == TIME ? times.most_tokens : ~0ull);
        if (crew.thread == 0) out.status[0] = status;
        const u64* quota = level.quota;
        if (status != DONE) {
            level.clear();
        } else if (objective == ACTIVE) {
            touch_few();
        } else if (objective == TIME) {
            quota = end_soon(Timed<CREW>{crew, copies, times});
        } else {
            level.solve(counts);
        }
        write(out, quota);
    }

   private:
    PARETOSERVE_DEVICE SplitStatus check(const Counts& given, u64 most_tokens, u64 most_timed) const {
        u64 total = 0;
        const CountStatus found = given.gather(crew, counts, total);
        bool missing = false;
        for (u32 expert = crew.lane; expert < copies.num_experts; expert += crew.lanes) {
            missing |= counts[expert] > 0 && copies.start[expert] == copies.start[expert + 1];
        }
        if (found == NEGATIVE) return BAD_COUNT;
        if (found == MANY || total > most_tokens) return MANY_TOKENS;
        if (crew.agreeing(missing) != 0) return NO_COPY;
        return total > most_timed ? LONG_TIME : DONE;
    }

    // One copy for each expert, so that the rank that touches most, for its speed, touches as few as it can.
    PARETOSERVE_DEVICE void touch_few() const {
        level.clear();
        for (u32 rank = crew.thread; rank < copies.num_ranks; rank += crew.threads) tokens[rank] = 0;
        for (u32 expert = crew.thread; expert < copies.num_experts; expert += crew.threads) {
            u32 before = 0;
            for (u32 other = 0; other < copies.num_experts; ++other) {
                const bool equal = counts[other] == counts[expert];
                before += counts[other] > counts[expert] || (equal && other < expert) ? 1 : 0;
            }
            order[before] = expert;
        }
        crew.meet();
        for (u32 place = 0; crew.group == 0 && place < copies.num_experts; ++place) {
            const u32 expert = order[place];
            if (counts[expert] == 0) break;
            const u32 copy = idlest(expert);
            if (crew.lane == 0) {
                ++level.quota[copy];
                ++level.loads[copies.rank[copy]];
                tokens[copies.rank[copy]] += counts[expert];
            }
            crew.meet_lanes();
        }
        crew.meet();
        level.finish();
        for (u32 copy = crew.thread; copy < copies.num_copies; copy += crew.threads) {
            level.quota[copy] *= counts[copies.expert[copy]];
        }
        crew.meet();
    }

    // The split that ends first, from few experts touched and from even tokens: returns the tokens of its copies.
    PARETOSERVE_DEVICE const u64* end_soon(const Timed<CREW>& timed) const {
        level.solve(counts);
        // Free once it is solved.
        u64* even = level.without;
        for (u32 copy = crew.thread; copy < copies.num_copies; copy += crew.threads) even[copy] = level.quota[copy];
        touch_few();
        u64 *few = level.quota, *work_of_few = level.loads, *work_of_even = tokens;
        for (u32 rank = crew.group; rank < copies.num_ranks; rank += crew.groups) {
            const u64 first = timed.work_on(rank, few), second = timed.work_on(rank, even);
            if (crew.lane == 0) {
                work_of_few[rank] = first;
                work_of_even[rank] = second;
            }
        }
        crew.meet();
        for (u32 way = crew.group; way < 2; way += crew.groups) {
            if (way == 0) timed.improve(few, work_of_few);
            else timed.improve(even, work_of_even);
        }
        crew.meet();
        return timed.last(work_of_even).key > timed.last(work_of_few).key ? even : few;
    }

    // The copy whose rank would end first with one expert more, then has fewest tokens, then the lowest number.
    PARETOSERVE_DEVICE u32 idlest(u32 expert) const {
        const auto sooner = [&](u32 one, u32 other) {
            const u32 a = copies.rank[one], b = copies.rank[other];
            const u64 first = with_one_more(a), second = with_one_more(b);
            return first < second || (first == second && tokens[a] < tokens[b]);
        };
        u32 best = Choice::NOBODY;
        for (u32 copy = copies.start[expert] + crew.lane; copy < copies.start[expert + 1]; copy += crew.lanes) {
            if (best == Choice::NOBODY || sooner(copy, best)) best = copy;
        }
        return best_of_lanes(crew, best, sooner);
    }

    PARETOSERVE_DEVICE u64 with_one_more(u32 rank) const {
        return ((level.loads[rank] + 1) << 32) / copies.speed[rank];
    }

    PARETOSERVE_DEVICE void write(const Quotas& out, const u64* quota) const {
        for (u64 cell = crew.thread; cell < static_cast<u64>(copies.num_experts) * out.columns; cell += crew.threads) {
            const u32 expert = static_cast<u32>(cell / out.columns);
            const u32 copy = copies.start[expert] + static_cast<u32>(cell % out.columns);
            out.quota[cell] = copy < copies.start[expert + 1] ? static_cast<i64>(quota[copy]) : 0;
        }
        for (u32 rank = crew.group; rank < copies.num_ranks; rank += crew.groups) {
            const u64 load = copies.sum_on(crew, rank, [&](u32 copy) { return quota[copy]; });
            if (crew.lane == 0) out.loads[rank] = static_cast<i64>(load);
        }
    }
};

}  // namespace paretoserve
