//! Which rows are beaten: `pareto_beaten.cu`.

use super::suffix;
use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Threads of a block, as the kernel needs them.
const THREADS: u32 = 128;

/// How a row that is nowhere worse beats another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Beating {
    /// It is better somewhere.
    Strictly = 0,
    /// It is better somewhere; the table is sorted, so that it comes earlier.
    ByOrder = 1,
    /// It comes earlier in a sorted table: of equal rows the first is left.
    ByOrderEven = 2,
}

/// Mark the rows of a table of `n` rows that one of the first `num_others` of another one beats.
///
/// `sizes` are n, the rows of the other table and `num_others`.
pub fn beaten(
    at: Stream<'_>,
    [beaten, keys, others]: [u64; 3],
    [n, stride, num_others]: [u64; 3],
    d: u32,
    order: Beating,
    wide: bool,
) -> Result<()> {
    let arguments = [
        Pointer(beaten),
        Pointer(keys),
        Pointer(others),
        U64(n),
        U64(stride),
        U64(num_others),
        U32(d),
        U32(order as u32),
    ];
    launch(&format!("paretoserve_pareto_beaten_{}", suffix(wide)), at, Grid::Stride(n, THREADS), &arguments)
}
