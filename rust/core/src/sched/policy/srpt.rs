//! Shortest remaining processing time: the request with the least expected work left runs first.
//!
//! Optimal for mean flow time on one machine (Schrage 1968). Work is counted in output tokens: expected output left
//! plus `prefill_weight` per token that still has to be computed and is not in the cache. Estimates that were outlived
//! double. Long requests starve under overload without a FIFO share.

use super::{Job, Policy};
use crate::sched::options::MICRO;

/// The rank is the expected remaining work in millionths of an output token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Srpt {
    prefill_weight: u64,
}

impl Srpt {
    /// `prefill_weight`: millionths of an output token per prompt token.
    pub(crate) fn new(prefill_weight: u64) -> Self {
        Self { prefill_weight }
    }
}

impl Policy for Srpt {
    fn rank(&self, job: &Job) -> u64 {
        let uncached = job.num_tokens().saturating_sub(job.num_computed.max(job.num_cached));
        job.expected_remaining() * MICRO + self.prefill_weight * u64::from(uncached)
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        Some(self.prefill_weight * u64::from(job.num_computed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;

    #[test]
    fn rank_counts_output_and_uncached_prompt() {
        let request = Request { prompt_tokens: 100, ..Request::default() };
        let mut job = Job { request, estimate: 10, ..Job::default() };
        let srpt = Srpt::new(20_000);
        assert_eq!(srpt.rank(&job), 12 * MICRO);
        job.num_cached = 50;
        assert_eq!(srpt.rank(&job), 11 * MICRO);
        (job.num_computed, job.num_sampled) = (103, 4);
        assert_eq!(srpt.rank(&job), 6 * MICRO + 20_000);
        assert_eq!(srpt.recompute(&job), Some(2_060_000));
    }
}
