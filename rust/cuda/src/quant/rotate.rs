//! The Hadamard rotation: `quant_hadamard.cu`.

use super::Wide;
use super::block::{PER_THREAD, THREADS};
use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Rotate every run of `n` of `count` numbers at `x`; `signs` are n floats, each 1 or -1, or 0 for none.
pub fn hadamard(
    at: Stream<'_>,
    [out, x, signs]: [u64; 3],
    wide: Wide,
    count: u64,
    n: u32,
    inverse: bool,
) -> Result<()> {
    let arguments = [Pointer(out), Pointer(x), Pointer(signs), U64(count), U32(n), U32(inverse.into())];
    let grid = Grid::Stride(count.div_ceil(PER_THREAD), THREADS);
    launch(&format!("paretoserve_quant_hadamard_{}", wide.suffix()), at, grid, &arguments)
}
