// Order-preserving keys of objectives: a smaller key is a better value, whatever the dtype and the direction.
//
// Same keys as rust/core/src/pareto/keys.rs: 32 bits for dtypes up to that width, else 64; -0.0 equals 0.0; NaN is the
// largest key in both directions.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// The number that stands for a dtype.
enum Dtype : u32 { BF16, F16, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 };

// The key of NaN: the largest.
PARETOSERVE_DEVICE void nan_key(i32& key) { key = 0x7FFFFFFF; }
PARETOSERVE_DEVICE void nan_key(i64& key) { key = 0x7FFFFFFFFFFFFFFFll; }

template <class KEY>
struct Key {
    KEY ascending;
    bool nan;
};

// `negative_zero` has the sign bit alone, `infinity` the bits of the largest number: above them are NaN.
template <class KEY, class INTEGER>
PARETOSERVE_DEVICE Key<KEY> key_of_float(const void* values, u64 index, INTEGER negative_zero, INTEGER infinity) {
    const INTEGER bits = static_cast<const INTEGER*>(values)[index];
    const INTEGER folded = bits == negative_zero ? INTEGER(0) : bits;
    const INTEGER key = folded < 0 ? static_cast<INTEGER>(folded ^ static_cast<INTEGER>(~negative_zero)) : folded;
    return {static_cast<KEY>(key), static_cast<INTEGER>(bits & static_cast<INTEGER>(~negative_zero)) > infinity};
}

template <class KEY, class INTEGER>
PARETOSERVE_DEVICE Key<KEY> key_of_integer(const void* values, u64 index) {
    return {static_cast<KEY>(static_cast<const INTEGER*>(values)[index]), false};
}

// The key of element `index` when smaller is better. A 64-bit dtype needs a 64-bit key.
template <class KEY>
PARETOSERVE_DEVICE Key<KEY> ascending_key(const void* values, u64 index, Dtype dtype) {
    switch (dtype) {
        case BF16: return key_of_float<KEY, i16>(values, index, i16(-0x8000), i16(0x7F80));
        case F16: return key_of_float<KEY, i16>(values, index, i16(-0x8000), i16(0x7C00));
        case FLOAT32: return key_of_float<KEY, i32>(values, index, i32(0x80000000u), i32(0x7F800000));
        case FLOAT64: return key_of_float<KEY, i64>(values, index, i64(1ull << 63), i64(0x7FF0000000000000ll));
        case INT8: return key_of_integer<KEY, signed char>(values, index);
        case INT16: return key_of_integer<KEY, i16>(values, index);
        case INT32: return key_of_integer<KEY, i32>(values, index);
        case INT64: return key_of_integer<KEY, i64>(values, index);
        case UINT8: return key_of_integer<KEY, u8>(values, index);
        case UINT16: return key_of_integer<KEY, u16>(values, index);
        case UINT32: {
            const u32 shifted = static_cast<const u32*>(values)[index] ^ 1u << 31;
            return {static_cast<KEY>(static_cast<i32>(shifted)), false};
        }
        default: {
            const u64 shifted = static_cast<const u64*>(values)[index] ^ 1ull << 63;
            return {static_cast<KEY>(static_cast<i64>(shifted)), false};
        }
    }
}

// The key in the direction of its objective.
template <class KEY>
PARETOSERVE_DEVICE KEY directed_key(const Key<KEY>& key, bool maximize) {
    KEY directed = maximize ? static_cast<KEY>(~key.ascending) : key.ascending;
    if (key.nan) nan_key(directed);
    return directed;
}

}  // namespace paretoserve
