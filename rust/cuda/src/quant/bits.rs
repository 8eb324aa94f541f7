//! Dense bit streams and tiles of scales: `quant_pack.cu`, `quant_swizzle.cu`.

use crate::error::{Error, Result};
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Codes of a thread of the packing kernels.
const CODES: u64 = 32;
/// Neighboring scales of a thread of the swizzling kernels.
const SCALES: u64 = 4;
const THREADS: u32 = 256;

/// How codes lie in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// Width of a code.
    pub bits: u32,
    /// Whether the first code is at the upper end.
    pub msb_first: bool,
    /// Bytes of a word, at which rows end.
    pub word_bytes: u32,
    /// 0 codes, 1 numbers with an offset, 2 two's complement.
    pub coding: u32,
}

/// Pack `[rows, columns]` codes, one byte each; a code that does not fit loses its upper bits.
pub fn pack(at: Stream<'_>, [packed, codes]: [u64; 2], [rows, columns]: [u64; 2], how: Packing) -> Result<()> {
    let arguments = [
        Pointer(packed),
        Pointer(0),
        Pointer(codes),
        U64(rows),
        U64(columns),
        U32(how.bits),
        U32(how.msb_first.into()),
        U32(how.word_bytes),
        U32(how.coding),
    ];
    launch("paretoserve_quant_pack_bits", at, grid(rows, columns, CODES)?, &arguments)
}

/// Unpack `[rows, columns]` codes to one byte each.
pub fn unpack(at: Stream<'_>, [codes, packed]: [u64; 2], [rows, columns]: [u64; 2], how: Packing) -> Result<()> {
    let arguments = [
        Pointer(codes),
        Pointer(packed),
        U64(rows),
        U64(columns),
        U32(how.bits),
        U32(how.msb_first.into()),
        U32(how.word_bytes),
        U32(how.coding),
    ];
    launch("paretoserve_quant_unpack_bits", at, grid(rows, columns, CODES)?, &arguments)
}

/// Put `[rows, columns]` scales into tiles of 128x4, or take them out of tiles.
pub fn swizzle(at: Stream<'_>, [out, scales]: [u64; 2], [rows, columns]: [u64; 2], inverse: bool) -> Result<()> {
    let entry = if inverse { "paretoserve_quant_unswizzle_scales" } else { "paretoserve_quant_swizzle_scales" };
    let room = if inverse || rows == 0 || columns == 0 { rows } else { rows.next_multiple_of(128) };
    let grid = grid(room, columns, SCALES)?;
    launch(entry, at, grid, &[Pointer(out), Pointer(scales), U64(rows), U64(columns)])
}

fn grid(rows: u64, columns: u64, per_thread: u64) -> Result<Grid> {
    let groups = rows.checked_mul(columns.div_ceil(per_thread)).filter(|groups| u32::try_from(*groups).is_ok());
    groups
        .map(|groups| Grid::Stride(groups, THREADS))
        .ok_or(Error::TooLarge { argument: "x", most: "2^32 - 1 groups of codes" })
}
