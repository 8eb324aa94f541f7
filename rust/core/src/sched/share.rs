//! The guaranteed FIFO share: every so many admissions the oldest waiting request goes first, whatever the policy says.
//!
//! A credit in millionths grows by the share with each admission; when it would reach one, the oldest is admitted and
//! one is taken off. Among any `n` admissions at least `floor(n * share)` are thus of the oldest, so a request that
//! arrives as number `r` in the queue sees fewer than `r * ceil(1 / share)` others admitted before it. Re-admissions
//! after a preemption keep a credit of their own: a request that is evicted again and again must not use up the turns
//! of those that never ran.

use super::options::MICRO;

/// Credits of the oldest request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FifoShare {
    pub(super) share: u64,
    pub(super) credit: [u64; 2],
}

impl FifoShare {
    /// `share` in millionths, at most one million.
    pub(crate) fn new(share: u64) -> Self {
        Self { share: share.min(MICRO), credit: [0; 2] }
    }

    /// Whether the oldest is ever preferred.
    pub(crate) fn is_active(&self) -> bool {
        self.share > 0
    }

    /// Whether the next admission belongs to the oldest, if the policy would admit a first-timer (`again` false) or a
    /// request that was preempted.
    pub(crate) fn is_due(&self, again: bool) -> bool {
        self.credit[usize::from(again)] + self.share >= MICRO
    }

    /// Count one admission.
    pub(crate) fn admit(&mut self, again: bool) {
        let credit = &mut self.credit[usize::from(again)];
        *credit += self.share;
        if *credit >= MICRO {
            *credit -= MICRO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(share: u64, n: usize) -> Vec<usize> {
        let mut fifo = FifoShare::new(share);
        (0..n)
            .filter(|_| {
                let due = fifo.is_due(false);
                fifo.admit(false);
                due
            })
            .collect()
    }

    #[test]
    fn half_takes_every_second_admission() {
        assert_eq!(turns(500_000, 6), [1, 3, 5]);
    }

    #[test]
    fn shares_that_do_not_divide_are_met_on_average() {
        assert_eq!(turns(400_000, 10), [2, 4, 7, 9]);
        assert_eq!(turns(300_000, 1000).len(), 300);
    }

    #[test]
    fn zero_never_and_one_always() {
        assert!(turns(0, 100).is_empty());
        assert_eq!(turns(MICRO, 3), [0, 1, 2]);
    }

    #[test]
    fn readmissions_do_not_use_up_the_turns_of_first_admissions() {
        let mut fifo = FifoShare::new(500_000);
        fifo.admit(false);
        for _ in 0..5 {
            assert!(fifo.is_due(false));
            fifo.admit(true);
        }
    }
}
