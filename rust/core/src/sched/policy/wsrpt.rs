//! Weights, rounded down to powers of two, and shortest remaining work inside each; which class runs is in
//! `order/weights.rs`.

use super::{Job, Policy, Srpt};
use crate::sched::options::MICRO;

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
    /// Powers of two from that below 0.000001 to that below 1000.
    pub(crate) const NUM_CLASSES: usize = 30;

    /// `prefill_weight`: millionths of an output token per prompt token.
    pub fn new(prefill_weight: u64) -> Self {
        Self { size: Srpt::new(prefill_weight, true) }
    }

    /// floor(log2) of the weight, from 0 for the smallest; weight 1 is 20.
    pub(crate) fn class(job: &Job) -> usize {
        let weight = job.request.weight.max(1);
        let class = match weight / MICRO {
            0 => 20 - MICRO.div_ceil(weight).next_power_of_two().ilog2(),
            whole => 20 + whole.ilog2(),
        };
        (class as usize).min(Self::NUM_CLASSES - 1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;

    #[test]
    fn classes_are_powers_of_two_of_weights() {
        let class = |weight| Wsrpt::class(&Job { request: Request { weight, ..Request::default() }, ..Job::default() });
        assert_eq!([1, 2, 499_999, 500_000, 999_999, MICRO].map(class), [0, 1, 18, 19, 19, 20]);
        assert_eq!([2 * MICRO - 1, 2 * MICRO, 3 * MICRO, 8 * MICRO, 1000 * MICRO].map(class), [20, 21, 21, 23, 29]);
    }

    #[test]
    fn the_lightest_and_longest_gives_way() {
        let rank = |weight, estimate| {
            let request = Request { prompt_tokens: 1, weight: weight * MICRO, ..Request::default() };
            Wsrpt::new(0).rank(&Job { request, estimate, ..Job::default() })
        };
        assert!(rank(1, 5) > rank(2, 500) && rank(2, 500) > rank(2, 5));
    }
}
