//! Weights, rounded down to powers of two, and shortest remaining work inside each; which class runs is in
//! `order/weights.rs`.

use super::{Job, Policy, Srpt};

/// Bits of the rank that hold the remaining work; the rest is the class.
const WORK_BITS: u32 = 58;

/// The rank is the class of the weight, heaviest first, then the expected remaining work in millionths of an output
/// token: the longest of the lightest gives way when blocks run out.
#[derive(Debug, Clone, Copy)]
pub struct Wsrpt {
    /// Measures what is left.
    pub(crate) size: Srpt,
}

impl Wsrpt {
    /// Classes of weights: 0.000001 to 1000 in millionths.
    pub(crate) const NUM_CLASSES: usize = 30;

    /// `prefill_weight`: millionths of an output token per prompt token.
    pub fn new(prefill_weight: u64) -> Self {
        Self { size: Srpt::new(prefill_weight, true) }
    }

    /// floor(log2) of the weight in millionths.
    pub(crate) fn class(job: &Job) -> usize {
        (job.request.weight.max(1).ilog2() as usize).min(Self::NUM_CLASSES - 1)
    }
}

impl Policy for Wsrpt {
    fn rank(&self, job: &Job) -> u64 {
        let lighter = (Self::NUM_CLASSES - 1 - Self::class(job)) as u64;
        (lighter << WORK_BITS) | self.size.rank(job).min((1 << WORK_BITS) - 1)
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        self.size.recompute(job)
    }

    fn patience(&self, job: &Job) -> u32 {
        self.size.patience(job)
    }
}
