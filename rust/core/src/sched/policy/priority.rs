//! By declared priority, smaller first, as vLLM's `priority`; the largest (priority, arrival) gives way first.

use super::{Job, Policy, Price};

/// The rank is the priority, shifted to be unsigned.
#[derive(Debug, Clone, Copy)]
pub struct Priority;

impl Policy for Priority {
    fn rank(&self, job: &Job) -> u64 {
        (i64::from(job.request.priority) - i64::from(i32::MIN)) as u64
    }

    /// Only for a smaller priority, never for an earlier arrival: equal requests would evict each other for ever.
    fn displaces(&self, newcomer: &Job, victim: &Job, _price: Price) -> bool {
        newcomer.request.priority < victim.request.priority
    }
}
