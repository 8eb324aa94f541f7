//! Lengths of rays and sums of their powers: `pareto_rays.cu`.

use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Threads of a block, as the kernel needs them.
const THREADS: u32 = 128;
/// Sums per item.
const LANES: u64 = 32;
/// Most blocks of a grid in y.
const MOST: u32 = 65535;

/// Rays of some items towards points.
#[derive(Debug, Clone, Copy)]
pub struct Rays {
    /// Number of points.
    pub n: u64,
    /// Objectives.
    pub d: u32,
    /// Random shifts times faces.
    pub items: u32,
    /// The first ray of each item, and how many.
    pub rays: [u32; 2],
}

/// Add powers of the lengths of rays to `sums`.
///
/// Addresses are those of the sums, room for the lengths, distances, orders, multipliers and shifts.
pub fn powers(at: Stream<'_>, addresses: [u64; 6], rays: Rays) -> Result<()> {
    let [sums, lengths, distances, orders, multipliers, shifts] = addresses.map(Pointer);
    let Rays { n, d, items, rays: [first, count] } = rays;
    let arguments =
        [lengths, distances, orders, multipliers, shifts, U64(n), U32(d), U32(items), U32(first), U32(count)];
    let grid = Grid::Exact([count.div_ceil(THREADS), items.min(MOST), 1], THREADS);
    launch("paretoserve_pareto_rays", at, grid, &arguments)?;
    let arguments = [sums, lengths, U32(d), U32(items), U32(count)];
    launch("paretoserve_pareto_powers", at, Grid::Stride(u64::from(items) * LANES, THREADS), &arguments)
}
