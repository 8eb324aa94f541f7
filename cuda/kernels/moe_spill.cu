// The spill plan of one step of a layer, from counts that stay on the device.
//
// Grid: one block of whole warps, at most 28 of them: as many attempts are made at once.
//   outcome    number of transfers, reason, its number, time before and after in picoseconds
//   transfers  five numbers each, room for as many as there are experts and ranks: expert, source, destination, slot,
//              tokens; rows behind the last are left alone
//   quota      tokens of (expert, rank)
//   loads      tokens of each rank
//   memory     scratch: `Room::words` and three more words per rank and attempt
//   counts     of (source, expert), of 32 bits or `wide`
//   tables     a `Layer`'s
//   tolerance  in millionths, or all bits set: the one that the cost model likes best
#include "moe_spill.cuh"

namespace paretoserve {

// Ranks of all attempts that fit here are kept here.
constexpr u32 NEAR_MEMBERS = 1920;

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(896)
    paretoserve_moe_spill(paretoserve::i64* outcome, paretoserve::i64* transfers, paretoserve::i64* quota,
                          paretoserve::i64* loads, paretoserve::u64* memory, const void* counts,
                          const paretoserve::u32* tables, paretoserve::u32 num_experts, paretoserve::u32 num_ranks,
                          paretoserve::u32 node_size, paretoserve::u32 sources, paretoserve::u32 wide,
                          paretoserve::u32 tolerance, paretoserve::u32 max_in, paretoserve::u32 max_out,
                          paretoserve::u32 relay, paretoserve::u64 min_tokens, paretoserve::u64 most_tokens,
                          paretoserve::u32 timed, paretoserve::u64 token, paretoserve::u64 expert,
                          paretoserve::u64 launch, paretoserve::u64 transfer, paretoserve::u64 transfer_inter,
                          paretoserve::u64 exposed) {
    using namespace paretoserve;
    __shared__ u64 near[3 * NEAR_MEMBERS];
    const Block crew;
    const Layer layer(tables, num_experts, num_ranks, node_size);
    const Cost cost{timed, token, expert, launch, transfer, transfer_inter, exposed};
    const Step step{Counts{counts, sources, num_experts, wide}, tolerance,  max_in,     max_out,
                    relay,                                      min_tokens, most_tokens};
    const Room room(memory, num_experts, num_ranks);
    u64* far = memory + Room::words(num_experts, num_ranks);
    Member* members = reinterpret_cast<Member*>(num_ranks <= NEAR_MEMBERS / MOST_ATTEMPTS ? near : far);
    const Spiller<Block> spiller{crew, layer, cost, step, room, members};
    spiller.run(Plan{outcome, transfers, quota, loads});
}
