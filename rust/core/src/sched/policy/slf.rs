//! Shortest lower bound first (Gupta, Kaplan, Lindermayr, Schlöter and Yingchareonthawornchai 2025): the request with
//! the least work that it provably has left runs first.
//!
//! A request whose output is known has its remaining work left. One whose output becomes known when a share eps of it
//! is left, and is not known yet, has at least eps / (1 - eps) of its output so far left: so the bound grows while it
//! runs. The mean flow time on one machine is at most ceil(1 / eps) times the optimum, the best that a deterministic
//! rule can promise; with eps = 1 it is `op_srpt`.

use super::{Job, Policy, Srpt};
use crate::sched::options::MICRO;

/// The rank is the lower bound in millionths of an output token.
#[derive(Debug, Clone, Copy)]
pub struct Slf {
    size: Srpt,
    prefill_weight: u64,
    eps: u64,
}

impl Slf {
    /// `prefill_weight`: millionths of an output token per prompt token; `eps` in millionths, at least 1 and at most
    /// one million.
    pub fn new(prefill_weight: u64, eps: u64) -> Self {
        Self { size: Srpt::new(prefill_weight, false), prefill_weight, eps }
    }
}

impl Policy for Slf {
    fn rank(&self, job: &Job) -> u64 {
        if job.request.expected_output_tokens.is_some() {
            return self.size.rank(job);
        }
        let attained = u128::from(job.num_sampled) * u128::from(MICRO);
        let bound = match MICRO - self.eps {
            0 if attained > 0 => u128::from(u64::MAX),
            unknown => attained * u128::from(self.eps) / u128::from(unknown.max(1)),
        };
        self.size.prompt_work(job.num_uncached()).saturating_add(u64::try_from(bound).unwrap_or(u64::MAX))
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        Some(self.prefill_weight * u64::from(job.num_computed))
    }

    /// The bound of an unknown request rises with every token.
    fn patience(&self, job: &Job) -> u32 {
        if job.request.expected_output_tokens.is_some() { self.size.patience(job) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;

    #[test]
    fn bounds_grow_until_the_size_is_known() {
        let rank = |eps, num_sampled, expected_output_tokens| {
            let request = Request { prompt_tokens: 1, expected_output_tokens, ..Request::default() };
            let estimate = expected_output_tokens.unwrap_or(256);
            Slf::new(0, eps).rank(&Job { request, num_sampled, estimate, ..Job::default() })
        };
        assert_eq!([0, 9].map(|sampled| rank(MICRO / 4, sampled, None)), [0, 3 * MICRO]);
        assert_eq!(rank(MICRO / 2, 9, None), 9 * MICRO);
        assert_eq!(rank(MICRO / 4, 9, Some(12)), 3 * MICRO);
        assert_eq!([0, 1].map(|sampled| rank(MICRO, sampled, None)), [0, u64::MAX]);
    }
}
