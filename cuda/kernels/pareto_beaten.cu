// Which rows are beaten by one of the first rows of another table, or of their own.
//
// Grid: any number of blocks of 128 threads. A thread holds a row; the block reads the others tile by tile, and stops
// when all its rows are beaten.
//   beaten   one byte per row: 1 is written where a row is beaten, else it is left alone
//   keys     `d` columns of `n` keys: the rows to test
//   others   `d` columns of `stride` keys, of which the first `num_others` are looked at
//   order    a `Beating`; by order, both tables are the same one, and its rows are sorted so that a row that beats
//            another one comes before it, and equal rows lie together
#include "pareto_dominance.cuh"

namespace paretoserve {

template <class KEY, u32 D>
PARETOSERVE_DEVICE void test_in_tiles(KEY* tile, u8* beaten, const KEY* keys, const KEY* others, u64 n, u64 stride,
                                      u64 num_others, u32 order) {
    for (u64 first = static_cast<u64>(blockIdx.x) * TILE_ROWS; first < n;
         first += static_cast<u64>(gridDim.x) * TILE_ROWS) {
        const u64 row = first + threadIdx.x;
        Row<KEY, D> own{};
        if (row < n) own.load(keys, n, row);
        bool done = row >= n || beaten[row] != 0;
        const u64 end = order == STRICTLY ? num_others : least(num_others, first + TILE_ROWS);
        for (u64 start = 0; start < end; start += TILE_ROWS) {
            // Also the barrier before the tile is overwritten.
            if (__syncthreads_and(done) != 0) break;
            const u64 other = start + threadIdx.x;
            PARETOSERVE_UNROLL
            for (u32 k = 0; k < D; ++k) {
                if (other < end) tile[k * TILE_ROWS + threadIdx.x] = others[k * stride + other];
            }
            __syncthreads();
            const u64 last = order == STRICTLY ? end : least(end, row);
            const u32 length = static_cast<u32>(last > start ? least<u64>(last - start, TILE_ROWS) : 0);
            for (u32 place = 0; place < length && !done; ++place) {
                done = own.beaten_by(tile, place, order == BY_ORDER_EVEN);
            }
        }
        if (row < n && done) beaten[row] = 1;
        __syncthreads();
    }
}

template <class KEY>
PARETOSERVE_DEVICE void test_rows(u8* beaten_rows, const KEY* keys, const KEY* others, u64 n, u64 stride,
                                  u64 num_others, u32 d, u32 order) {
    for (u64 row = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; row < n;
         row += static_cast<u64>(gridDim.x) * blockDim.x) {
        if (beaten_rows[row] != 0) continue;
        const u64 end = order == STRICTLY ? num_others : least(num_others, row);
        bool done = false;
        for (u64 place = 0; place < end && !done; ++place) {
            done = beaten(keys, n, row, others, stride, place, d, order == BY_ORDER_EVEN);
        }
        if (done) beaten_rows[row] = 1;
    }
}

template <class KEY>
PARETOSERVE_DEVICE void test(u8* beaten, const KEY* keys, const KEY* others, u64 n, u64 stride, u64 num_others, u32 d,
                             u32 order) {
    __shared__ KEY tile[MOST_IN_TILES * TILE_ROWS];
    switch (d) {
        case 1: return test_in_tiles<KEY, 1>(tile, beaten, keys, others, n, stride, num_others, order);
        case 2: return test_in_tiles<KEY, 2>(tile, beaten, keys, others, n, stride, num_others, order);
        case 3: return test_in_tiles<KEY, 3>(tile, beaten, keys, others, n, stride, num_others, order);
        case 4: return test_in_tiles<KEY, 4>(tile, beaten, keys, others, n, stride, num_others, order);
        case 5: return test_in_tiles<KEY, 5>(tile, beaten, keys, others, n, stride, num_others, order);
        case 6: return test_in_tiles<KEY, 6>(tile, beaten, keys, others, n, stride, num_others, order);
        case 7: return test_in_tiles<KEY, 7>(tile, beaten, keys, others, n, stride, num_others, order);
        case 8: return test_in_tiles<KEY, 8>(tile, beaten, keys, others, n, stride, num_others, order);
        default: return test_rows<KEY>(beaten, keys, others, n, stride, num_others, d, order);
    }
}

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_beaten_narrow(paretoserve::u8* beaten, const paretoserve::i32* keys,
                                     const paretoserve::i32* others, paretoserve::u64 n, paretoserve::u64 stride,
                                     paretoserve::u64 num_others, paretoserve::u32 d, paretoserve::u32 order) {
    paretoserve::test(beaten, keys, others, n, stride, num_others, d, order);
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_beaten_wide(paretoserve::u8* beaten, const paretoserve::i64* keys,
                                   const paretoserve::i64* others, paretoserve::u64 n, paretoserve::u64 stride,
                                   paretoserve::u64 num_others, paretoserve::u32 d, paretoserve::u32 order) {
    paretoserve::test(beaten, keys, others, n, stride, num_others, d, order);
}
