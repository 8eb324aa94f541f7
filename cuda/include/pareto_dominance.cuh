// Whether a row is beaten by one of many others: tiles of them in shared memory, one row to test per thread.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// Threads of a block, and rows of a tile.
constexpr u32 TILE_ROWS = 128;
// Objectives up to which a row is held in registers.
constexpr u32 MOST_IN_TILES = 8;

// How a row that is nowhere worse beats another one.
enum Beating : u32 {
    STRICTLY,       // it is better somewhere
    BY_ORDER,       // it is better somewhere; rows are sorted, so that it must come earlier
    BY_ORDER_EVEN,  // it comes earlier: of equal rows the first is left
};

// One row's keys in registers.
template <class KEY, u32 D>
struct Row {
    KEY keys[D];

    PARETOSERVE_DEVICE void load(const KEY* columns, u64 stride, u64 row) {
        PARETOSERVE_UNROLL
        for (u32 k = 0; k < D; ++k) keys[k] = columns[k * stride + row];
    }

    // `other` holds the keys of a tile, objective by objective.
    PARETOSERVE_DEVICE bool beaten_by(const KEY* other, u32 place, bool even) const {
        bool no_worse = true, better = even;
        PARETOSERVE_UNROLL
        for (u32 k = 0; k < D; ++k) {
            const KEY theirs = other[k * TILE_ROWS + place];
            no_worse &= theirs <= keys[k];
            better |= theirs < keys[k];
        }
        return no_worse && better;
    }
};

// The same for rows of any length, read where they lie.
template <class KEY>
PARETOSERVE_DEVICE bool beaten(const KEY* own, u64 own_stride, u64 row, const KEY* other, u64 other_stride, u64 place,
                               u32 d, bool even) {
    bool better = even;
    for (u32 k = 0; k < d; ++k) {
        const KEY mine = own[k * own_stride + row], theirs = other[k * other_stride + place];
        if (theirs > mine) return false;
        better |= theirs < mine;
    }
    return better;
}

}  // namespace paretoserve
