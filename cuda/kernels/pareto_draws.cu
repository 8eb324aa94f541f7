// Keys of draws of noisy rows: `samples` tables of n rows, for `pareto_members.cu`.
//
// Grid: any number of blocks of any size.
//   keys      `d` columns of `samples * n` keys of doubles, draw after draw
//   values    means of (row, objective), or measurements of (measurement, objective)
//   spread    standard deviations of (row, objective), or lower triangular roots of (row, objective, objective)
//   offsets   where the measurements of each row begin, and the end of the last
//   maximize  one byte per objective
//   first     number of the first draw
//   kind      a `DrawKind`; the quantile is `share`, the bits of a double
#include "pareto_draws.cuh"
#include "pareto_keys.cuh"

namespace paretoserve {

PARETOSERVE_DEVICE double drawn(const double* values, const double* spread, const i64* offsets, u64 n, u64 draw,
                                u64 row, u32 k, u32 d, DrawKind kind, u64 seed, u64 share) {
    if (kind == NORMAL || kind == JOINT) {
        const u64 start = row * d, block = draw * ((n * d + 3) / 4);
        if (kind == NORMAL) {
            return values[start + k] +
                   spread[start + k] * normal(seed, block + (start + k) / 4, static_cast<u32>((start + k) % 4));
        }
        double moved = -0.0;
        for (u32 j = 0; j <= k; ++j) {
            moved += spread[(start + k) * d + j] *
                     normal(seed, block + (start + j) / 4, static_cast<u32>((start + j) % 4));
        }
        return values[start + k] + moved;
    }
    const u64 begin = static_cast<u64>(offsets[row]), end = static_cast<u64>(offsets[row + 1]);
    const u64 total = static_cast<u64>(offsets[n]);
    const Resampled own{values + begin * d + k, end - begin, begin, d, seed, draw * ((total + 3) / 4)};
    if (kind == MEAN) return own.mean();
    return kind == MEDIAN ? own.median() : own.quantile(bits_double(static_cast<i64>(share)));
}

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(256)
    paretoserve_pareto_draws(paretoserve::i64* keys, const double* values, const double* spread,
                             const paretoserve::i64* offsets, const paretoserve::u8* maximize, paretoserve::u64 n,
                             paretoserve::u64 first, paretoserve::u64 samples, paretoserve::u32 d,
                             paretoserve::u32 kind, paretoserve::u64 seed, paretoserve::u64 share) {
    using namespace paretoserve;
    const u64 step = static_cast<u64>(gridDim.x) * blockDim.x, rows = samples * n;
    for (u64 place = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; place < rows * d; place += step) {
        const u64 row = place % n, draw = first + place % rows / n;
        const u32 k = static_cast<u32>(place / rows);
        const i64 bits = double_bits(drawn(values, spread, offsets, n, draw, row, k, d, static_cast<DrawKind>(kind),
                                           seed, share));
        keys[place] = directed_key(ascending_key<i64>(&bits, 0, FLOAT64), maximize[k] != 0);
    }
}
