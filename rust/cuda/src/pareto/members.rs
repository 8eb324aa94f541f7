//! How often each row is on a front: `pareto_members.cu`.

use super::suffix;
use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Threads of a block, as the kernel needs them.
const THREADS: u32 = 128;
/// Samples at once: more would not fit the device anyway.
const MOST_SAMPLES: u64 = 4096;

/// Add to `counts`, for each of `n` rows, the number of samples on whose front it is.
pub fn members(
    at: Stream<'_>,
    [counts, alive, keys]: [u64; 3],
    [n, samples]: [u64; 2],
    d: u32,
    wide: bool,
) -> Result<()> {
    let arguments = [Pointer(counts), Pointer(alive), Pointer(keys), U64(n), U64(samples), U32(d)];
    let grid = Grid::Exact([n.div_ceil(THREADS.into()) as u32, samples.min(MOST_SAMPLES) as u32, 1], THREADS);
    launch(&format!("paretoserve_pareto_members_{}", suffix(wide)), at, grid, &arguments)
}
