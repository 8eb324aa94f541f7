//! Shortest remaining processing time: the request with the least expected work left runs first.
//!
//! Optimal for mean flow time on one machine (Schrage 1968). Work is counted in output tokens: expected output left
//! plus `prefill_weight` per token that still has to be computed and is not in the cache. Estimates that were outlived
//! double. Long requests starve under overload without a FIFO share.
//!
//! `srpt` adds the work that the rest of a program is expected to need; `op_srpt` looks at the current call alone,
//! which is all that is certain where calls are revealed one by one (2-competitive for uniform tests: Lindermayr and
//! others 2026).

use super::{Job, Policy};
use crate::sched::options::MICRO;

/// The rank is the expected remaining work in millionths of an output token.
#[derive(Debug, Clone, Copy)]
pub struct Srpt {
    prefill_weight: u64,
    whole_program: bool,
}

impl Srpt {
    /// `prefill_weight`: millionths of an output token per prompt token; `whole_program`: whether the calls to come
    /// count.
    pub fn new(prefill_weight: u64, whole_program: bool) -> Self {
        Self { prefill_weight, whole_program }
    }

    /// Expected work left of the current call, in millionths of an output token.
    pub fn work(&self, job: &Job) -> u64 {
        job.expected_remaining() * MICRO + self.prompt_work(job.num_uncached())
    }

    /// Work of computing so many tokens of a prompt.
    pub(crate) fn prompt_work(&self, num_tokens: u32) -> u64 {
        self.prefill_weight * u64::from(num_tokens)
    }
}

impl Policy for Srpt {
    fn rank(&self, job: &Job) -> u64 {
        self.work(job).saturating_add(if self.whole_program { job.later } else { 0 })
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        Some(self.prefill_weight * u64::from(job.num_computed))
    }

    /// The estimate doubles when it is outlived.
    fn patience(&self, job: &Job) -> u32 {
        u32::try_from(job.expected_remaining() - 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;

    #[test]
    fn rank_counts_output_and_uncached_prompt() {
        let request = Request { prompt_tokens: 100, ..Request::default() };
        let mut job = Job { request, estimate: 10, later: 7, ..Job::default() };
        let srpt = Srpt::new(20_000, false);
        assert_eq!(srpt.rank(&job), 12 * MICRO);
        job.num_cached = 50;
        assert_eq!(srpt.rank(&job), 11 * MICRO);
        (job.num_computed, job.num_sampled) = (103, 4);
        assert_eq!(srpt.rank(&job), 6 * MICRO + 20_000);
        assert_eq!(Srpt::new(20_000, true).rank(&job), 6 * MICRO + 20_007);
        assert_eq!(srpt.recompute(&job), Some(2_060_000));
    }
}
