//! What a spill may do: tolerance, limits of each rank, cost model.

use crate::moe::{Cost, Ranks};
use crate::{Error, Result};

/// Tolerances that a sweep tries, in millionths of the mean.
pub const SWEEP: [u32; 7] = [0, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

/// How far above its share a rank may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// The one of [`SWEEP`] that the cost model likes best.
    Auto,
    /// Millionths of the share.
    Fixed(u32),
}

/// Limits and preferences of a [`super::Spiller`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How far above its share a rank may stay.
    pub tolerance: Tolerance,
    /// Smaller pieces stay at home.
    pub min_tokens: u64,
    /// Foreign experts that each rank has room for.
    pub max_foreign: Vec<u32>,
    /// Most transfers that a rank receives.
    pub max_in: u32,
    /// Most transfers that a rank sends.
    pub max_out: u32,
    /// Whether ranks that have received an expert may pass it on.
    pub relay: bool,
    /// What the step costs; without it nothing is weighed.
    pub cost: Option<Cost>,
}

impl Options {
    /// No limits and no cost model.
    pub fn unlimited(tolerance: Tolerance, num_ranks: usize) -> Self {
        Self {
            tolerance,
            min_tokens: 1,
            max_foreign: vec![u32::MAX; num_ranks],
            max_in: u32::MAX,
            max_out: u32::MAX,
            relay: false,
            cost: None,
        }
    }

    pub(super) fn check(&self, ranks: &Ranks) -> Result<()> {
        if self.max_foreign.len() != ranks.count() {
            let got = format!("({},)", self.max_foreign.len());
            return Err(Error::shape("max_foreign", format!("({},)", ranks.count()), got));
        }
        if self.tolerance == Tolerance::Auto && self.cost.is_none() {
            return Err(Error::value("tolerance", "a number when there is no cost model", "\"auto\""));
        }
        Ok(())
    }
}
