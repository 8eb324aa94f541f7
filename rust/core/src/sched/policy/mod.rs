//! The order of requests: one file per policy.
//!
//! A policy maps a request to an integer rank; smaller runs earlier. Ranks are static while a request waits (they are
//! computed when it enters the queue or is updated), so no clock and no re-sorting is needed; equal ranks run in order
//! of submission.

mod fcfs;
mod priority;
mod srpt;

pub(crate) use fcfs::Fcfs;
pub(crate) use priority::Priority;
pub(crate) use srpt::Srpt;

use super::job::Job;
use super::options::{Options, PolicyKind, micro};

/// Total order of requests: rank of the policy, then order of submission.
pub(crate) type Key = (u64, u64);

/// What decides who runs first, and who gives way when blocks run out (the largest key).
pub(crate) trait Policy: Send + Sync + std::fmt::Debug {
    /// Smaller runs earlier. Must depend on the job alone, and must not change while the job waits.
    fn rank(&self, job: &Job) -> u64;

    /// Work that an eviction of `job` throws away, in the unit of [`Policy::rank`]. `None` if ranks are not sizes, so
    /// that differences of ranks mean nothing and nobody is evicted for a better rank.
    fn recompute(&self, _job: &Job) -> Option<u64> {
        None
    }

    /// Whether requests run in order of submission; the FIFO share is then idle.
    fn is_fifo(&self) -> bool {
        false
    }
}

/// The policy that `options` ask for.
pub(crate) fn make(options: &Options) -> Box<dyn Policy> {
    match options.policy {
        PolicyKind::Fcfs => Box::new(Fcfs),
        PolicyKind::Priority => Box::new(Priority),
        PolicyKind::Srpt => Box::new(Srpt::new(micro(options.prefill_weight))),
    }
}
