// Quantize a matrix along its columns and write the result transposed: blocks lie along the first axis.
//
// A block of threads takes tiles of 128 rows through shared memory. Rows of a tile are 128 bytes of `x`, read 16 bytes
// per thread; a thread then takes eight neighbors of one column. Words of a tile are laid out with one word between
// rows and two more every 32 rows, by which neither direction meets a bank twice.
#pragma once

#include "lanes.cuh"
#include "swizzle.cuh"

namespace paretoserve {

constexpr u32 COLUMN_THREADS = 256;
constexpr u32 TILE_ROWS = 128;
constexpr u32 TILE_WORDS = 32;
constexpr u32 TILE_SIZE = TILE_ROWS * (TILE_WORDS + 1) + TILE_ROWS / 32 * 2;

PARETOSERVE_DEVICE u32 tile_place(u32 row, u32 word) { return row * (TILE_WORDS + 1) + row / 32 * 2 + word; }

// One tile of `x` into shared memory; zeros beyond its edges.
template <class T>
PARETOSERVE_DEVICE void load_tile(u32* tile, const typename T::Storage* x, u64 rows, u64 columns, u64 row0,
                                  u64 column0) {
    constexpr u32 PER_WORD = 4 / sizeof(typename T::Storage), PER_LOAD = 4 * PER_WORD;
    if (!is_aligned(x) || columns % PER_LOAD != 0) {
        PARETOSERVE_LOOP
        for (u32 place = threadIdx.x; place < TILE_ROWS * TILE_WORDS; place += COLUMN_THREADS) {
            const u64 row = row0 + place / TILE_WORDS, column = column0 + place % TILE_WORDS * PER_WORD;
            u32 word = 0;
            if (row < rows && column < columns) word = x[row * columns + column];
            if (PER_WORD == 2 && row < rows && column + 1 < columns) {
                word |= static_cast<u32>(x[row * columns + column + 1]) << 16;
            }
            tile[tile_place(place / TILE_WORDS, place % TILE_WORDS)] = word;
        }
        return;
    }
    u32 words[4][4];
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 4; ++i) {
        const u32 place = i * COLUMN_THREADS + threadIdx.x;
        const u64 row = row0 + place / 8, column = column0 + place % 8 * PER_LOAD;
        PARETOSERVE_UNROLL
        for (u32 j = 0; j < 4; ++j) words[i][j] = 0;
        if (row < rows && column < columns) load_words4(words[i], x + row * columns + column);
    }
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 4; ++i) {
        const u32 place = i * COLUMN_THREADS + threadIdx.x;
        PARETOSERVE_UNROLL
        for (u32 j = 0; j < 4; ++j) tile[tile_place(place / 8, place % 8 * 4 + j)] = words[i][j];
    }
}

// Eight neighbors of a column of the tile.
template <class T>
PARETOSERVE_DEVICE Eight<T> take_column(const u32* tile, u32 row, u32 column) {
    Eight<T> numbers;
    numbers.clear();
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        if constexpr (sizeof(typename T::Storage) == 4) {
            numbers.set_bits(i, tile[tile_place(row + i, column)]);
        } else {
            numbers.set_bits(i, tile[tile_place(row + i, column / 2)] >> (column % 2 * 16) & 0xFFFFu);
        }
    }
    return numbers;
}

// Outputs as of `quantize_rows` for the transposed matrix. Blocks of COLUMN_THREADS threads, any grid of two
// dimensions; x strides over tiles of columns, y over tiles of rows.
template <class T, class Quantizer>
PARETOSERVE_DEVICE void quantize_columns(u8* codes, u8* scales, const typename T::Storage* x, u64 rows, u64 columns,
                                         bool swizzled, const Quantizer& quantizer) {
    constexpr int LANES = Quantizer::LANES;
    constexpr u32 BITS = Quantizer::Element::BITS;
    constexpr u32 TILE_COLUMNS = TILE_WORDS * 4 / sizeof(typename T::Storage);
    constexpr u32 GROUPS = TILE_ROWS / 8;
    __shared__ u32 tile[TILE_SIZE];
    const u32 blocks_per_column = static_cast<u32>((rows + 8 * LANES - 1) / (8 * LANES));
    const u64 groups_per_column = static_cast<u64>(blocks_per_column) * LANES;
    const bool plain = quantizer.plain() && rows % 8 == 0;
    for (u64 row0 = static_cast<u64>(blockIdx.y) * TILE_ROWS; row0 < rows; row0 += gridDim.y * TILE_ROWS) {
        for (u64 column0 = static_cast<u64>(blockIdx.x) * TILE_COLUMNS; column0 < columns;
             column0 += gridDim.x * TILE_COLUMNS) {
            __syncthreads();
            load_tile<T>(tile, x, rows, columns, row0, column0);
            __syncthreads();
            PARETOSERVE_LOOP
            for (u32 job = threadIdx.x; job < TILE_COLUMNS * GROUPS; job += COLUMN_THREADS) {
                const u32 row = job % GROUPS * 8;
                const u64 column = column0 + job / GROUPS, group = (row0 + row) / 8;
                const Eight<T> numbers = take_column<T>(tile, row, job / GROUPS);
                const u64 first = column * rows + row0 + row;
                u32 scale;
                const u64 packed = plain ? quantizer.template quantize<true>(scale, numbers, first)
                                         : quantizer.template quantize<false>(scale, numbers, first);
                const bool valid = column < columns && group < groups_per_column;
                store_codes<BITS>(codes + (column * groups_per_column + group) * BITS, packed, valid);
                if (!valid || threadIdx.x % LANES != 0) continue;
                const u32 block = static_cast<u32>(group / LANES);
                const u64 place = column * blocks_per_column + block;
                scales[swizzled ? swizzled_place(column, block, blocks_per_column) : place] = static_cast<u8>(scale);
            }
        }
    }
}

}  // namespace paretoserve
