//! Draws of noisy rows, as keys: `pareto_draws.cu`.

use crate::error::Result;
use crate::launch::Argument::{Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// Where the values of a draw come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// Independent normal objectives.
    Normal,
    /// Jointly normal objectives.
    Joint,
    /// The mean of resampled measurements.
    Mean,
    /// Their median.
    Median,
    /// The value below which this share of them lies.
    Quantile(f64),
}

/// Draws to make.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    /// Where their values come from.
    pub origin: Origin,
    /// Rows, number of the first draw, number of draws.
    pub sizes: [u64; 3],
    /// Objectives.
    pub d: u32,
    /// Key of the random numbers.
    pub seed: u64,
}

/// Fill wide keys of draws from values, their spread (0 for none), offsets (0 for none) and directions.
pub fn draws(at: Stream<'_>, [keys, values, spread, offsets, maximize]: [u64; 5], draws: Draws) -> Result<()> {
    let [n, first, samples] = draws.sizes;
    let (kind, share) = match draws.origin {
        Origin::Normal => (0, 0.0),
        Origin::Joint => (1, 0.0),
        Origin::Mean => (2, 0.0),
        Origin::Median => (3, 0.0),
        Origin::Quantile(share) => (4, share),
    };
    let arguments = [
        Pointer(keys),
        Pointer(values),
        Pointer(spread),
        Pointer(offsets),
        Pointer(maximize),
        U64(n),
        U64(first),
        U64(samples),
        U32(draws.d),
        U32(kind),
        U64(draws.seed),
        U64(share.to_bits()),
    ];
    let work = n.saturating_mul(samples).saturating_mul(draws.d.into());
    launch("paretoserve_pareto_draws", at, Grid::Stride(work, 256), &arguments)
}
