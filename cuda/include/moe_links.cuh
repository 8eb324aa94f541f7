// How long the weights of an attempt take to arrive, from their homes or passed on by ranks that have them.
//
// Same integers as rust/core/src/moe/spill/links.rs, by the lanes of one group.
#pragma once

#include "moe_attempt.cuh"

namespace paretoserve {

// Not possible: some rank would send more often than it may.
constexpr u64 NEVER = ~0ull;

// Time when all come from their homes.
template <class CREW>
PARETOSERVE_DEVICE u64 direct_links(const CREW& crew, const Attempt& attempt, const Task& task) {
    u64 busiest = 0;
    for (u32 rank = crew.lane; rank < task.layer->num_ranks; rank += crew.lanes) {
        const u64 time = greatest(attempt.sent[rank], attempt.received[rank]);
        busiest = greatest(busiest, attempt.sends[rank] > task.max_out ? NEVER : time);
    }
    return largest_of_lanes(crew, busiest);
}

// Time with relays. Leaves the order of sending in `sequence` and the senders in `via`.
template <class CREW>
PARETOSERVE_DEVICE u64 relayed_links(const CREW& crew, Attempt& attempt, const Task& task) {
    constexpr u32 SENT = 0xFFFFFFFFu;
    Piece* pieces = attempt.pieces;
    const u32 num_pieces = attempt.num_pieces;
    for (u32 rank = crew.lane; rank < task.layer->num_ranks; rank += crew.lanes) {
        attempt.sent[rank] = attempt.received[rank] = 0;
        attempt.sends[rank] = 0;
    }
    for (u32 place = crew.lane; place < num_pieces; place += crew.lanes) {
        u32 same = 0;
        for (u32 other = 0; other < num_pieces; ++other) same += pieces[other].expert == pieces[place].expert ? 1 : 0;
        attempt.waiting[place] = same;
    }
    crew.meet_lanes();
    u64 last = 0;
    for (u32 turn = 0; turn < num_pieces; ++turn) {
        // The expert that most destinations wait for, and the destination that has received least.
        Choice widest;
        for (u32 place = crew.lane; place < num_pieces; place += crew.lanes) {
            const u32 waiting = attempt.waiting[place];
            if (waiting != SENT) widest.offer(~static_cast<u64>(waiting), pieces[place].expert);
        }
        const u32 expert = widest.of_lanes(crew).who;
        Choice idlest;
        for (u32 place = crew.lane; place < num_pieces; place += crew.lanes) {
            const Piece& piece = pieces[place];
            if (piece.expert == expert && attempt.waiting[place] != SENT) {
                idlest.offer(attempt.received[piece.destination], piece.destination);
            }
        }
        const u32 destination = idlest.of_lanes(crew).who;
        // Who has the expert and gets it there first.
        const u32 home = task.layer->home[expert];
        Choice soonest;
        const auto offer = [&](u32 rank, u64 since) {
            if (attempt.sends[rank] >= task.max_out) return;
            const u64 start = greatest(greatest(attempt.sent[rank], since), attempt.received[destination]);
            soonest.offer(start + task.cost->link(*task.layer, rank, destination), rank);
        };
        if (crew.lane == 0) offer(home, 0);
        u32 mine = Choice::NOBODY;
        for (u32 place = crew.lane; place < num_pieces; place += crew.lanes) {
            if (pieces[place].expert != expert) continue;
            if (attempt.waiting[place] == SENT) offer(pieces[place].destination, attempt.arrived[place]);
            else if (pieces[place].destination == destination) mine = place;
            else --attempt.waiting[place];
        }
        const Choice source = soonest.of_lanes(crew);
        if (source.who == Choice::NOBODY) return NEVER;
        if (mine != Choice::NOBODY) {
            pieces[mine].via = source.who;
            attempt.waiting[mine] = SENT;
            attempt.arrived[mine] = source.key;
            attempt.sequence[turn] = mine;
            attempt.sent[source.who] = attempt.received[destination] = source.key;
            ++attempt.sends[source.who];
        }
        last = greatest(last, source.key);
        crew.meet_lanes();
    }
    return last;
}

// The sooner way, in `sequence` and `via`; pieces that come from their homes keep the order in which they were given.
template <class CREW>
PARETOSERVE_DEVICE u64 fill_links(const CREW& crew, Attempt& attempt, const Task& task) {
    const u64 direct = direct_links(crew, attempt, task);
    if (!task.relay) return direct;
    crew.meet_lanes();
    const u64 relayed = relayed_links(crew, attempt, task);
    if (relayed < direct) return relayed;
    crew.meet_lanes();
    for (u32 place = crew.lane; place < attempt.num_pieces; place += crew.lanes) {
        attempt.pieces[place].via = attempt.pieces[place].source;
        attempt.sequence[place] = place;
    }
    crew.meet_lanes();
    return direct;
}

}  // namespace paretoserve
