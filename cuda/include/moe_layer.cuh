// One layer's experts and the ranks that keep them, and what a step costs.
//
// Same integers as rust/core/src/moe/{ranks,cost}.rs.
#pragma once

#include "crew.cuh"
#include "product.cuh"

namespace paretoserve {

// What does not change from step to step: tables that lie behind each other in memory.
struct Layer {
    u32 num_experts, num_ranks, node_size;
    // Experts by rank, those of rank r at first_native[r] to first_native[r + 1], and the rank of each expert.
    const u32 *natives, *first_native, *home;
    // In thousandths, 0 if dead; foreign experts that a rank has room for.
    const u32 *speed, *max_foreign;

    PARETOSERVE_DEVICE Layer(const u32* tables, u32 experts, u32 ranks, u32 node)
        : num_experts(experts),
          num_ranks(ranks),
          node_size(node),
          natives(tables),
          first_native(natives + experts),
          home(first_native + ranks + 1),
          speed(home + experts),
          max_foreign(speed + ranks) {}

    PARETOSERVE_DEVICE u32 node(u32 rank) const { return rank / node_size; }
};

// Times of a standard rank in picoseconds; `exposed` in millionths. Not `timed`: nothing is weighed.
struct Cost {
    u32 timed;
    u64 token, expert, launch, transfer, transfer_inter, exposed;

    PARETOSERVE_DEVICE u64 block(u64 tokens) const {
        return tokens == 0 ? 0 : launch + greatest(expert, tokens * token);
    }

    // Without a cost model all transfers take the same.
    PARETOSERVE_DEVICE u64 link(const Layer& layer, u32 source, u32 destination) const {
        if (timed == 0) return 1;
        return layer.node(source) == layer.node(destination) ? transfer : transfer_inter;
    }
};

// What a rank takes for its work, for its speed.
PARETOSERVE_DEVICE u64 time_of_work(const Layer& layer, u64 work, u32 rank) {
    return work * 1000 / greatest(layer.speed[rank], 1u);
}

// Time of the rank that ends last.
template <class CREW>
PARETOSERVE_DEVICE u64 slowest(const CREW& crew, const Layer& layer, const u64* work) {
    u64 last = 0;
    for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
        last = greatest(last, time_of_work(layer, work[rank], rank));
    }
    return largest_of_lanes(crew, last);
}

// The least capacities that hold all tokens: those of the split of whole tokens that ends first. By the lanes of one
// group.
template <class CREW>
PARETOSERVE_DEVICE void fill_exact(const CREW& crew, u64* exact, const Layer& layer, u64 total) {
    u64 speeds = 0, alive = 0, fastest = 0, slowest_speed = ~0ull;
    for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
        const u64 speed = layer.speed[rank];
        speeds += speed;
        alive += speed > 0 ? 1 : 0;
        fastest = greatest(fastest, speed);
        if (speed > 0) slowest_speed = least(slowest_speed, speed);
    }
    speeds = crew.sum(speeds);
    alive = crew.sum(alive);
    if (largest_of_lanes(crew, fastest) == least_of_lanes(crew, slowest_speed)) {
        const u64 share = (total + alive - 1) / alive;
        for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
            exact[rank] = layer.speed[rank] > 0 ? share : 0;
        }
        crew.meet_lanes();
        return;
    }
    u64 placed = 0;
    for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
        exact[rank] = Product(total, layer.speed[rank]).over(speeds);
        placed += exact[rank];
    }
    placed = crew.sum(placed);
    crew.meet_lanes();
    // The rank that ends first with one token more, or last as it is.
    const auto extreme = [&](bool first) {
        const u64 more = first ? 1 : 0;
        const auto better = [&](u32 one, u32 other) {
            const Product a(exact[one] + more, layer.speed[other]), b(exact[other] + more, layer.speed[one]);
            return first ? a < b : b < a;
        };
        u32 best = Choice::NOBODY;
        for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
            if (layer.speed[rank] > 0 && (best == Choice::NOBODY || better(rank, best))) best = rank;
        }
        return best_of_lanes(crew, best, better);
    };
    // What rounding left over, fewer tokens than ranks, goes one by one to where it ends first.
    for (; placed < total; ++placed) {
        const u32 first = extreme(true);
        if (first % crew.lanes == crew.lane) ++exact[first];
        crew.meet_lanes();
    }
    const u32 last = extreme(false);
    const u64 tokens = exact[last], speed = layer.speed[last];
    crew.meet_lanes();
    for (u32 rank = crew.lane; rank < layer.num_ranks; rank += crew.lanes) {
        exact[rank] = Product(tokens, layer.speed[rank]).over(speed);
    }
    crew.meet_lanes();
}

// Tokens that a rank may have: its share and what the tolerance, in millionths, adds; never less than `exact`.
PARETOSERVE_DEVICE u64 capacity_of(const Layer& layer, u32 rank, u64 exact, u64 total, u64 speeds, u32 tolerance) {
    const u64 speed = layer.speed[rank];
    if (speed == 0) return 0;
    return greatest(exact, Product(total, (1000000ull + tolerance) * speed).over(speeds * 1000000ull));
}

}  // namespace paretoserve
