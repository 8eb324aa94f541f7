// Block scales between rows and the 128x4 tiles that matrix units read.
//
// Grid: any number of blocks of any size. A thread moves four neighboring scales of a row, which stay neighbors.
//   out, scales   one byte per scale; `tiles` is u8[ceil(rows / 128) * ceil(columns / 4) * 512]
//   rows, columns of the scales without padding; rows * ceil(columns / 4) must be less than 2^32
// swizzle fills the padding of tiles with zeros, because what it multiplies must not become NaN; unswizzle leaves it
// out.
#include "divider.cuh"
#include "memory.cuh"
#include "swizzle.cuh"

namespace paretoserve {

// Four bytes of a row, zeros where the row ends.
PARETOSERVE_DEVICE u32 load_four(const u8* from, u32 length) {
    u32 word = 0;
    if (length == 4 && (reinterpret_cast<u64>(from) & 3u) == 0) {
        load_words<1>(&word, from);
        return word;
    }
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 4; ++i) {
        if (i < length) word |= static_cast<u32>(from[i]) << (8 * i);
    }
    return word;
}

PARETOSERVE_DEVICE void store_four(u8* to, u32 word, u32 length) {
    if (length == 4 && (reinterpret_cast<u64>(to) & 3u) == 0) return store_words<1>(to, &word);
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 4; ++i) {
        if (i < length) to[i] = static_cast<u8>(word >> (8 * i));
    }
}

// A group of four is met in the order of tiles (whole lines of them) or of rows.
template <bool TO_TILES>
PARETOSERVE_DEVICE void move_scales(u8* out, const u8* scales, u64 rows, u32 columns) {
    const u32 groups = (columns + 3) / 4;
    const u64 count = groups * (TO_TILES ? (rows + 127) / 128 * 128 : rows);
    const Divider by_row(greatest(groups, 1u));
    const u64 stride = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 index = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; index < count; index += stride) {
        u32 row, group;
        if (TO_TILES) {
            const u32 tile = static_cast<u32>(index / 128), place = static_cast<u32>(index % 128);
            const u32 tile_row = by_row.quotient(tile);
            row = tile_row * 128 + place % 4 * 32 + place / 4;
            group = tile - tile_row * groups;
        } else {
            row = by_row.quotient(static_cast<u32>(index));
            group = static_cast<u32>(index) - row * groups;
        }
        const u32 length = row < rows ? least(columns - group * 4, 4u) : 0u;
        const u64 linear = static_cast<u64>(row) * columns + group * 4;
        const u64 tiled = swizzled_place(row, group * 4, columns);
        if (TO_TILES) {
            store_four(out + tiled, load_four(scales + linear, length), 4);
        } else {
            store_four(out + linear, load_four(scales + tiled, 4), length);
        }
    }
}

}  // namespace paretoserve

extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_swizzle_scales(
    paretoserve::u8* tiles, const paretoserve::u8* scales, paretoserve::u64 rows, paretoserve::u64 columns) {
    paretoserve::move_scales<true>(tiles, scales, rows, static_cast<paretoserve::u32>(columns));
}

extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_unswizzle_scales(
    paretoserve::u8* scales, const paretoserve::u8* tiles, paretoserve::u64 rows, paretoserve::u64 columns) {
    paretoserve::move_scales<false>(scales, tiles, rows, static_cast<paretoserve::u32>(columns));
}
