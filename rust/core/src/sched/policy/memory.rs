//! Shortest output first within the KV cache: `mc_sf` for outputs that are known, `a_min` for intervals.
//!
//! Both admit by rising output while the blocks that everybody will hold at every later completion fit the cache; see
//! `forecast.rs`. MC-SF (Jaillet and others 2025) takes the expected output for true and never runs out of blocks if it
//! is. `A_min` (Chen, Ye and Zhou 2025) takes the least output of an interval, raises it as tokens come, and evicts the
//! smallest bound first, which loses least: O(log(most / least))-competitive for requests that arrive together.

use super::{Job, Policy};
use crate::sched::options::MICRO;

/// The rank is the expected output that is left.
#[derive(Debug, Clone, Copy)]
pub struct McSf {
    prefill_weight: u64,
}

impl McSf {
    /// `prefill_weight`: millionths of an output token per prompt token.
    pub fn new(prefill_weight: u64) -> Self {
        Self { prefill_weight }
    }
}

impl Policy for McSf {
    fn rank(&self, job: &Job) -> u64 {
        job.expected_remaining() * MICRO
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        Some(self.prefill_weight * u64::from(job.num_computed))
    }

    fn patience(&self, job: &Job) -> u32 {
        u32::try_from(job.expected_remaining() - 1).unwrap_or(u32::MAX)
    }

    fn output_left(&self, job: &Job) -> Option<u64> {
        Some(job.expected_remaining())
    }
}

/// The rank is the lower bound of the output.
#[derive(Debug, Clone, Copy)]
pub struct AMin;

impl AMin {
    /// The output it must have: what was declared, one token more than came, or what is expected if no range was given.
    fn bound(job: &Job) -> u64 {
        let declared = job.request.output_range.map(|(least, _)| least).or(job.request.expected_output_tokens);
        u64::from(declared.unwrap_or(1)).max(u64::from(job.num_sampled) + 1)
    }
}

impl Policy for AMin {
    fn rank(&self, job: &Job) -> u64 {
        Self::bound(job) * MICRO
    }

    /// The smallest bound: whoever has the largest is never evicted while another runs, so somebody always finishes.
    fn victim_rank(&self, job: &Job) -> u64 {
        u64::MAX - self.rank(job)
    }

    fn patience(&self, job: &Job) -> u32 {
        u32::try_from(Self::bound(job) - u64::from(job.num_sampled) - 1).unwrap_or(u32::MAX)
    }

    fn output_left(&self, job: &Job) -> Option<u64> {
        Some(Self::bound(job) - u64::from(job.num_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;

    #[test]
    fn bounds_rise_with_the_output() {
        let job = |output_range, expected_output_tokens, num_sampled| {
            let request = Request { prompt_tokens: 1, output_range, expected_output_tokens, ..Request::default() };
            Job { request, num_sampled, ..Job::default() }
        };
        let left = |job: Job| (AMin.rank(&job) / MICRO, AMin.output_left(&job).unwrap());
        assert_eq!(left(job(Some((4, 9)), Some(7), 0)), (4, 4));
        assert_eq!(left(job(Some((4, 9)), Some(7), 3)), (4, 1));
        assert_eq!(left(job(Some((4, 9)), Some(7), 6)), (7, 1));
        assert_eq!(left(job(None, Some(7), 0)), (7, 7));
        assert_eq!(left(job(None, None, 0)), (1, 1));
        let [small, large] = [2, 5].map(|least| AMin.victim_rank(&job(Some((least, 9)), None, 0)));
        assert!(small > large, "the smallest bound gives way");
    }
}
