//! Program-level least attained service (Autellix, Luo and others 2025): the call whose program has received the least
//! work runs first.
//!
//! Good where programs differ much in length and nothing else is known; among programs of much the same length it
//! doubles the mean flow time, as all of them finish late together.

use super::{Job, Policy, Price};
use crate::sched::options::MICRO;

/// The rank is the work that the program has received, with this call's output so far.
#[derive(Debug, Clone, Copy)]
pub struct Plas;

impl Policy for Plas {
    fn rank(&self, job: &Job) -> u64 {
        job.attained.saturating_add(u64::from(job.num_sampled) * MICRO)
    }

    /// Strictly less only: equal programs would evict each other for ever.
    fn displaces(&self, newcomer: &Job, victim: &Job, _price: Price) -> bool {
        self.rank(newcomer) < self.rank(victim)
    }

    fn patience(&self, _job: &Job) -> u32 {
        0
    }
}
