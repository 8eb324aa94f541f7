//! By the ranks of a policy, then by submission.

use std::sync::Arc;

use super::{Job, Order, Policy, RequestIndex};
use crate::sched::policy::Key;
use crate::sched::queue::Queue;

/// A heap over ranks.
#[derive(Debug)]
pub struct Ranked {
    policy: Arc<dyn Policy>,
    queue: Queue<Key>,
}

impl Ranked {
    /// Nobody waits.
    pub fn new(policy: Arc<dyn Policy>) -> Self {
        Self { policy, queue: Queue::new() }
    }
}

impl Order for Ranked {
    fn policy(&self) -> &dyn Policy {
        &*self.policy
    }

    fn enter(&mut self, request: RequestIndex, job: &Job) {
        self.queue.set(request, (self.policy.rank(job), job.sequence));
    }

    fn leave(&mut self, request: RequestIndex, _job: &Job) {
        self.queue.remove(request);
    }

    fn first(&mut self, _now_ns: u64) -> Option<RequestIndex> {
        self.queue.peek()
    }

    fn len(&self) -> usize {
        self.queue.len()
    }
}
