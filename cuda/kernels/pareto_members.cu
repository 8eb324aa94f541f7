// How often each of n rows is on the front of a sample: many tables of n rows at once.
//
// Grid: x covers the rows of a sample in blocks of 128 threads, y any number of samples at once.
//   counts   n of them; added to
//   alive    null, or one byte per row of every sample; a row with 0 is on no front (and its keys beat nobody)
//   keys     `d` columns of `samples * n` keys, sample after sample
#include "pareto_dominance.cuh"

namespace paretoserve {

template <class KEY, u32 D>
PARETOSERVE_DEVICE bool on_front(KEY* tile, const KEY* keys, u64 stride, u64 first, u64 n, u64 row, bool is_row) {
    Row<KEY, D> own{};
    if (is_row) own.load(keys, stride, first + row);
    bool done = !is_row;
    for (u64 start = 0; start < n; start += TILE_ROWS) {
        // Also the barrier before the tile is overwritten.
        if (__syncthreads_and(done) != 0) break;
        const u64 other = start + threadIdx.x;
        PARETOSERVE_UNROLL
        for (u32 k = 0; k < D; ++k) {
            if (other < n) tile[k * TILE_ROWS + threadIdx.x] = keys[k * stride + first + other];
        }
        __syncthreads();
        const u32 length = static_cast<u32>(least<u64>(n - start, TILE_ROWS));
        for (u32 place = 0; place < length && !done; ++place) done = own.beaten_by(tile, place, false);
    }
    return !done;
}

template <class KEY>
PARETOSERVE_DEVICE bool on_front_by_rows(const KEY* keys, u64 stride, u64 first, u64 n, u64 row, bool is_row, u32 d) {
    bool done = !is_row;
    for (u64 other = 0; other < n && !done; ++other) {
        done = beaten(keys, stride, first + row, keys, stride, first + other, d, false);
    }
    return !done;
}

template <class KEY>
PARETOSERVE_DEVICE void count_members(u32* counts, const u8* alive, const KEY* keys, u64 n, u64 samples, u32 d) {
    __shared__ KEY tile[MOST_IN_TILES * TILE_ROWS];
    const u64 row = static_cast<u64>(blockIdx.x) * TILE_ROWS + threadIdx.x, stride = n * samples;
    u32 count = 0;
    for (u64 sample = blockIdx.y; sample < samples; sample += gridDim.y) {
        const u64 first = sample * n;
        const bool is_row = row < n && (alive == nullptr || alive[first + row] != 0);
        bool member = false;
        switch (d) {
            case 1: member = on_front<KEY, 1>(tile, keys, stride, first, n, row, is_row); break;
            case 2: member = on_front<KEY, 2>(tile, keys, stride, first, n, row, is_row); break;
            case 3: member = on_front<KEY, 3>(tile, keys, stride, first, n, row, is_row); break;
            case 4: member = on_front<KEY, 4>(tile, keys, stride, first, n, row, is_row); break;
            case 5: member = on_front<KEY, 5>(tile, keys, stride, first, n, row, is_row); break;
            case 6: member = on_front<KEY, 6>(tile, keys, stride, first, n, row, is_row); break;
            case 7: member = on_front<KEY, 7>(tile, keys, stride, first, n, row, is_row); break;
            case 8: member = on_front<KEY, 8>(tile, keys, stride, first, n, row, is_row); break;
            default: member = on_front_by_rows<KEY>(keys, stride, first, n, row, is_row, d);
        }
        count += member ? 1 : 0;
        __syncthreads();
    }
    if (count > 0) atomicAdd(counts + row, count);
}

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_members_narrow(paretoserve::u32* counts, const paretoserve::u8* alive,
                                      const paretoserve::i32* keys, paretoserve::u64 n, paretoserve::u64 samples,
                                      paretoserve::u32 d) {
    paretoserve::count_members(counts, alive, keys, n, samples, d);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_members_wide(paretoserve::u32* counts, const paretoserve::u8* alive,
                                    const paretoserve::i64* keys, paretoserve::u64 n, paretoserve::u64 samples,
                                    paretoserve::u32 d) {
    paretoserve::count_members(counts, alive, keys, n, samples, d);
}
