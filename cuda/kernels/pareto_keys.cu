// Keys of one objective: a column of a table, of any dtype and stride, as integers that grow with how bad a value is.
//
// Grid: any number of blocks of any size.
//   keys     n of them, 32 bits (narrow: no 64-bit dtype) or 64 (wide)
//   alive    null, or one byte per row, set to 0 where the value is NaN and left alone elsewhere
//   values   the column's first element; row i is `stride` elements further per row
//   dtype    a `Dtype`
#include "pareto_keys.cuh"

namespace paretoserve {

template <class KEY>
PARETOSERVE_DEVICE void write_keys(KEY* keys, u8* alive, const void* values, u64 n, u64 stride, u32 dtype,
                                   u32 maximize) {
    const u64 step = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 row = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; row < n; row += step) {
        const Key<KEY> key = ascending_key<KEY>(values, row * stride, static_cast<Dtype>(dtype));
        if (key.nan && alive != nullptr) alive[row] = 0;
        keys[row] = directed_key(key, maximize != 0);
    }
}

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(256)
    paretoserve_pareto_keys_narrow(paretoserve::i32* keys, paretoserve::u8* alive, const void* values,
                                   paretoserve::u64 n, paretoserve::u64 stride, paretoserve::u32 dtype,
                                   paretoserve::u32 maximize) {
    paretoserve::write_keys(keys, alive, values, n, stride, dtype, maximize);
}

extern "C" __global__ void __launch_bounds__(256)
    paretoserve_pareto_keys_wide(paretoserve::i64* keys, paretoserve::u8* alive, const void* values,
                                 paretoserve::u64 n, paretoserve::u64 stride, paretoserve::u32 dtype,
                                 paretoserve::u32 maximize) {
    paretoserve::write_keys(keys, alive, values, n, stride, dtype, maximize);
}
