// Where the scale of a block is stored: row by row, or in the 128x4 tiles that matrix units read.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// n / d for n < 2^32 by one multiplication: the quotient it gives is at most one too small.
struct Divider {
    u32 divisor, multiplier;

    PARETOSERVE_DEVICE explicit Divider(u32 by)
        : divisor(by), multiplier(static_cast<u32>(least<u64>((1ull << 32) / by, 0xFFFFFFFFull))) {}

    PARETOSERVE_DEVICE u32 quotient(u32 n) const {
        const u32 guess = multiply_high(n, multiplier);
        return guess + (n - guess * divisor >= divisor ? 1u : 0u);
    }
};

// Place of scale (row, column) in tiles of 128 rows and 4 columns, row r of a tile in the order r % 32, r / 32.
PARETOSERVE_DEVICE u64 swizzled_place(u64 row, u32 column, u32 columns) {
    const u64 tile = (row / 128) * ((columns + 3) / 4) + column / 4;
    return tile * 512 + (row % 32) * 16 + (row % 128) / 32 * 4 + column % 4;
}

}  // namespace paretoserve
