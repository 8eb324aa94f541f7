// The spill plan of one step, from counts to transfers: every group of lanes makes an attempt, the best one wins.
//
// Same integers as rust/core/src/moe/spill/spiller.rs. What the CPU refuses is a plan in which nothing moves, with a
// reason that says so: a kernel raises nothing.
#pragma once

#include "moe_counts.cuh"
#include "moe_links.cuh"

namespace paretoserve {

// Why a plan is what it is.
enum Reason : u32 {
    EMPTY,
    BALANCED,
    LIMITS,
    NOT_WORTH,
    SPILL,
    NEGATIVE_COUNT,
    TOO_MANY_TOKENS,
    DEAD_HOME,
    COST_TOO_LARGE
};

// Tolerances that a sweep tries, in millionths.
constexpr u32 NUM_TOLERANCES = 7, NUM_ORDERS = 4, MOST_ATTEMPTS = NUM_TOLERANCES * NUM_ORDERS;
constexpr u32 AUTO = 0xFFFFFFFFu;

PARETOSERVE_DEVICE u32 sweep(u32 place) {
    switch (place) {
        case 0: return 0;
        case 1: return 10000;
        case 2: return 20000;
        case 3: return 50000;
        case 4: return 100000;
        case 5: return 200000;
        default: return 500000;
    }
}

// Numbers of an outcome, and columns of a transfer: expert, source, destination, slot, tokens.
constexpr u32 OUTCOME = 5, COLUMNS = 5;

// Where a plan goes: transfers, reason, its number, time before and after; at most experts and ranks rows of transfers;
// tokens of each expert on each rank; tokens of each rank.
struct Plan {
    i64 *outcome, *transfers, *quota, *loads;
};

// What a step is planned from.
struct Step {
    Counts counts;
    u32 tolerance, max_in, max_out, relay;
    u64 min_tokens, most_tokens;
};

// How good an attempt is; smaller is better, and what is not possible is not `valid`.
struct Score {
    u64 wanted, time, transfers, excess, moved;
    u32 valid;

    PARETOSERVE_DEVICE bool operator<(const Score& other) const {
        if (wanted != other.wanted) return wanted < other.wanted;
        if (time != other.time) return time < other.time;
        if (transfers != other.transfers) return transfers < other.transfers;
        if (excess != other.excess) return excess < other.excess;
        return moved < other.moved;
    }
};

// All that is written on the way, in one piece of memory.
struct Room {
    u64 *counts, *loads, *work, *exact, *capacity, *attempts;
    u32* natives;
    u64 per_attempt;
    Score* scores;

    // Words of eight bytes; `members` of the attempts are extra, 3 words per rank and attempt.
    static PARETOSERVE_DEVICE u64 words(u64 num_experts, u64 num_ranks) {
        return 2 * num_experts + (3 + NUM_TOLERANCES) * num_ranks +
               MOST_ATTEMPTS * (Attempt::words(num_experts, num_ranks) + 6);
    }

    PARETOSERVE_DEVICE Room(u64* memory, u32 num_experts, u32 num_ranks)
        : counts(memory),
          loads(counts + num_experts),
          work(loads + num_ranks),
          exact(work + num_ranks),
          capacity(exact + num_ranks),
          attempts(capacity + static_cast<u64>(NUM_TOLERANCES) * num_ranks),
          per_attempt(Attempt::words(num_experts, num_ranks)) {
        scores = reinterpret_cast<Score*>(attempts + MOST_ATTEMPTS * per_attempt);
        natives = reinterpret_cast<u32*>(scores + MOST_ATTEMPTS);
    }
};

// A planner at work on one step.
template <class CREW>
struct Spiller {
    const CREW& crew;
    const Layer& layer;
    const Cost& cost;
    const Step& step;
    const Room& room;
    // Of all attempts, 3 words per rank each.
    Member* members;

    // Sum the tokens; returns what is wrong with them, SPILL if nothing is.
    PARETOSERVE_DEVICE Reason gather(u64& total) const {
        const CountStatus found = step.counts.gather(crew, room.counts, total);
        if (found == NEGATIVE) return NEGATIVE_COUNT;
        if (found == MANY) return TOO_MANY_TOKENS;
        fill_loads();
        crew.meet();
        bool dead = false;
        for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
            dead |= layer.speed[rank] == 0 && room.loads[rank] > 0;
        }
        if (crew.agreeing(dead) != 0) return DEAD_HOME;
        if (total == 0) return EMPTY;
        return total > step.most_tokens ? COST_TOO_LARGE : SPILL;
    }

    // Tokens and work of each rank, one group of lanes per rank.
    PARETOSERVE_DEVICE void fill_loads() const {
        for (u32 rank = crew.group; rank < layer.num_ranks; rank += crew.groups) {
            u64 load = 0, work = 0;
            for (u32 place = layer.first_native[rank] + crew.lane; place < layer.first_native[rank + 1];
                 place += crew.lanes) {
                const u64 count = room.counts[layer.natives[place]];
                load += count;
                if (cost.timed != 0) work += cost.block(count);
            }
            load = crew.sum(load);
            work = crew.sum(work);
            if (crew.lane == 0) {
                room.loads[rank] = load;
                room.work[rank] = work;
            }
        }
    }

    // The experts of each rank by falling tokens, by counting those before each.
    PARETOSERVE_DEVICE void sort_natives() const {
        for (u32 place = crew.thread; place < layer.num_experts; place += crew.threads) {
            const u32 expert = layer.natives[place], rank = layer.home[expert];
            const u64 count = room.counts[expert];
            u32 before = layer.first_native[rank];
            for (u32 at = layer.first_native[rank]; at < layer.first_native[rank + 1]; ++at) {
                const u32 other = layer.natives[at];
                const u64 others = room.counts[other];
                before += others > count || (others == count && other < expert) ? 1 : 0;
            }
            room.natives[before] = expert;
        }
    }

    PARETOSERVE_DEVICE u32 num_tolerances() const { return step.tolerance == AUTO ? NUM_TOLERANCES : 1; }
    PARETOSERVE_DEVICE u32 tolerance(u32 place) const { return step.tolerance == AUTO ? sweep(place) : step.tolerance; }

    // Near ranks are worth a look only where links differ.
    PARETOSERVE_DEVICE u32 num_orders() const {
        const bool far = layer.node(layer.num_ranks - 1) > 0 && cost.timed != 0 && cost.transfer_inter > cost.transfer;
        return far ? NUM_ORDERS : NUM_ORDERS - 1;
    }

    PARETOSERVE_DEVICE void fill_capacities(u64 total) const {
        u64 speeds = 0;
        for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) speeds += layer.speed[rank];
        speeds = crew.sum(speeds);
        for (u64 place = crew.thread; place < static_cast<u64>(num_tolerances()) * layer.num_ranks;
             place += crew.threads) {
            const u32 rank = static_cast<u32>(place % layer.num_ranks);
            const u32 which = tolerance(static_cast<u32>(place / layer.num_ranks));
            room.capacity[place] = capacity_of(layer, rank, room.exact[rank], total, speeds, which);
        }
    }

    PARETOSERVE_DEVICE Attempt attempt(u32 place) const {
        return Attempt(room.attempts + place * room.per_attempt,
                       members + static_cast<u64>(place) * layer.num_ranks, layer.num_experts, layer.num_ranks);
    }

    // Make an attempt, and again without relays if some rank would have to send too often.
    PARETOSERVE_DEVICE Score make(Attempt& made, u32 place) const {
        const u64* capacity = room.capacity + static_cast<u64>(place / num_orders()) * layer.num_ranks;
        u64 largest = 0;
        bool above = false;
        for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
            largest = greatest(largest, capacity[rank]);
            above |= room.loads[rank] > capacity[rank];
        }
        largest = largest_of_lanes(crew, largest);
        Score score{0, 0, 0, 0, 0, 0};
        if (crew.agreeing(above) == 0) return score;
        // A smallest piece that no rank could hold would keep everything at home.
        const u64 min_tokens = least(greatest(step.min_tokens, 1ull), greatest(largest, 1ull));
        Task task{&layer,      &cost,      room.counts, room.natives, room.loads,  room.work,
                  capacity,    min_tokens, step.max_in, step.max_out, static_cast<Order>(place % num_orders()),
                  step.relay != 0};
        u64 links = NEVER;
        PARETOSERVE_LOOP
        for (u32 again = 0; again < 2 && links == NEVER; ++again) {
            task.relay = task.relay && again == 0;
            crew.meet_lanes();
            made.run(crew, task);
            links = fill_links(crew, made, task);
        }
        u64 moved = 0;
        for (u32 piece = crew.lane; piece < made.num_pieces; piece += crew.lanes) moved += made.pieces[piece].tokens;
        score.wanted = step.tolerance == AUTO ? 0 : made.excess;
        if (cost.timed != 0) score.time = slowest(crew, layer, made.work) + links * cost.exposed / 1000000ull;
        score.transfers = made.num_pieces;
        score.excess = made.excess;
        score.moved = crew.sum(moved);
        score.valid = links != NEVER ? 1 : 0;
        return score;
    }

    // Rows of transfers, and how loads and quotas change by them.
    PARETOSERVE_DEVICE void accept(const Plan& plan, const Attempt& best, u32 num_pieces) const {
        for (u32 turn = crew.thread; turn < num_pieces; turn += crew.threads) {
            const Piece piece = best.pieces[best.sequence[turn]];
            u32 slot = 0;
            u64 stays = room.counts[piece.expert];
            for (u32 other = 0; other < num_pieces; ++other) {
                const Piece& another = best.pieces[best.sequence[other]];
                slot += other < turn && another.destination == piece.destination ? 1 : 0;
                stays -= another.expert == piece.expert ? another.tokens : 0;
            }
            i64* row = plan.transfers + static_cast<u64>(turn) * COLUMNS;
            row[0] = piece.expert;
            row[1] = piece.via;
            row[2] = piece.destination;
            row[3] = slot;
            row[4] = static_cast<i64>(piece.tokens);
            i64* quota = plan.quota + static_cast<u64>(piece.expert) * layer.num_ranks;
            quota[piece.destination] = static_cast<i64>(piece.tokens);
            // All pieces of an expert write the same here.
            quota[piece.source] = static_cast<i64>(stays);
        }
        for (u32 rank = crew.thread; rank < layer.num_ranks; rank += crew.threads) {
            u64 load = room.loads[rank];
            for (u32 other = 0; other < num_pieces; ++other) {
                const Piece& piece = best.pieces[other];
                if (piece.source == rank) load -= piece.tokens;
                if (piece.destination == rank) load += piece.tokens;
            }
            plan.loads[rank] = static_cast<i64>(load);
        }
    }

    // The plan in which everything stays at home. What is no count is none.
    PARETOSERVE_DEVICE void stay(const Plan& plan, bool valid) const {
        for (u64 cell = crew.thread; cell < static_cast<u64>(layer.num_experts) * layer.num_ranks;
             cell += crew.threads) {
            const u32 expert = static_cast<u32>(cell / layer.num_ranks);
            const u32 rank = static_cast<u32>(cell % layer.num_ranks);
            plan.quota[cell] = valid && rank == layer.home[expert] ? static_cast<i64>(room.counts[expert]) : 0;
        }
        for (u32 rank = crew.thread; rank < layer.num_ranks; rank += crew.threads) {
            plan.loads[rank] = valid ? static_cast<i64>(room.loads[rank]) : 0;
        }
    }

    PARETOSERVE_DEVICE void conclude(const Plan& plan, u32 rows, Reason reason, u64 number, u64 before,
                                     u64 after) const {
        if (crew.thread != 0) return;
        plan.outcome[0] = rows;
        plan.outcome[1] = reason;
        plan.outcome[2] = static_cast<i64>(number);
        plan.outcome[3] = static_cast<i64>(before);
        plan.outcome[4] = static_cast<i64>(after);
    }

    PARETOSERVE_DEVICE void run(const Plan& plan) const {
        u64 total = 0;
        const Reason wrong = gather(total);
        stay(plan, wrong != NEGATIVE_COUNT && wrong != TOO_MANY_TOKENS);
        if (wrong != SPILL) return conclude(plan, 0, wrong, 0, 0, 0);
        const u64 before = cost.timed != 0 ? slowest(crew, layer, room.work) : 0;
        if (crew.group == 0) fill_exact(crew, room.exact, layer, total);
        sort_natives();
        crew.meet();
        fill_capacities(total);
        crew.meet();
        const u32 num_attempts = num_tolerances() * num_orders();
        for (u32 place = crew.group; place < num_attempts; place += crew.groups) {
            Attempt made = attempt(place);
            const Score score = make(made, place);
            if (crew.lane == 0) room.scores[place] = score;
        }
        crew.meet();
        u32 best = Choice::NOBODY;
        for (u32 place = 0; place < num_attempts; ++place) {
            const Score& score = room.scores[place];
            if (score.valid != 0 && (best == Choice::NOBODY || score < room.scores[best])) best = place;
        }
        if (best == Choice::NOBODY) return conclude(plan, 0, BALANCED, 0, before, before);
        const Score score = room.scores[best];
        const u32 rows = static_cast<u32>(score.transfers);
        if (rows == 0) return conclude(plan, 0, LIMITS, 0, before, before);
        if (cost.timed != 0 && score.time >= before) return conclude(plan, 0, NOT_WORTH, score.time, before, before);
        accept(plan, attempt(best), rows);
        conclude(plan, rows, SPILL, tolerance(best / num_orders()), before, score.time);
    }
};

}  // namespace paretoserve
