// Router ids to physical ids, in three launches over chunks of ids.
//
// Grid of count and place: a warp per chunk; of offsets: a warp per expert. Blocks of 128 threads.
//   out      like ids: where each goes, -1 where it goes nowhere
//   rows     scratch: a number per (chunk, expert)
//   prefix   scratch: a number per (expert, column)
//   ids      `count` experts of 32 bits or `wide`; -1 is padding
//   quota    tokens of (expert, column)
//   targets  null, or what each column stands for
//   start    null, or the tokens of each expert on lower ranks
#include "moe_remap.cuh"

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_moe_remap_count(paretoserve::u32* rows, const void* ids, paretoserve::u64 count,
                                paretoserve::u32 num_experts, paretoserve::u32 chunk, paretoserve::u32 wide) {
    using namespace paretoserve;
    const Block crew;
    const Remap remap{nullptr, nullptr, nullptr, rows, nullptr, count, num_experts, 0, chunk};
    const u64 which = static_cast<u64>(blockIdx.x) * crew.groups + crew.group;
    if (which >= remap.num_chunks()) return;
    if (wide != 0) remap.count_chunk(crew, static_cast<const i64*>(ids), which);
    else remap.count_chunk(crew, static_cast<const i32*>(ids), which);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_moe_remap_offsets(paretoserve::u32* rows, paretoserve::u64* prefix, const paretoserve::i64* quota,
                                  paretoserve::u64 count, paretoserve::u32 num_experts, paretoserve::u32 columns,
                                  paretoserve::u32 chunk) {
    using namespace paretoserve;
    const Block crew;
    const Remap remap{quota, nullptr, nullptr, rows, prefix, count, num_experts, columns, chunk};
    const u32 expert = blockIdx.x * crew.groups + crew.group;
    if (expert < num_experts) remap.add_up(crew, expert);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_moe_remap_place(void* out, paretoserve::u32* rows, paretoserve::u64* prefix, const void* ids,
                                const paretoserve::i64* targets, const paretoserve::i64* start,
                                paretoserve::u64 count, paretoserve::u32 num_experts, paretoserve::u32 columns,
                                paretoserve::u32 chunk, paretoserve::u32 wide) {
    using namespace paretoserve;
    const Block crew;
    const Remap remap{nullptr, targets, start, rows, prefix, count, num_experts, columns, chunk};
    const u64 which = static_cast<u64>(blockIdx.x) * crew.groups + crew.group;
    if (which >= remap.num_chunks()) return;
    if (wide != 0) remap.place_chunk(crew, static_cast<i64*>(out), static_cast<const i64*>(ids), which);
    else remap.place_chunk(crew, static_cast<i32*>(out), static_cast<const i32*>(ids), which);
}
