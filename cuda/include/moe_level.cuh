// Tokens of the copies so that the rank that ends last ends as early as it can: pour, then pass on.
//
// Same integers as rust/core/src/moe/split/level.rs. Each expert is poured by one group of lanes; one group passes on.
#pragma once

#include "moe_copies.cuh"

namespace paretoserve {

// Rounds of pouring; passing on finishes what they leave.
constexpr u32 POURING_ROUNDS = 24;

template <class CREW>
struct Level {
    const CREW& crew;
    const Copies& copies;
    // Tokens of each rank and of each copy.
    u64 *loads, *quota;
    // Per copy: the load of its rank without it; by how soon the ranks end then, the copies of each expert and what
    // they get.
    u64 *without, *shares;
    u32* order;
    // How the search came to each rank: the copy that gives and the one that takes.
    u32 *given_by, *taken_by, *queue;

    static PARETOSERVE_DEVICE u64 words(u64 num_copies, u64 num_ranks) { return 4 * num_copies + 3 * num_ranks; }

    PARETOSERVE_DEVICE Level(const CREW& of, const Copies& over, u64* memory)
        : crew(of),
          copies(over),
          loads(memory),
          quota(loads + over.num_ranks),
          without(quota + over.num_copies),
          shares(without + over.num_copies),
          order(reinterpret_cast<u32*>(shares + over.num_copies)),
          given_by(order + over.num_copies),
          taken_by(given_by + over.num_ranks),
          queue(taken_by + over.num_ranks) {}

    // Whether one rank ends later than another, each with so many tokens.
    PARETOSERVE_DEVICE bool later(u64 load, u32 rank, u64 other_load, u32 other) const {
        return load * copies.speed[other] > other_load * copies.speed[rank];
    }

    PARETOSERVE_DEVICE void clear() const {
        for (u32 rank = crew.thread; rank < copies.num_ranks; rank += crew.threads) loads[rank] = 0;
        for (u32 copy = crew.thread; copy < copies.num_copies; copy += crew.threads) quota[copy] = 0;
        crew.meet();
    }

    // By all threads.
    PARETOSERVE_DEVICE void solve(const u64* counts) const {
        clear();
        // What has no choice first: the others pour around it.
        for (u32 rank = crew.group; rank < copies.num_ranks; rank += crew.groups) {
            u64 load = 0;
            for (u32 at = copies.single_start[rank] + crew.lane; at < copies.single_start[rank + 1]; at += crew.lanes) {
                const u32 expert = copies.singles[at];
                quota[copies.start[expert]] = counts[expert];
                load += counts[expert];
            }
            load = crew.sum(load);
            if (crew.lane == 0) loads[rank] = load;
        }
        crew.meet();
        for (u32 round = 0; round < POURING_ROUNDS; ++round) {
            bool changed = false;
            for (u32 wave = 0; wave < copies.num_waves; ++wave) {
                const u32 end = copies.wave_start[wave + 1];
                for (u32 at = copies.wave_start[wave] + crew.group; at < end; at += crew.groups) {
                    const u32 expert = copies.waves[at];
                    if (counts[expert] > 0) changed |= pour(expert, counts[expert]);
                }
                crew.meet();
            }
            if (!crew.anyone(changed)) break;
        }
        finish();
    }

    // Pass tokens on until that no longer helps the rank that ends last. By all threads.
    PARETOSERVE_DEVICE void finish() const {
        while (crew.group == 0 && pass_on()) crew.meet_lanes();
        crew.meet();
    }

   private:
    // Split one expert anew, given all others. Says whether that changed anything.
    PARETOSERVE_DEVICE bool pour(u32 expert, u64 count) const {
        const u32 first = copies.start[expert], end = copies.start[expert + 1];
        for (u32 copy = first + crew.lane; copy < end; copy += crew.lanes) {
            without[copy] = loads[copies.rank[copy]] - quota[copy];
        }
        crew.meet_lanes();
        for (u32 copy = first + crew.lane; copy < end; copy += crew.lanes) {
            u32 place = first;
            for (u32 other = first; other < end; ++other) {
                const bool before = other < copy ? !ends_later(other, copy) : ends_later(copy, other);
                place += before ? 1 : 0;
            }
            order[place] = copy;
        }
        crew.meet_lanes();
        u64 tokens = count, speed = 0;
        const u32 used = below_level(first, end, tokens, speed);
        u64 poured = 0;
        for (u32 place = first + crew.lane; place < used; place += crew.lanes) {
            const u32 copy = order[place];
            shares[place] = tokens * copies.speed[copies.rank[copy]] / speed - without[copy];
            poured += shares[place];
        }
        const u64 left = count - crew.sum(poured);
        bool changed = false;
        for (u32 place = first + crew.lane; place < end; place += crew.lanes) {
            const u32 copy = order[place];
            u64 own = 0;
            // Fewer tokens than copies are left over by rounding down.
            if (place < used) own = shares[place] + (place - first < left ? 1 : 0);
            changed |= quota[copy] != own;
            quota[copy] = own;
            loads[copies.rank[copy]] = without[copy] + own;
        }
        crew.meet_lanes();
        return crew.agreeing(changed) != 0;
    }

    PARETOSERVE_DEVICE bool ends_later(u32 copy, u32 other) const {
        return later(without[copy], copies.rank[copy], without[other], copies.rank[other]);
    }

    // The end of the copies that get tokens: the first ones, while the next ends before the level. `tokens`, at first
    // those to pour, becomes what is on their ranks then, and `speed` that of all of them.
    PARETOSERVE_DEVICE u32 below_level(u32 first, u32 end, u64& tokens, u64& speed) const {
        u32 used = first;
        for (u32 start = first; start < end; start += crew.lanes) {
            const u32 place = start + crew.lane, copy = order[least(place, end - 1)];
            const bool inside = place < end;
            const u64 load = inside ? without[copy] : 0, own = inside ? copies.speed[copies.rank[copy]] : 0;
            const u64 loads_here = crew.sum_up_to(load), speeds_here = crew.sum_up_to(own);
            const u64 before = tokens + loads_here - load, speed_before = speed + speeds_here - own;
            // The speeds of thousands of ranks together with all tokens pass 64 bits.
            const bool below = Product(load, speed_before) < Product(before, own);
            const u32 stops = crew.agreeing(inside && place > first && !below);
            const u32 here = stops != 0 ? lowest_one(stops) : least(crew.lanes, end - start);
            if (here > 0) {
                tokens += crew.from_lane(loads_here, here - 1);
                speed += crew.from_lane(speeds_here, here - 1);
            }
            used += here;
            if (stops != 0) break;
        }
        return used;
    }

    // Take tokens off the rank that ends last, through other ranks if need be. Says whether that was possible.
    PARETOSERVE_DEVICE bool pass_on() const {
        const auto ends_after = [&](u32 one, u32 other) { return later(loads[one], one, loads[other], other); };
        u32 last = Choice::NOBODY;
        for (u32 rank = crew.lane; rank < copies.num_ranks; rank += crew.lanes) {
            if (copies.speed[rank] > 0 && (last == Choice::NOBODY || ends_after(rank, last))) last = rank;
        }
        const u32 slowest = best_of_lanes(crew, last, ends_after);
        if (slowest == Choice::NOBODY) return false;
        const u32 target = search(slowest);
        if (target == Choice::NOBODY) return false;
        // The same number of tokens moves along the whole chain, so only its ends change.
        const u64 high = copies.speed[target], low = copies.speed[slowest];
        u64 tokens = greatest((loads[slowest] * high - loads[target] * low) / (high + low), 1ull);
        for (u32 rank = target; rank != slowest; rank = copies.rank[given_by[rank]]) {
            tokens = least(tokens, quota[given_by[rank]]);
        }
        crew.meet_lanes();
        if (crew.lane == 0) {
            for (u32 rank = target; rank != slowest; rank = copies.rank[given_by[rank]]) {
                quota[given_by[rank]] -= tokens;
                quota[taken_by[rank]] += tokens;
            }
            loads[slowest] -= tokens;
            loads[target] += tokens;
        }
        return true;
    }

    // The nearest rank that would end sooner than `from` does even with one token more.
    PARETOSERVE_DEVICE u32 search(u32 from) const {
        for (u32 rank = crew.lane; rank < copies.num_ranks; rank += crew.lanes) given_by[rank] = Choice::NOBODY;
        if (crew.lane == 0) queue[0] = from;
        crew.meet_lanes();
        const u32 lower = (1u << crew.lane) - 1;
        u32 found = 1;
        for (u32 next = 0; next < found; ++next) {
            const u32 rank = queue[next], end = copies.pair_start[rank + 1];
            for (u32 start = copies.pair_start[rank]; start < end; start += crew.lanes) {
                const u32 pair = least(start + crew.lane, end - 1);
                const u32 gives = copies.gives[pair], takes = copies.takes[pair], to = copies.rank[takes];
                const bool open = start + crew.lane < end && quota[gives] > 0 && to != from &&
                                  given_by[to] == Choice::NOBODY;
                // Of several pairs that lead there the first counts.
                const u32 same = crew.equals(open ? to : Choice::NOBODY);
                const bool is_new = open && (same & lower) == 0;
                if (is_new) {
                    given_by[to] = gives;
                    taken_by[to] = takes;
                }
                const bool ends = is_new && (loads[to] + 1) * copies.speed[from] < loads[from] * copies.speed[to];
                const u32 here = crew.agreeing(is_new), ending = crew.agreeing(ends);
                if (ending != 0) {
                    crew.meet_lanes();
                    return crew.least_word(ends && (ending & lower) == 0 ? to : Choice::NOBODY);
                }
                if (is_new) queue[found + ones(here & lower)] = to;
                found += ones(here);
                crew.meet_lanes();
            }
        }
        return Choice::NOBODY;
    }
};

}  // namespace paretoserve
