// The planners of cuda/include/moe_*.cuh run by one thread alone, for tests: g++ -std=c++17 -shared.
#include "runner.hpp"

#include "moe_remap.cuh"
#include "moe_spill.cuh"
#include "moe_split.cuh"

using namespace paretoserve;

extern "C" {

u64 host_spill_words(u32 num_experts, u32 num_ranks) {
    return Room::words(num_experts, num_ranks) + static_cast<u64>(MOST_ATTEMPTS) * num_ranks * 3;
}

// `sizes` are experts, ranks, ranks per node and sources; `options` as the kernel takes them, from `wide` on.
void host_spill(i64* outcome, i64* transfers, i64* quota, i64* loads, u64* memory, const void* counts,
                const u32* tables, const u32* sizes, const u64* options) {
    const Alone crew;
    const Layer layer(tables, sizes[0], sizes[1], sizes[2]);
    const auto word = [=](u32 place) { return static_cast<u32>(options[place]); };
    const Step step{Counts{counts, sizes[3], sizes[0], word(0)}, word(1), word(2), word(3), word(4), options[5],
                    options[6]};
    const Cost cost{word(7), options[8], options[9], options[10], options[11], options[12], options[13]};
    const Room room(memory, sizes[0], sizes[1]);
    Member* members = reinterpret_cast<Member*>(memory + Room::words(sizes[0], sizes[1]));
    const Spiller<Alone> spiller{crew, layer, cost, step, room, members};
    spiller.run(Plan{outcome, transfers, quota, loads});
}

u64 host_split_words(u32 num_experts, u32 num_copies, u32 num_ranks) {
    return Splitter<Alone>::words(num_experts, num_copies, num_ranks);
}

void host_split(i64* status, i64* quota, i64* loads, u64* memory, const void* counts, const u32* tables, u32 columns,
                u32 sources, u32 wide, u32 objective, u64 most_tokens, const u64* times) {
    const Alone crew;
    const Copies copies(tables);
    const Level<Alone> level(crew, copies, memory);
    const Splitter<Alone> splitter(crew, copies, level,
                                   memory + Level<Alone>::words(copies.num_copies, copies.num_ranks));
    splitter.run(Quotas{status, quota, loads, columns}, Counts{counts, sources, copies.num_experts, wide},
                 static_cast<Objective>(objective), most_tokens,
                 Times{times[0], times[1], Cost{1, times[2], times[3], times[4], 0, 0, 0}});
}

// Remap by chunks of `chunk` ids; `wide` ids have 64 bits.
void host_remap(void* out, const void* ids, const i64* quota, const i64* targets, const i64* start, u32* rows,
                u64* prefix, u64 count, u32 num_experts, u32 columns, u32 chunk, u32 wide) {
    const Alone crew;
    const Remap remap{quota, targets, start, rows, prefix, count, num_experts, columns, chunk};
    for (u64 each = 0; each < remap.num_chunks(); ++each) {
        if (wide != 0) remap.count_chunk(crew, static_cast<const i64*>(ids), each);
        else remap.count_chunk(crew, static_cast<const i32*>(ids), each);
    }
    for (u32 expert = 0; expert < num_experts; ++expert) remap.add_up(crew, expert);
    for (u64 each = 0; each < remap.num_chunks(); ++each) {
        if (wide != 0) remap.place_chunk(crew, static_cast<i64*>(out), static_cast<const i64*>(ids), each);
        else remap.place_chunk(crew, static_cast<i32*>(out), static_cast<const i32*>(ids), each);
    }
}
}
