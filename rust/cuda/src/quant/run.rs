//! Integers in groups, FP8 in runs and tiles: `quant_group.cu`, `quant_fp8.cu`.

use super::Wide;
use super::block::{Options, PER_THREAD, THREADS};
use crate::error::{Error, Result};
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Most blocks of a grid in y and z.
const MOST: u64 = 65535;

/// Integers of a group, and how their scales are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integers {
    /// Width of a code.
    pub bits: u32,
    /// 0 float32, 1 float16, 2 bfloat16.
    pub scale_type: u32,
    /// 0 symmetric, 1 symmetric with the lowest code, 2 with zero points.
    pub rule: u32,
}

/// Quantize `[rows, columns, group]` to integers: fill codes, scales, and zero points unless 0, from `x`.
pub fn quantize_group(
    at: Stream<'_>,
    [codes, scales, zeros, x]: [u64; 4],
    wide: Wide,
    shape: [u64; 3],
    kind: Integers,
    options: Options,
) -> Result<()> {
    let arguments = [
        Pointer(codes),
        Pointer(scales),
        Pointer(zeros),
        Pointer(x),
        U64(shape[0]),
        U64(shape[1]),
        U64(shape[2]),
        U32(kind.scale_type),
        U32(kind.bits),
        U32(kind.rule),
        U32(options.rounding as u32),
        U64(options.seed),
        U32(options.nan_is_zero.into()),
    ];
    launch(&format!("paretoserve_quant_group_{}", wide.suffix()), at, grid(shape)?, &arguments)
}

/// Fill `out` with the numbers of groups of integers.
pub fn dequantize_group(
    at: Stream<'_>,
    [out, codes, scales, zeros]: [u64; 4],
    wide: Wide,
    shape: [u64; 3],
    kind: Integers,
) -> Result<()> {
    let arguments = [
        Pointer(out),
        Pointer(codes),
        Pointer(scales),
        Pointer(zeros),
        U64(shape[0]),
        U64(shape[1]),
        U64(shape[2]),
        U32(kind.scale_type),
        U32(kind.bits),
    ];
    launch(&format!("paretoserve_quant_group_dequantize_{}", wide.suffix()), at, grid(shape)?, &arguments)
}

/// Quantize `[rows, columns, run]` to FP8 with a float32 scale for each run of a row.
pub fn quantize_runs(
    at: Stream<'_>,
    [codes, scales, x]: [u64; 3],
    wide: Wide,
    shape: [u64; 3],
    powers: bool,
    options: Options,
) -> Result<()> {
    let arguments = [
        Pointer(codes),
        Pointer(scales),
        Pointer(x),
        U64(shape[0]),
        U64(shape[1]),
        U64(shape[2]),
        U32(powers.into()),
        U32(options.rounding as u32),
        U64(options.seed),
        U32(options.nan_is_zero.into()),
    ];
    launch(&format!("paretoserve_quant_fp8_runs_{}", wide.suffix()), at, grid(shape)?, &arguments)
}

/// Fill `out` with the numbers of FP8 runs.
pub fn dequantize_runs(at: Stream<'_>, [out, codes, scales]: [u64; 3], wide: Wide, shape: [u64; 3]) -> Result<()> {
    let sizes = shape.map(U64);
    let arguments = [Pointer(out), Pointer(codes), Pointer(scales), sizes[0], sizes[1], sizes[2]];
    launch(&format!("paretoserve_quant_fp8_runs_dequantize_{}", wide.suffix()), at, grid(shape)?, &arguments)
}

/// Quantize `[batch, rows, columns, tile rows, tile columns]` to FP8 with a float32 scale for each tile.
pub fn quantize_tiles(
    at: Stream<'_>,
    [codes, scales, x]: [u64; 3],
    wide: Wide,
    shape: [u64; 5],
    powers: bool,
    options: Options,
) -> Result<()> {
    let [batch, rows, columns, tile_rows, tile_columns] = shape.map(U64);
    let arguments = [
        Pointer(codes),
        Pointer(scales),
        Pointer(x),
        batch,
        rows,
        columns,
        tile_rows,
        tile_columns,
        U32(powers.into()),
        U32(options.rounding as u32),
        U64(options.seed),
        U32(options.nan_is_zero.into()),
    ];
    launch(&format!("paretoserve_quant_fp8_tiles_{}", wide.suffix()), at, tiles(shape), &arguments)
}

/// Fill `out` with the numbers of FP8 tiles.
pub fn dequantize_tiles(at: Stream<'_>, [out, codes, scales]: [u64; 3], wide: Wide, shape: [u64; 5]) -> Result<()> {
    let [batch, rows, columns, tile_rows, tile_columns] = shape.map(U64);
    let arguments = [Pointer(out), Pointer(codes), Pointer(scales), batch, rows, columns, tile_rows, tile_columns];
    launch(&format!("paretoserve_quant_fp8_tiles_dequantize_{}", wide.suffix()), at, tiles(shape), &arguments)
}

fn grid([rows, columns, _]: [u64; 3]) -> Result<Grid> {
    let eights = rows.checked_mul(columns.div_ceil(8)).filter(|eights| u32::try_from(*eights).is_ok());
    let eights = eights.ok_or(Error::TooLarge { argument: "x", most: "2^35 - 8 numbers" })?;
    Ok(Grid::Stride((8 * eights).div_ceil(PER_THREAD), THREADS))
}

/// A block for each tile; the kernels stride where there are too many.
fn tiles([batch, rows, columns, tile_rows, tile_columns]: [u64; 5]) -> Grid {
    let x = columns.div_ceil(tile_columns.max(1)).min(u64::from(u32::MAX >> 1));
    let y = rows.div_ceil(tile_rows.max(1)).min(MOST);
    Grid::Exact([x as u32, y as u32, batch.min(MOST) as u32], THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_has_a_block_until_there_are_too_many() {
        assert_eq!(tiles([2, 129, 300, 128, 128]), Grid::Exact([3, 2, 2], 256));
        assert_eq!(tiles([1 << 20, 1 << 40, 8, 128, 128]), Grid::Exact([1, 65535, 65535], 256));
    }

    #[test]
    fn a_tensor_that_kernels_cannot_count_is_refused() {
        assert!(grid([1 << 32, 8, 8]).is_err());
        assert_eq!(grid([4, 64, 32]).unwrap(), Grid::Stride(16, 256));
    }
}
