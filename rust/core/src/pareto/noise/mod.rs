//! Fronts of noisy points: how often each row is on the front over many draws of all rows.
//!
//! A draw comes from given samples, from normal distributions or from resampled measurements (`draws`); random numbers
//! are keyed by draw and element (`normal`), so any number of threads sees the same ones. Counts are whole numbers and
//! sums run over the draws in order, so no result depends on threads.

mod beaten;
mod choose;
mod dominance;
mod draws;
mod erf;
mod informative;
mod lanes;
mod members;
mod normal;
mod possible;
mod ranges;
mod reader;
mod resample;
mod rivals;
mod strike;
mod together;

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

pub use dominance::{dominance, normal_dominance};
pub use draws::{Source, Statistic};
pub use informative::informative;
pub use members::membership;

use super::NanPolicy;
use super::watch::Watch;
use crate::error::{Error, Result};

/// Draws of all rows, and what counts as better.
#[derive(Clone, Copy)]
pub struct Draws<'a> {
    /// Where the values of a draw come from.
    pub source: Source<'a>,
    /// Rows of a draw.
    pub num_rows: usize,
    /// Number of draws.
    pub num_draws: usize,
    /// Per objective: larger is better.
    pub maximize: &'a [bool],
    /// What a row with a NaN does in that draw.
    pub nan: NanPolicy,
    /// Most threads to use; `None` decides by size.
    pub threads: Option<NonZeroUsize>,
    /// Asked now and then; once it says true the call ends with [`crate::Error::Interrupted`].
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Draws<'_> {
    fn d(&self) -> usize {
        self.maximize.len()
    }

    fn num_threads(&self) -> usize {
        crate::parallel::num_threads(self.threads, self.num_draws * self.num_rows * self.d() * 16)
            .min(self.num_draws)
            .max(1)
    }

    /// Whether one of the threads is to go on.
    fn watch<'s>(&'s self, thread: usize, stopped: &'s AtomicBool) -> Watch<'s> {
        Watch::new(stopped, (thread == 0).then_some(self.stop))
    }

    /// Whether lengths fit and values are allowed.
    ///
    /// # Errors
    /// If not, or if there is no draw.
    pub fn check(&self) -> Result<()> {
        if self.d() == 0 {
            return Err(Error::value("num_objectives", "1 or more", 0));
        }
        if self.num_draws == 0 {
            return Err(Error::value("num_samples", "1 or more", 0));
        }
        self.source.check(self.num_rows, self.d(), self.num_draws, self.nan)
    }
}
