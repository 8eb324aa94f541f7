// How far rays from the reference stay inside the region that points dominate, and sums of powers of these lengths.
//
// An item is a random shift and a face, the objective that is 1 for its rays: item = shift * d + face.
// Grid of rays: x covers `count` rays in blocks of 128 threads, y any number of the items.
//   lengths      `count` per item
//   distances    to the reference in units of the largest, n points of d
//   orders       for each face the points by falling distance in its objective
//   multipliers  of the lattice, one per other objective
//   shifts       d per item, of which the last is not used
// Grid of powers: any number of blocks of any size.
//   sums         32 per item, added to in the order of the rays: one for every 32nd ray
#include "pareto_dominance.cuh"
#include "pareto_rays.cuh"

namespace paretoserve {

// One item's rays and the points in the order of its face.
struct Face {
    const float* distances;
    const u32 *order, *multipliers, *shifts;
    u64 n;
    u32 d, face;

    PARETOSERVE_DEVICE float distance(u64 place, u32 k) const {
        return distances[static_cast<u64>(order[place]) * d + k];
    }

    PARETOSERVE_DEVICE float inverse(u32 ray, u32 k) const {
        const u32 other = k < face ? k : k - 1;
        return k == face ? 1.0f : ray_inverse(ray, multipliers[other], shifts[other]);
    }

    // A ray leaves the box of a point at the least of its products, and the region at the largest over the points. No
    // length exceeds a point's distance in the objective of the face, so that points may be left out from there on.
    template <u32 D>
    PARETOSERVE_DEVICE float length(float* tile, u32 ray) const {
        const float infinite = bits_float(INFINITY_BITS);
        float inverses[D], longest = 0.0f;
        PARETOSERVE_UNROLL
        for (u32 k = 0; k < D; ++k) inverses[k] = k < d ? inverse(ray, k) : 1.0f;
        for (u64 start = 0; start < n; start += TILE_ROWS) {
            // Also the barrier before the tile is overwritten.
            if (__syncthreads_and(distance(start, face) <= longest) != 0) break;
            const u64 place = start + threadIdx.x;
            for (u32 k = 0; k < D && place < n; ++k) {
                tile[k * TILE_ROWS + threadIdx.x] = k < d ? distance(place, k) : infinite;
            }
            __syncthreads();
            const u32 rows = static_cast<u32>(least<u64>(n - start, TILE_ROWS));
            for (u32 row = 0; row < rows; ++row) {
                float shortest = infinite;
                PARETOSERVE_UNROLL
                for (u32 k = 0; k < D; ++k) {
                    shortest = smaller(shortest, multiply(tile[k * TILE_ROWS + row], inverses[k]));
                }
                longest = larger(longest, shortest);
            }
        }
        return longest;
    }

    PARETOSERVE_DEVICE float length_by_points(u32 ray) const {
        float longest = 0.0f;
        for (u64 place = 0; place < n && distance(place, face) > longest; ++place) {
            float shortest = distance(place, face);
            for (u32 k = 0; k < d && shortest > longest; ++k) {
                shortest = smaller(shortest, multiply(distance(place, k), inverse(ray, k)));
            }
            longest = larger(longest, shortest);
        }
        return longest;
    }
};

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_rays(float* lengths, const float* distances, const paretoserve::u32* orders,
                            const paretoserve::u32* multipliers, const paretoserve::u32* shifts, paretoserve::u64 n,
                            paretoserve::u32 d, paretoserve::u32 items, paretoserve::u32 first,
                            paretoserve::u32 count) {
    using namespace paretoserve;
    __shared__ float tile[32 * TILE_ROWS];
    const u32 place = blockIdx.x * TILE_ROWS + threadIdx.x;
    for (u32 item = blockIdx.y; item < items; item += gridDim.y) {
        const Face face{distances, orders + item % d * n, multipliers, shifts + static_cast<u64>(item) * d, n, d,
                        item % d};
        // Threads beyond the last ray follow another one, for the barriers.
        const u32 ray = first + least(place, count - 1);
        const float length = d <= 4    ? face.length<4>(tile, ray)
                             : d <= 8  ? face.length<8>(tile, ray)
                             : d <= 16 ? face.length<16>(tile, ray)
                             : d <= 32 ? face.length<32>(tile, ray)
                                       : face.length_by_points(ray);
        if (place < count) lengths[static_cast<u64>(item) * count + place] = length;
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(128)
    paretoserve_pareto_powers(double* sums, const float* lengths, paretoserve::u32 d, paretoserve::u32 items,
                              paretoserve::u32 count) {
    using namespace paretoserve;
    constexpr u32 LANES = 32;
    const u64 step = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 place = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; place < static_cast<u64>(items) * LANES;
         place += step) {
        double sum = sums[place];
        const float* own = lengths + place / LANES * count;
        for (u32 ray = place % LANES; ray < count; ray += LANES) sum += power(own[ray], d);
        sums[place] = sum;
    }
}
