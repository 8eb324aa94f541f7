//! Time of single operators on one GPU: an analytic time times the exponential of an interpolated log-ratio.
//!
//! The analytic time is a roofline: a launch latency plus the larger of operations over peak rate and bytes over
//! bandwidth. The ratio of measured to analytic time lives on a grid in logarithms of the sizes, fitted by
//! `tools/fit_operators.py` from measured tables. One file per operator states its formula and its grid axes, so the
//! fit and the estimate cannot drift apart.

mod attention;
mod collectives;
mod gemm;
mod mixed;
mod mla;
mod moe;
mod rows;
mod table;
#[cfg(test)]
mod tests;

pub use attention::{DecodeAttention, Heads, PrefillAttention};
pub use collectives::{Collective, Exchange, Kind};
pub use gemm::Gemm;
pub use mixed::MixedAttention;
pub use mla::{MlaDecode, MlaPrefill};
pub use moe::Moe;
pub use rows::feature_rows;
pub use table::Table;

use super::grid::{Grid, MAX_AXES};
use super::{Peak, Provenance};
use crate::{Error, Result};

/// An estimated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Nanoseconds.
    pub ns: f64,
    /// How it was obtained.
    pub provenance: Provenance,
}

/// What an operator is at given sizes: its analytic time and where its ratio is looked up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features {
    /// Roofline time in nanoseconds.
    pub analytic_ns: f64,
    /// Coordinates on the operator's grid; those past its axes are zero.
    pub point: [f64; MAX_AXES],
}

impl Features {
    /// Nothing to do.
    const NONE: Self = Self { analytic_ns: 0.0, point: [0.0; MAX_AXES] };
}

/// An operator with its sizes.
pub trait Operator {
    /// Axes of the operator's grid.
    const AXES: usize;

    /// Analytic time and grid coordinates on hardware with these peak rates.
    fn features(&self, peak: &Peak) -> Features;

    /// Tables whose ratio serves this operator, the best first; all but the first count as transferred.
    fn tables(&self) -> [Option<Table>; 4];
}

/// Operator times of one system.
#[derive(Debug, Clone)]
pub struct Operators {
    /// Whether the ratios are of another GPU.
    lent: bool,
    peak: Peak,
    memory: Memory,
    tables: Vec<(Table, Grid)>,
}

/// Elementwise work: a launch plus a stream through memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Nanoseconds before the first byte.
    pub launch_ns: f64,
    /// Share of the peak bandwidth that a stream reaches.
    pub fraction: f64,
}

impl Operators {
    /// Operators from the peak rates, the memory stream and the named grids of a fit.
    pub fn new(peak: Peak, memory: Memory, tables: Vec<(Table, Grid)>) -> Result<Self> {
        peak.check()?;
        if !(memory.launch_ns >= 0.0 && memory.launch_ns.is_finite()) {
            return Err(Error::value("launch_ns", "finite and at least 0", memory.launch_ns));
        }
        if !(memory.fraction > 0.0 && memory.fraction <= 1.0) {
            return Err(Error::value("fraction", "above 0 and at most 1", memory.fraction));
        }
        for (table, grid) in &tables {
            if grid.axes().len() != table.axes() {
                return Err(Error::shape("tables", format!("{} axes for {table:?}", table.axes()), grid.axes().len()));
            }
        }
        Ok(Self { lent: false, peak, memory, tables })
    }

    /// The same ratios on a GPU of other peak rates, where every estimate counts as transferred. Its multiprocessors
    /// are taken to be as fast as those of this one.
    pub fn lend(&self, mut peak: Peak) -> Result<Self> {
        let scale = peak.bf16_flops / self.peak.bf16_flops;
        peak.multiprocessors = (f64::from(self.peak.multiprocessors) * scale).round().max(1.0) as u32;
        peak.check()?;
        Ok(Self { lent: true, peak, ..self.clone() })
    }

    /// Peak rates.
    pub fn peak(&self) -> &Peak {
        &self.peak
    }

    /// Time of `operator`. Sizes of zero take no time.
    pub fn estimate<O: Operator>(&self, operator: &O) -> Estimate {
        let Features { analytic_ns, point } = operator.features(&self.peak);
        if analytic_ns <= 0.0 {
            return Estimate { ns: 0.0, provenance: Provenance::Fitted };
        }
        for (rank, table) in operator.tables().iter().flatten().enumerate() {
            if let Some((_, grid)) = self.tables.iter().find(|(name, _)| name == table) {
                let sample = grid.at(&point[..O::AXES]);
                let provenance = match (rank, sample.inside) {
                    _ if self.lent => Provenance::Transferred,
                    (0, true) => Provenance::Interpolated,
                    (0, false) => Provenance::Fitted,
                    _ => Provenance::Transferred,
                };
                return Estimate { ns: analytic_ns * sample.value.exp(), provenance };
            }
        }
        Estimate { ns: analytic_ns, provenance: Provenance::Transferred }
    }

    /// Time of an elementwise operator (norm, rotary, activation, residual, sampling) that moves `bytes`: analytic.
    pub fn memory_ns(&self, bytes: f64) -> Estimate {
        let stream = bytes.max(0.0) / (self.peak.memory_bandwidth * self.memory.fraction) * 1e9;
        Estimate { ns: self.memory.launch_ns + stream, provenance: Provenance::Fitted }
    }
}

/// Nanoseconds of a launch and the larger of compute and memory seconds.
fn roofline(launch_ns: f64, compute_s: f64, memory_s: f64) -> f64 {
    launch_ns + compute_s.max(memory_s) * 1e9
}
