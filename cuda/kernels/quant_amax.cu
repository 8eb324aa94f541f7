// The largest finite magnitude of a tensor: what the tensor's scale of the NV formats is made of.
//
// Grid: any number of blocks of 256 threads. A maximum of integers is the same in any order, so that the result is.
//   amax   f32, out; the caller has set it to 0
//   x      `count` numbers
//   count
//   nan    0: NaN and infinity are left out; 1: infinity counts as the largest finite number, NaN as 0
#include "lanes.cuh"

namespace paretoserve {

// Magnitude bits of a number as float32.
template <class T>
PARETOSERVE_DEVICE u32 finite_magnitude(u32 bits, bool nan_to_zero) {
    const u32 magnitude = float_bits(T::to_f32(bits)) & 0x7FFFFFFFu;
    if (magnitude < INFINITY_BITS) return magnitude;
    return nan_to_zero && magnitude == INFINITY_BITS ? float_bits(T::LARGEST) : 0u;
}

template <class T>
PARETOSERVE_DEVICE void find_amax(u32* amax, const typename T::Storage* x, u64 count, bool nan_to_zero) {
    constexpr u32 LOADS = sizeof(typename T::Storage) == 4 ? 2 : 4;
    __shared__ u32 of_warp[8];
    u32 most = 0;
    const u64 groups = count / 8, stride = static_cast<u64>(gridDim.x) * blockDim.x;
    const u64 mine = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x;
    const bool whole = is_aligned(x);
    if (whole) {
        for (u64 base = mine; base < groups; base += stride * LOADS) {
            Eight<T> numbers[LOADS];
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < LOADS; ++i) {
                numbers[i].clear();
                if (base + i * stride < groups) numbers[i].load(x + (base + i * stride) * 8);
            }
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < LOADS; ++i) {
                const u32 all = amax_bits(numbers[i]);
                if (all < INFINITY_BITS) {
                    most = greatest(most, all);
                    continue;
                }
                PARETOSERVE_UNROLL
                for (int j = 0; j < 8; ++j) {
                    most = greatest(most, finite_magnitude<T>(numbers[i].bits(j), nan_to_zero));
                }
            }
        }
    }
    for (u64 i = (whole ? groups * 8 : 0) + mine; i < count; i += stride) {
        most = greatest(most, finite_magnitude<T>(x[i], nan_to_zero));
    }
    most = largest_of_lanes<32>(most);
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = most;
    __syncthreads();
    if (threadIdx.x >= 32) return;
    most = largest_of_lanes<32>(threadIdx.x < blockDim.x / 32 ? of_warp[threadIdx.x] : 0u);
    if (threadIdx.x == 0 && most != 0) atomicMax(amax, most);
}

}  // namespace paretoserve

#define AMAX(NAME, TYPE)                                                                                  \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_amax_##NAME(                      \
        float* amax, const paretoserve::TYPE::Storage* x, paretoserve::u64 count, paretoserve::u32 nan) { \
        using namespace paretoserve;                                                                      \
        find_amax<TYPE>(reinterpret_cast<u32*>(amax), x, count, nan != 0);                                \
    }

AMAX(f32, F32)
AMAX(f16, F16)
AMAX(bf16, Bf16)
