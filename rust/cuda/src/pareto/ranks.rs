//! Ranks of a sorted table: `pareto_ranks.cu`.

use super::suffix;
use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Threads of a block, as the kernels need them, and rows that are settled at once.
const ROWS: u64 = 128;
/// Slices of the earlier rows that are looked at in parallel.
const MOST_SLICES: u64 = 2048;

/// Fill the ranks, 0 at the start, of `n` rows sorted so that a row that beats another one comes before it.
pub fn ranks(at: Stream<'_>, [ranks, keys]: [u64; 2], n: u64, d: u32, wide: bool) -> Result<()> {
    let suffix = suffix(wide);
    let (raise, settle) = (format!("paretoserve_pareto_raise_{suffix}"), format!("paretoserve_pareto_settle_{suffix}"));
    for first in (0..n).step_by(ROWS as usize) {
        let count = ROWS.min(n - first);
        let arguments = [Pointer(ranks), Pointer(keys), U64(n), U64(first), U64(count), U32(d)];
        let slices = first.div_ceil(ROWS).min(MOST_SLICES) as u32;
        launch(&raise, at, Grid::Exact([1, slices, 1], ROWS as u32), &arguments)?;
        launch(&settle, at, Grid::Exact([1, 1, 1], ROWS as u32), &arguments)?;
    }
    Ok(())
}
