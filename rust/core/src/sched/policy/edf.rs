//! Earliest deadline first: feasible on one machine whenever anything is (Liu and Layland 1973). Requests without a
//! deadline run after all others.

use super::{Job, Policy, Price};

/// The rank is the deadline.
#[derive(Debug, Clone, Copy)]
pub struct Edf;

impl Policy for Edf {
    fn rank(&self, job: &Job) -> u64 {
        job.request.deadline_ns.unwrap_or(u64::MAX)
    }

    fn displaces(&self, newcomer: &Job, victim: &Job, _price: Price) -> bool {
        self.rank(newcomer) < self.rank(victim)
    }
}
