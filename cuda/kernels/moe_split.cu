// The split of one step of a layer over the copies of its experts, from counts that stay on the device.
//
// Grid: one block of whole warps.
//   status     0, or what is wrong with the counts: a `SplitStatus`
//   quota      tokens of (expert, column)
//   loads      tokens of each rank
//   memory     scratch: `Splitter::words`
//   counts     of (source, expert), of 32 bits or `wide`
//   tables     a `Copies`'
//   columns    most copies of an expert
//   objective  an `Objective`
//   most_tokens  more are refused
//   unit, most_timed, token, expert, launch  for the objective `TIME`: a `Times`
#include "moe_split.cuh"

namespace paretoserve {

// Scratch that fits here is kept here.
constexpr u32 NEAR_WORDS = 5632;

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(512)
    paretoserve_moe_split(paretoserve::i64* status, paretoserve::i64* quota, paretoserve::i64* loads,
                          paretoserve::u64* memory, const void* counts, const paretoserve::u32* tables,
                          paretoserve::u32 columns, paretoserve::u32 sources, paretoserve::u32 wide,
                          paretoserve::u32 objective, paretoserve::u64 most_tokens, paretoserve::u64 unit,
                          paretoserve::u64 most_timed, paretoserve::u64 token, paretoserve::u64 expert,
                          paretoserve::u64 launch) {
    using namespace paretoserve;
    __shared__ u64 near[NEAR_WORDS];
    const Block crew;
    const Copies copies(tables);
    const u32 num_copies = copies.num_copies, num_ranks = copies.num_ranks;
    u64* room = Splitter<Block>::words(copies.num_experts, num_copies, num_ranks) <= NEAR_WORDS ? near : memory;
    const Level<Block> level(crew, copies, room);
    const Splitter<Block> splitter(crew, copies, level, room + Level<Block>::words(num_copies, num_ranks));
    const Times times{unit, most_timed, Cost{1, token, expert, launch, 0, 0, 0}};
    splitter.run(Quotas{status, quota, loads, columns}, Counts{counts, sources, copies.num_experts, wide},
                 static_cast<Objective>(objective), most_tokens, times);
}
