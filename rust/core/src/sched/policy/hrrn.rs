//! Highest response ratio next (Brinch Hansen 1971): who waited longest for its size enters first; see
//! `order/ratio.rs`.

use super::{Job, Policy, Srpt};

/// Ratios change with time, so the rank is the age: who came last gives way when blocks run out.
#[derive(Debug, Clone, Copy)]
pub struct Hrrn {
    /// Measures requests.
    pub(crate) size: Srpt,
}

impl Hrrn {
    /// `prefill_weight`: millionths of an output token per prompt token.
    pub fn new(prefill_weight: u64) -> Self {
        Self { size: Srpt::new(prefill_weight, false) }
    }
}

impl Policy for Hrrn {
    fn rank(&self, job: &Job) -> u64 {
        job.age
    }
}
