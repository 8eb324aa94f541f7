// Codes and scales of a matrix back to numbers: the loop over the matrix, for every kind of block.
//
// A thread makes eight neighboring numbers: one 16-byte store of 16-bit floats, two of float32.
#pragma once

#include "elements.cuh"
#include "shape.cuh"

namespace paretoserve {

// Codes times `scale`, times `global` if there is one. NaN is that of the code, else without sign.
template <class Element, bool GLOBAL>
PARETOSERVE_DEVICE void decode_eight(float* values, EightCodes<Element::BITS> codes, float scale, float global) {
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; i += 2) {
        Element::decode_pair(static_cast<u32>(codes.bits >> (Element::BITS * i)), values[i], values[i + 1]);
    }
    // The device's arithmetic has a NaN of its own, which must not show.
    const bool scale_nan = is_nan(scale);
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        const bool nan = Element::HAS_NAN && is_nan(values[i]);
        const float product = multiply(values[i], scale_nan ? 1.0f : scale);
        const float value = GLOBAL ? multiply(product, global) : product;
        values[i] = nan ? values[i] : scale_nan ? bits_float(NAN_BITS) : value;
    }
}

// `scale_of(block)` gives the scale of a block as a float. codes: rows of whole blocks. Blocks of ROW_THREADS threads.
template <class T, class Element, int LANES, bool GLOBAL, class ScaleOf>
PARETOSERVE_DEVICE void dequantize_rows(typename T::Storage* out, const u8* codes, RowShape shape, float global,
                                        ScaleOf scale_of) {
    constexpr u32 TILES = 2;
    const RowMap<LANES> map(shape);
    if (map.whole && is_aligned(out)) {
        const u64 step = static_cast<u64>(gridDim.x) * (ROW_THREADS * TILES);
        for (u64 base = static_cast<u64>(blockIdx.x) * (ROW_THREADS * TILES); base < map.pieces; base += step) {
            EightCodes<Element::BITS> packed[TILES];
            float scale[TILES];
            PARETOSERVE_UNROLL
            for (u32 tile = 0; tile < TILES; ++tile) {
                const u64 index = base + tile * ROW_THREADS + threadIdx.x;
                packed[tile].bits = 0;
                scale[tile] = 0.0f;
                if (index >= map.pieces) continue;
                packed[tile] = load_codes<Element::BITS>(codes + index * Element::BITS);
                scale[tile] = scale_of(index / LANES);
            }
            PARETOSERVE_UNROLL
            for (u32 tile = 0; tile < TILES; ++tile) {
                const u64 index = base + tile * ROW_THREADS + threadIdx.x;
                if (index >= map.pieces) continue;
                float values[8];
                decode_eight<Element, GLOBAL>(values, packed[tile], scale[tile], global);
                Eight<T> numbers;
                numbers.set(values);
                numbers.store(out + index * 8);
            }
        }
        return;
    }
    PARETOSERVE_LOOP
    for (u64 index = static_cast<u64>(blockIdx.x) * ROW_THREADS + threadIdx.x; index < map.pieces;
         index += static_cast<u64>(gridDim.x) * ROW_THREADS) {
        const Piece piece = map.piece(index);
        float values[8];
        decode_eight<Element, GLOBAL>(values, load_codes<Element::BITS>(codes + index * Element::BITS),
                                      scale_of(index / LANES), global);
        Eight<T> numbers;
        numbers.set(values);
        numbers.store_some(out + piece.first, piece.length);
    }
}

}  // namespace paretoserve
