//! The classes of `balance` and `chunk_balance`; who goes first among them is in `order/stack.rs`.

use super::{Job, Policy, Price};
use crate::sched::options::MICRO;

/// The rank is the class: the largest power of two within the size.
#[derive(Debug, Clone, Copy)]
pub struct Balance {
    prefill_weight: u64,
}

impl Balance {
    /// `prefill_weight`: millionths of an output token per prompt token.
    pub fn new(prefill_weight: u64) -> Self {
        Self { prefill_weight }
    }
}

impl Policy for Balance {
    fn rank(&self, job: &Job) -> u64 {
        u64::from(job.class)
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        Some(self.prefill_weight * u64::from(job.num_computed))
    }

    /// Classes must differ, and what is computed again must be small beside the difference of sizes.
    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        let size = |job: &Job| u128::from(MICRO) << job.class.min(63);
        let recompute = self.prefill_weight * u64::from(victim.num_computed);
        newcomer.class < victim.class && (recompute == 0 || price.is_below(size(victim), size(newcomer), recompute))
    }
}

/// floor(log2) of work in millionths of an output token, counted in whole tokens.
pub(crate) fn class(work: u64) -> u8 {
    (work / MICRO).max(1).ilog2() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_powers_of_two() {
        let of = |tokens: u64| class(tokens * MICRO);
        assert_eq!([0, 1, 2, 3, 4, 7, 8, 1023, 1024].map(of), [0, 0, 1, 1, 2, 2, 3, 9, 10]);
        assert_eq!(class(u64::MAX), 44);
    }
}
