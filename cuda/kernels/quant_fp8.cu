// FP8 (E4M3FN) in tiles that share a float32 scale, 128 by 128 as DeepSeek-V3 has them; runs and rows: quant_group.cu.
//
// Grid: (tiles of a row, tiles of a column, at most 65535, matrices, at most 65535) of blocks of 256 threads; fewer
// stride.
//   codes     u8[batch][rows][columns]
//   scales    f32[batch][ceil(rows / tile_rows)][ceil(columns / tile_columns)]
//   x, out    batch * rows * columns numbers in C order; fast when addresses and rows are multiples of 16 bytes
//   batch, rows, columns, tile_rows, tile_columns (a multiple of 8)
//   powers    1 for scales of powers of two; rounding, seed, nan: as in quant_mx.cu
#include "runs.cuh"

namespace paretoserve {

struct Tiling {
    u64 batch, rows, columns, tile_rows, tile_columns;
};

// The numbers of a tile: `visit(index of the first, how many)` for eight neighbors at a time.
template <class Visit>
PARETOSERVE_DEVICE void each_piece(const Tiling& tiling, u64 matrix, u64 row0, u64 column0, Visit visit) {
    const u32 across = static_cast<u32>(tiling.tile_columns / 8);
    const u64 end_row = least(row0 + tiling.tile_rows, tiling.rows);
    const u64 end_column = least(column0 + tiling.tile_columns, tiling.columns);
    PARETOSERVE_LOOP
    for (u32 piece = threadIdx.x; piece < tiling.tile_rows * across; piece += TEAM_THREADS) {
        const u64 row = row0 + piece / across, column = column0 + piece % across * 8;
        if (row >= end_row || column >= end_column) continue;
        visit((matrix * tiling.rows + row) * tiling.columns + column,
              static_cast<u32>(least<u64>(end_column - column, 8)));
    }
}

// `work(matrix, first row, first column, index of the scale)` for the tiles of this block.
template <class Work>
PARETOSERVE_DEVICE void each_tile(const Tiling& tiling, Work work) {
    const u64 down = (tiling.rows + tiling.tile_rows - 1) / tiling.tile_rows;
    const u64 across = (tiling.columns + tiling.tile_columns - 1) / tiling.tile_columns;
    for (u64 matrix = blockIdx.z; matrix < tiling.batch; matrix += gridDim.z) {
        for (u64 y = blockIdx.y; y < down; y += gridDim.y) {
            for (u64 x = blockIdx.x; x < across; x += gridDim.x) {
                work(matrix, y * tiling.tile_rows, x * tiling.tile_columns, (matrix * down + y) * across + x);
            }
        }
    }
}

template <class T>
PARETOSERVE_DEVICE void quantize_tiles(u8* codes, float* scales, const typename T::Storage* x, const Tiling& tiling,
                                       const Fp8Runs& format, const RunOptions& options) {
    const Team team(TEAM_THREADS * 8 + 1);
    each_tile(tiling, [&](u64 matrix, u64 row, u64 column, u64 index) PARETOSERVE_LAMBDA {
        Extent extent{0, 0, 0};
        each_piece(tiling, matrix, row, column, [&](u64 first, u32 length) PARETOSERVE_LAMBDA {
            extend(extent, load_piece<T>(x + first, length, options.nan_to_zero), format);
        });
        extent.amax = team.largest(extent.amax);
        const bool finite = extent.amax < INFINITY_BITS;
        const float scale = finite ? format.scale(extent) : bits_float(NAN_BITS);
        if (threadIdx.x == 0) scales[index] = scale;
        const bool usable = finite && scale != 0.0f;
        const Division division(usable ? scale : 1.0f);
        each_piece(tiling, matrix, row, column, [&](u64 first, u32 length) PARETOSERVE_LAMBDA {
            const Eight<T> numbers = load_piece<T>(x + first, length, options.nan_to_zero);
            const u64 packed = usable ? encode_piece(format, division, numbers, options, first) : 0;
            store_piece(codes + first, packed, 8, length);
        });
    });
}

template <class T>
PARETOSERVE_DEVICE void dequantize_tiles(typename T::Storage* out, const u8* codes, const float* scales,
                                         const Tiling& tiling) {
    each_tile(tiling, [&](u64 matrix, u64 row, u64 column, u64 index) PARETOSERVE_LAMBDA {
        const float scale = scales[index];
        each_piece(tiling, matrix, row, column, [&](u64 first, u32 length) PARETOSERVE_LAMBDA {
            const bool whole = length == 8 && (reinterpret_cast<u64>(codes + first) & 7u) == 0;
            u64 packed = 0;
            if (whole) {
                packed = load_codes<8>(codes + first).bits;
            } else {
                for (u32 i = 0; i < length; ++i) packed |= static_cast<u64>(codes[first + i]) << (8 * i);
            }
            float values[8];
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 8; i += 2) {
                unpair_fp8<false>(static_cast<u32>(packed >> (8 * i)) & 0xFFFFu, values[i], values[i + 1]);
            }
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 8; ++i) {
                const float value = multiply(values[i], scale);
                values[i] = is_nan(values[i]) ? values[i] : is_nan(scale) ? bits_float(NAN_BITS) : value;
            }
            Eight<T> numbers;
            numbers.set(values);
            if (whole && is_aligned(out + first)) {
                numbers.store(out + first);
            } else {
                numbers.store_some(out + first, length);
            }
        });
    });
}

}  // namespace paretoserve

#define TILES(NAME, TYPE)                                                                                              \
    /* codes, scales | x | batch, rows, columns, tile_rows, tile_columns | powers, rounding, seed, nan */              \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_fp8_tiles_##NAME(                              \
        paretoserve::u8* codes, float* scales, const paretoserve::TYPE::Storage* x, paretoserve::u64 batch,            \
        paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u64 tile_rows, paretoserve::u64 tile_columns,    \
        paretoserve::u32 powers, paretoserve::u32 rounding, paretoserve::u64 seed, paretoserve::u32 nan) {             \
        using namespace paretoserve;                                                                                   \
        quantize_tiles<TYPE>(codes, scales, x, Tiling{batch, rows, columns, tile_rows, tile_columns},                  \
                             Fp8Runs{powers != 0}, RunOptions{static_cast<Rounding>(rounding), seed, nan != 0});       \
    }                                                                                                                  \
    /* out | codes, scales | batch, rows, columns, tile_rows, tile_columns */                                          \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_fp8_tiles_dequantize_##NAME(                   \
        paretoserve::TYPE::Storage* out, const paretoserve::u8* codes, const float* scales, paretoserve::u64 batch,    \
        paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u64 tile_rows, paretoserve::u64 tile_columns) {  \
        using namespace paretoserve;                                                                                   \
        dequantize_tiles<TYPE>(out, codes, scales, Tiling{batch, rows, columns, tile_rows, tile_columns});             \
    }

TILES(f32, F32)
TILES(f16, F16)
TILES(bf16, Bf16)
