// Ranks of a sorted table, some rows after the others: a row's rank is one more than the largest of those that beat it.
//
// Rows are sorted so that a row that beats another one comes before it, so that the ranks of all rows before `first`
// are final. `raise` compares `count` rows with those before `first`; `settle`, after it, with each other.
//   ranks    n of them, 0 at the start
//   keys     `d` columns of `n` keys
// Grid of raise: x covers the rows in blocks of 128 threads, y any number of slices of the rows before them.
// Grid of settle: one block of 128 threads, and `count` is at most that.
#include "pareto_dominance.cuh"

namespace paretoserve {

template <class KEY, u32 D>
PARETOSERVE_DEVICE i32 raised(KEY* tile, i32* tile_ranks, const i32* ranks, const KEY* keys, u64 n, u64 row,
                              bool is_row, u64 first) {
    Row<KEY, D> own{};
    if (is_row) own.load(keys, n, row);
    i32 rank = 0;
    for (u64 start = static_cast<u64>(blockIdx.y) * TILE_ROWS; start < first;
         start += static_cast<u64>(gridDim.y) * TILE_ROWS) {
        const u64 other = start + threadIdx.x;
        __syncthreads();
        PARETOSERVE_UNROLL
        for (u32 k = 0; k < D; ++k) {
            if (other < first) tile[k * TILE_ROWS + threadIdx.x] = keys[k * n + other];
        }
        if (other < first) tile_ranks[threadIdx.x] = ranks[other];
        __syncthreads();
        const u32 length = static_cast<u32>(least<u64>(first - start, TILE_ROWS));
        for (u32 place = 0; place < length; ++place) {
            if (tile_ranks[place] >= rank && own.beaten_by(tile, place, false)) rank = tile_ranks[place] + 1;
        }
    }
    return rank;
}

template <class KEY>
PARETOSERVE_DEVICE i32 raised_by_rows(const i32* ranks, const KEY* keys, u64 n, u64 row, bool is_row, u64 first,
                                      u32 d) {
    i32 rank = 0;
    for (u64 other = blockIdx.y; is_row && other < first; other += gridDim.y) {
        if (ranks[other] >= rank && beaten(keys, n, row, keys, n, other, d, false)) rank = ranks[other] + 1;
    }
    return rank;
}

template <class KEY>
PARETOSERVE_DEVICE void raise(i32* ranks, const KEY* keys, u64 n, u64 first, u64 count, u32 d) {
    __shared__ KEY tile[MOST_IN_TILES * TILE_ROWS];
    __shared__ i32 tile_ranks[TILE_ROWS];
    const u64 place = static_cast<u64>(blockIdx.x) * TILE_ROWS + threadIdx.x, row = first + place;
    const bool is_row = place < count;
    i32 rank = 0;
    switch (d) {
        case 1: rank = raised<KEY, 1>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 2: rank = raised<KEY, 2>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 3: rank = raised<KEY, 3>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 4: rank = raised<KEY, 4>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 5: rank = raised<KEY, 5>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 6: rank = raised<KEY, 6>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 7: rank = raised<KEY, 7>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        case 8: rank = raised<KEY, 8>(tile, tile_ranks, ranks, keys, n, row, is_row, first); break;
        default: rank = raised_by_rows<KEY>(ranks, keys, n, row, is_row, first, d);
    }
    if (is_row && rank > 0) atomicMax(ranks + row, rank);
}

// Which rows of the block beat a row is found once; then, row by row, each tells its final rank to those it beats.
template <class KEY>
PARETOSERVE_DEVICE void settle(i32* ranks, const KEY* keys, u64 n, u64 first, u32 count, u32 d) {
    __shared__ i32 final_ranks[TILE_ROWS];
    const u32 place = threadIdx.x;
    const u64 row = first + place;
    u32 beaten_by[TILE_ROWS / 32] = {};
    i32 rank = place < count ? ranks[row] : 0;
    for (u32 other = 0; place < count && other < place; ++other) {
        const bool is_beaten = beaten(keys, n, row, keys, n, first + other, d, false);
        beaten_by[other / 32] |= is_beaten ? 1u << other % 32 : 0u;
    }
    for (u32 other = 0; other < count; ++other) {
        if (place == other) final_ranks[other] = rank;
        __syncthreads();
        if (beaten_by[other / 32] >> other % 32 & 1u) rank = greatest(rank, final_ranks[other] + 1);
    }
    if (place < count) ranks[row] = rank;
}

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_raise_narrow(paretoserve::i32* ranks, const paretoserve::i32* keys, paretoserve::u64 n,
                                    paretoserve::u64 first, paretoserve::u64 count, paretoserve::u32 d) {
    paretoserve::raise(ranks, keys, n, first, count, d);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_raise_wide(paretoserve::i32* ranks, const paretoserve::i64* keys, paretoserve::u64 n,
                                  paretoserve::u64 first, paretoserve::u64 count, paretoserve::u32 d) {
    paretoserve::raise(ranks, keys, n, first, count, d);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_settle_narrow(paretoserve::i32* ranks, const paretoserve::i32* keys, paretoserve::u64 n,
                                     paretoserve::u64 first, paretoserve::u64 count, paretoserve::u32 d) {
    paretoserve::settle(ranks, keys, n, first, static_cast<paretoserve::u32>(count), d);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_settle_wide(paretoserve::i32* ranks, const paretoserve::i64* keys, paretoserve::u64 n,
                                   paretoserve::u64 first, paretoserve::u64 count, paretoserve::u32 d) {
    paretoserve::settle(ranks, keys, n, first, static_cast<paretoserve::u32>(count), d);
}
