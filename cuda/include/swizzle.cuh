// Where the scale of a block is stored: row by row, or in the 128x4 tiles that matrix units read.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// Place of scale (row, column) in tiles of 128 rows and 4 columns, row r of a tile in the order r % 32, r / 32.
PARETOSERVE_DEVICE u64 swizzled_place(u64 row, u32 column, u32 columns) {
    const u64 tile = (row / 128) * ((columns + 3) / 4) + column / 4;
    return tile * 512 + (row % 32) * 16 + (row % 128) / 32 * 4 + column % 4;
}

}  // namespace paretoserve
