//! By ranks that somebody else computed: a function in Python, a learned order, a router.

use super::{Job, Policy};

/// The rank is the one that was submitted.
#[derive(Debug, Clone, Copy)]
pub struct External;

impl Policy for External {
    fn rank(&self, job: &Job) -> u64 {
        job.request.rank
    }
}
