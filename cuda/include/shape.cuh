// A matrix in C order whose rows are cut into blocks, the last one padded; eight elements of it as the work of a
// thread.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// Threads per block of the kernels that go along rows.
constexpr u32 ROW_THREADS = 256;

// Sizes of a matrix.
struct RowShape {
    u64 rows, columns;
};

// Where eight elements lie: the index of the first in the matrix without padding, and how many of them exist.
struct Piece {
    u64 first;
    u32 length;
};

template <int LANES>
struct RowMap {
    RowShape shape;
    u32 blocks_per_row;
    u64 pieces;
    // Whether pieces lie one after the other, because rows are whole blocks.
    bool whole;

    PARETOSERVE_DEVICE explicit RowMap(RowShape matrix)
        : shape(matrix),
          blocks_per_row(static_cast<u32>((matrix.columns + 8 * LANES - 1) / (8 * LANES))),
          pieces(matrix.rows * blocks_per_row * LANES),
          whole(matrix.columns % (8 * LANES) == 0) {}

    PARETOSERVE_DEVICE Piece piece(u64 index) const {
        if (whole) return Piece{index * 8, index < pieces ? 8u : 0u};
        const u64 block = index / LANES, row = block / blocks_per_row;
        const u64 column = (block - row * blocks_per_row) * (8 * LANES) + index % LANES * 8;
        const u64 left = column < shape.columns && index < pieces ? shape.columns - column : 0;
        return Piece{row * shape.columns + column, static_cast<u32>(least<u64>(left, 8))};
    }
};

}  // namespace paretoserve
