//! MX and NV formats: `quant_mx.cu`, `quant_nv.cu`, their transposed twins and those of `quant_hadamard.cu`,
//! `quant_amax.cu`, `quant_dequantize.cu`.

use super::{Rounding, Wide};
use crate::error::{Error, Result};
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Argument, Grid, Stream, launch};

/// Threads of a block of every kernel here.
pub(crate) const THREADS: u32 = 256;
/// Numbers that a thread takes before it strides.
pub(crate) const PER_THREAD: u64 = 16;
/// Rows and bytes of a row that a block of a transposing kernel takes.
const TILE_ROWS: u64 = 128;
const TILE_BYTES: u64 = 128;
/// Most blocks of a grid in y.
const MOST_Y: u64 = 65535;

/// How the largest magnitude of a block becomes a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ScaleRule {
    /// Rounded down.
    Floor = 0,
    /// The least under which nothing saturates.
    Rceil = 1,
    /// Rounded up.
    Ceil = 2,
    /// Rounded to the element's mantissa first.
    Even = 3,
}

/// The matrix, and along which of its axes blocks lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matrix {
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: u64,
    /// Whether blocks lie along columns and the result is that of the transposed matrix.
    pub transposed: bool,
}

/// What all quantizing kernels take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which of the two nearest codes.
    pub rounding: Rounding,
    /// Key of the random words.
    pub seed: u64,
    /// Whether NaN is 0 and infinity the largest number, else the scale of their block is NaN.
    pub nan_is_zero: bool,
    /// Whether scales lie in 128x4 tiles, which the caller has filled with zeros.
    pub swizzled: bool,
}

/// A Hadamard rotation of the numbers before they are quantized: `mxfp4` and `nvfp4` along rows of whole runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Numbers of a run.
    pub n: u32,
    /// Address of as many floats, each 1 or -1, or 0 for none.
    pub signs: u64,
}

impl Rotation {
    fn signs(this: Option<Self>) -> Option<Argument> {
        this.map(|rotation| Pointer(rotation.signs))
    }

    fn size(this: Option<Self>) -> Option<Argument> {
        this.map(|rotation| U32(rotation.n))
    }
}

/// Quantize to an MX format: fill `codes` and `scales` from `x`.
pub fn quantize_mx(
    at: Stream<'_>,
    [codes, scales, x]: [u64; 3],
    (format, wide): (&str, Wide),
    matrix: Matrix,
    rotation: Option<Rotation>,
    rule: ScaleRule,
    options: Options,
) -> Result<()> {
    let mut arguments = vec![Pointer(codes), Pointer(scales), Pointer(x)];
    arguments.extend(Rotation::signs(rotation));
    arguments.extend([U64(matrix.rows), U64(matrix.columns)]);
    arguments.extend(Rotation::size(rotation));
    arguments.extend([
        U32(rule as u32),
        U32(options.rounding as u32),
        U64(options.seed),
        U32(options.nan_is_zero.into()),
        U32(options.swizzled.into()),
    ]);
    quantize(at, (format, wide), matrix, rotation.is_some(), 32, &arguments)
}

/// Quantize to an NV format: fill `codes`, `scales` and the f32 at `global_scale` from `x` and the f32 at `given`.
///
/// `given` is the tensor's largest magnitude, or with `is_scale` the global scale. `choice` is 0, or 1, 2, 3 to let
/// each block choose between 4 and 6 as its largest code, by squared, absolute or largest error.
pub fn quantize_nv(
    at: Stream<'_>,
    [codes, scales, global_scale, x, given]: [u64; 5],
    (format, wide): (&str, Wide),
    matrix: Matrix,
    rotation: Option<Rotation>,
    (is_scale, choice): (bool, u32),
    options: Options,
) -> Result<()> {
    let mut arguments = vec![Pointer(codes), Pointer(scales), Pointer(global_scale), Pointer(x)];
    arguments.extend(Rotation::signs(rotation));
    arguments.extend([Pointer(given), U64(matrix.rows), U64(matrix.columns)]);
    arguments.extend(Rotation::size(rotation));
    arguments.extend([
        U32(is_scale.into()),
        U32(options.rounding as u32),
        U64(options.seed),
        U32(options.nan_is_zero.into()),
        U32(options.swizzled.into()),
        U32(choice),
    ]);
    quantize(at, (format, wide), matrix, rotation.is_some(), 16, &arguments)
}

/// Put the largest finite magnitude of `count` numbers at `x` into the f32 at `amax`, which must hold 0.
///
/// With a `rotation` it is that of the rotated numbers.
pub fn amax(
    at: Stream<'_>,
    [amax, x]: [u64; 2],
    wide: Wide,
    count: u64,
    rotation: Option<Rotation>,
    nan_is_zero: bool,
) -> Result<()> {
    let kind = if rotation.is_some() { "hadamard_amax" } else { "amax" };
    let mut arguments = vec![Pointer(amax), Pointer(x)];
    arguments.extend(Rotation::signs(rotation));
    arguments.push(U64(count));
    arguments.extend(Rotation::size(rotation));
    arguments.push(U32(nan_is_zero.into()));
    let grid = Grid::Stride(count.div_ceil(PER_THREAD), THREADS);
    launch(&format!("paretoserve_quant_{kind}_{}", wide.suffix()), at, grid, &arguments)
}

/// Fill `out` with the numbers of MX blocks, or of NV blocks where there is a `global_scale`.
pub fn dequantize(
    at: Stream<'_>,
    [out, codes, scales]: [u64; 3],
    global_scale: Option<u64>,
    (format, wide): (&str, Wide),
    rows: u64,
    columns: u64,
) -> Result<()> {
    let entry = format!("paretoserve_quant_{format}_dequantize_{}", wide.suffix());
    let mut arguments = vec![Pointer(out), Pointer(codes), Pointer(scales)];
    arguments.extend(global_scale.map(Pointer));
    arguments.extend([U64(rows), U64(columns)]);
    let block = if global_scale.is_some() { 16 } else { 32 };
    let numbers = block * num_blocks(rows, columns, block)?;
    launch(&entry, at, Grid::Stride(numbers.div_ceil(PER_THREAD), THREADS), &arguments)
}

fn quantize(
    at: Stream<'_>,
    (format, wide): (&str, Wide),
    matrix: Matrix,
    rotated: bool,
    block: u64,
    arguments: &[Argument],
) -> Result<()> {
    let Matrix { rows, columns, transposed } = matrix;
    let before = if rotated { "hadamard_" } else { "" };
    let (kind, grid) = if transposed {
        num_blocks(columns, rows, block)?;
        ("_transposed", tiles(rows, columns, wide))
    } else {
        let numbers = block * num_blocks(rows, columns, block)?;
        ("", Grid::Stride(numbers.div_ceil(PER_THREAD), THREADS))
    };
    launch(&format!("paretoserve_quant_{before}{format}{kind}_{}", wide.suffix()), at, grid, arguments)
}

/// A block for each tile of the matrix; the kernels stride where there are too many.
fn tiles(rows: u64, columns: u64, wide: Wide) -> Grid {
    let x = columns.saturating_mul(wide.bytes()).div_ceil(TILE_BYTES).min(u64::from(u32::MAX >> 1));
    Grid::Exact([x as u32, rows.div_ceil(TILE_ROWS).min(MOST_Y) as u32, 1], THREADS)
}

/// The number of blocks, which the kernels count in 32 bits.
fn num_blocks(rows: u64, columns: u64, block: u64) -> Result<u64> {
    let blocks = rows.checked_mul(columns.div_ceil(block)).filter(|blocks| u32::try_from(*blocks).is_ok());
    blocks.ok_or(Error::TooLarge { argument: "x", most: "2^32 - 1 blocks" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_in_32_bits() {
        assert_eq!(num_blocks(3, 33, 32).unwrap(), 6);
        assert_eq!(num_blocks(0, 33, 32).unwrap(), 0);
        assert!(num_blocks(1 << 32, 1, 32).is_err());
        assert!(num_blocks(u64::MAX, u64::MAX, 32).is_err());
    }

    #[test]
    fn a_transposing_kernel_has_a_block_per_tile() {
        assert_eq!(tiles(129, 65, Wide::F16), Grid::Exact([2, 2, 1], 256));
        assert_eq!(tiles(1 << 40, 32, Wide::F32), Grid::Exact([1, 65535, 1], 256));
        assert_eq!(tiles(0, 32, Wide::F32), Grid::Exact([1, 0, 1], 256));
    }
}
