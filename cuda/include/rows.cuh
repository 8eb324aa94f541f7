// Quantize a matrix along its rows: the loop over the matrix, for every kind of block.
//
// A thread owns eight neighboring elements, LANES threads a block. Loads of two tiles are in flight per thread before
// the first is used: with all threads of a multiprocessor more than its memory's latency needs. A row is padded to
// whole blocks with zeros.
#pragma once

#include "divider.cuh"
#include "lanes.cuh"
#include "shape.cuh"
#include "swizzle.cuh"

namespace paretoserve {

// Where `quantize_rows` writes.
struct RowOutput {
    u8 *codes, *scales;
    // Whether scales are stored in 128x4 tiles.
    bool swizzled;
    Divider by_row;

    template <u32 BITS, int LANES>
    PARETOSERVE_DEVICE void store(u64 index, u64 packed, u32 scale, const RowMap<LANES>& map) const {
        const bool valid = index < map.pieces;
        store_codes<BITS>(codes + index * BITS, packed, valid);
        if (!valid || threadIdx.x % LANES != 0) return;
        const u64 block = index / LANES;
        u64 place = block;
        if (swizzled) {
            const u32 row = by_row.quotient(static_cast<u32>(block));
            place = swizzled_place(row, static_cast<u32>(block) - row * map.blocks_per_row, map.blocks_per_row);
        }
        scales[place] = static_cast<u8>(scale);
    }
};

// codes: rows of blocks_per_row * LANES * BITS bytes. scales: one byte per block, or (`swizzled`) 128x4 tiles, which
// the caller has filled with zeros. x: from any address of its type. Blocks of ROW_THREADS threads, any grid.
template <class T, class Quantizer>
PARETOSERVE_DEVICE void quantize_rows(u8* codes, u8* scales, const typename T::Storage* x, RowShape shape,
                                      bool swizzled, const Quantizer& quantizer) {
    constexpr u32 BITS = Quantizer::Element::BITS;
    constexpr u32 TILES = 2;
    const RowMap<Quantizer::LANES> map(shape);
    const RowOutput output{codes, scales, swizzled, Divider(greatest(map.blocks_per_row, 1u))};
    if (map.whole && is_aligned(x) && quantizer.plain()) {
        const u64 step = static_cast<u64>(gridDim.x) * (ROW_THREADS * TILES);
        for (u64 base = static_cast<u64>(blockIdx.x) * (ROW_THREADS * TILES); base < map.pieces; base += step) {
            Eight<T> numbers[TILES];
            PARETOSERVE_UNROLL
            for (u32 tile = 0; tile < TILES; ++tile) {
                const u64 index = base + tile * ROW_THREADS + threadIdx.x;
                numbers[tile].clear();
                if (index < map.pieces) numbers[tile].load(x + index * 8);
            }
            PARETOSERVE_UNROLL
            for (u32 tile = 0; tile < TILES; ++tile) {
                const u64 index = base + tile * ROW_THREADS + threadIdx.x;
                u32 scale;
                const u64 packed = quantizer.template quantize<true>(scale, numbers[tile], index * 8);
                output.store<BITS>(index, packed, scale, map);
            }
        }
        return;
    }
    const u64 step = static_cast<u64>(gridDim.x) * ROW_THREADS;
    PARETOSERVE_LOOP
    for (u64 base = static_cast<u64>(blockIdx.x) * ROW_THREADS; base < map.pieces; base += step) {
        const u64 index = base + threadIdx.x;
        const Piece piece = map.piece(index);
        Eight<T> numbers;
        if (piece.length == 8 && is_aligned(x + piece.first)) {
            numbers.load(x + piece.first);
        } else {
            numbers.load_some(x + piece.first, piece.length);
        }
        u32 scale;
        const u64 packed = quantizer.template quantize<false>(scale, numbers, piece.first);
        output.store<BITS>(index, packed, scale, map);
    }
}

}  // namespace paretoserve
