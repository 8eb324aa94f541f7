// One attempt at a spill: which rank gives next, and who takes. Each is made by the lanes of one group.
//
// Same integers as rust/core/src/moe/spill/greedy.rs. A lane owns every `lanes`-th rank; ties go to the lower number.
#pragma once

#include "moe_layer.cuh"

namespace paretoserve {

// All but the first send a surplus that fits one rank to where least room is left over.
enum Order : u32 { LARGEST_EXPERT, LARGEST_SURPLUS, SMALLEST_SURPLUS, NEAR_FIRST };

// What an attempt is for; the same for all of them but for capacity and order.
struct Task {
    const Layer* layer;
    const Cost* cost;
    // Tokens of each expert, the experts of each rank by falling tokens, tokens and work of each rank at the start.
    const u64* counts;
    const u32* natives;
    const u64 *loads, *work, *capacity;
    u64 min_tokens;
    u32 max_in, max_out;
    Order order;
    // Whether a rank sends each of its experts once, and others pass it on.
    bool relay;

    PARETOSERVE_DEVICE u64 tokens_of(u32 place) const { return counts[natives[place]]; }
};

// A rank that has more than its capacity: surplus, tokens of its present expert that are still at home, the place of
// that expert in `natives`, sends left. Or one that has room, with `next` = TAKES and slots left. Or neither.
struct Member {
    static constexpr u32 TAKES = 0xFFFFFFFEu, DONE = 0xFFFFFFFFu;
    u64 amount, left;
    u32 next, limit;

    PARETOSERVE_DEVICE bool gives() const { return next < TAKES; }

    // Whether a giver is at its capacity or at its limit, or what it has is too little for a piece.
    PARETOSERVE_DEVICE bool is_done(u64 min_tokens) const {
        return limit == 0 || amount < min_tokens || left < min_tokens;
    }
};

// Tokens of an expert that leave its home; `via` is who sends the weights.
struct Piece {
    u32 expert, source, destination, via;
    u64 tokens;
};

// Room of one attempt: per rank, and per piece, of which there are at most as many as experts and ranks.
struct Attempt {
    Member* member;
    u64 *work, *sent, *received, *arrived;
    u32 *sends, *waiting, *sequence;
    Piece* pieces;
    u32 num_pieces;
    u64 excess;

    // Words of eight bytes of everything but `member`.
    static PARETOSERVE_DEVICE u64 words(u64 num_experts, u64 num_ranks) {
        return 4 * num_ranks + 5 * (num_experts + num_ranks);
    }

    PARETOSERVE_DEVICE Attempt(u64* room, Member* members, u32 num_experts, u32 num_ranks) : member(members) {
        const u64 most = static_cast<u64>(num_experts) + num_ranks;
        work = room;
        sent = work + num_ranks;
        received = sent + num_ranks;
        pieces = reinterpret_cast<Piece*>(received + num_ranks);
        arrived = received + num_ranks + 3 * most;
        waiting = reinterpret_cast<u32*>(arrived + most);
        sequence = waiting + most;
        sends = sequence + most;
        num_pieces = 0;
        excess = 0;
    }

    template <class CREW>
    PARETOSERVE_DEVICE void clear(const CREW& crew, const Task& task) {
        const Layer& layer = *task.layer;
        num_pieces = 0;
        excess = 0;
        for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
            const u64 load = task.loads[rank], capacity = task.capacity[rank];
            Member each{0, 0, Member::DONE, 0};
            if (load > capacity) {
                const u32 first = layer.first_native[rank];
                each = {load - capacity, task.tokens_of(first), first, task.max_out};
                if (each.is_done(task.min_tokens)) {
                    excess += each.amount;
                    each.next = Member::DONE;
                }
            } else if (load < capacity) {
                const u32 slots = least(layer.max_foreign[rank], task.max_in);
                if (slots > 0 && capacity - load >= task.min_tokens) each = {capacity - load, 0, Member::TAKES, slots};
            }
            member[rank] = each;
            if (task.cost->timed != 0) work[rank] = task.work[rank];
            sent[rank] = received[rank] = 0;
            sends[rank] = 0;
        }
        crew.meet_lanes();
    }

    // Give away what is above capacity.
    template <class CREW>
    PARETOSERVE_DEVICE void run(const CREW& crew, const Task& task) {
        clear(crew, task);
        for (;;) {
            const u32 giver = next_giver(crew, task);
            if (giver == Choice::NOBODY) break;
            const u32 taker = next_taker(crew, task, giver, member[giver].amount);
            if (taker == Choice::NOBODY) break;
            if (crew.lane == 0) give(task, giver, taker);
            ++num_pieces;
            crew.meet_lanes();
        }
        for (u32 rank = crew.lane; rank < task.layer->num_ranks; rank += crew.lanes) {
            if (member[rank].gives()) excess += member[rank].amount;
        }
        excess = crew.sum(excess);
    }

   private:
    template <class CREW>
    PARETOSERVE_DEVICE u32 next_giver(const CREW& crew, const Task& task) const {
        Choice best;
        for (u32 rank = crew.lane; rank < task.layer->num_ranks; rank += crew.lanes) {
            const Member each = member[rank];
            if (!each.gives()) continue;
            const bool smallest = task.order == SMALLEST_SURPLUS || task.order == NEAR_FIRST;
            const u64 size = task.order == LARGEST_EXPERT ? task.tokens_of(each.next) : each.amount;
            best.offer(smallest ? size : ~size, rank);
        }
        return best.of_lanes(crew).who;
    }

    // Where least room is left over, else the emptiest; among near ranks first if the order says so.
    template <class CREW>
    PARETOSERVE_DEVICE u32 next_taker(const CREW& crew, const Task& task, u32 giver, u64 surplus) const {
        // Room is below 2^60: the choice between kinds of takers stands above it.
        constexpr u64 full = (1ull << 60) - 1;
        const u32 node = task.layer->node(giver);
        Choice best;
        for (u32 rank = crew.lane; rank < task.layer->num_ranks; rank += crew.lanes) {
            const Member each = member[rank];
            if (each.next != Member::TAKES) continue;
            const bool fits = task.order != LARGEST_EXPERT && each.amount >= surplus;
            const bool far = task.order == NEAR_FIRST && task.layer->node(rank) != node;
            const u64 kind = (far ? 2u : 0u) + (fits ? 0u : 1u);
            best.offer(kind << 60 | (fits ? each.amount : full - each.amount), rank);
        }
        return best.of_lanes(crew).who;
    }

    // One piece, and who is done with it. By one lane.
    PARETOSERVE_DEVICE void give(const Task& task, u32 giver_rank, u32 taker_rank) {
        const Layer& layer = *task.layer;
        Member giver = member[giver_rank], taker = member[taker_rank];
        const u32 expert = task.natives[giver.next];
        const u64 tokens = least(least(giver.amount, taker.amount), giver.left);
        const u64 link = task.cost->link(layer, giver_rank, taker_rank);
        if (task.cost->timed != 0) {
            work[giver_rank] -= task.cost->block(giver.left) - task.cost->block(giver.left - tokens);
            work[taker_rank] += task.cost->block(tokens);
        }
        pieces[num_pieces] = {expert, giver_rank, taker_rank, giver_rank, tokens};
        sequence[num_pieces] = num_pieces;
        sent[giver_rank] += link;
        received[taker_rank] += link;
        ++sends[giver_rank];
        giver.amount -= tokens;
        giver.left -= tokens;
        giver.limit -= task.relay ? 0 : 1;
        taker.amount -= tokens;
        --taker.limit;
        if (taker.limit == 0 || taker.amount < task.min_tokens) taker.next = Member::DONE;
        if (giver.left < task.min_tokens) {
            giver.limit -= task.relay ? 1 : 0;
            ++giver.next;
            giver.left = giver.next < layer.first_native[giver_rank + 1] ? task.tokens_of(giver.next) : 0;
        }
        if (giver.is_done(task.min_tokens)) {
            excess += giver.amount;
            giver.next = Member::DONE;
        }
        member[giver_rank] = giver;
        member[taker_rank] = taker;
    }
};

}  // namespace paretoserve
