//! Balance (Gupta, Kumar, Panigrahi and Wang 2026) and our Chunk-Balance: O(distortion)-competitive for mean flow time
//! when sizes are estimates, without knowing how wrong they are.
//!
//! Jobs that never ran wait by class, the power of two below their size; jobs that did form a stack. One that never ran
//! is pushed if its class is below that of the top and if a quarter of all live jobs never ran; else the top goes on.
//! So a decision needs estimates within a factor two only, and preemptions never outnumber arrivals.
//!
//! Chunk-Balance is our reconstruction for jobs whose operations are revealed one by one (the text of Lindermayr and
//! others 2026 was not available to us): a chunk is a run of operations below twice the class with which it began; a
//! larger operation begins a new chunk, with which the job counts as one that never ran. With one operation per job it
//! is Balance.

use super::{Job, Order, Policy, RequestIndex};
use crate::sched::policy::{Balance, Key, Price};
use crate::sched::queue::Queue;

/// Those that never ran by class, those that did by their last start.
#[derive(Debug)]
pub struct Stack {
    policy: Balance,
    fresh: Queue<Key>,
    /// Keyed by the complement of the start, so that the last is first; with the class.
    started: Queue<(u64, u8)>,
    num_live: u64,
}

impl Stack {
    /// Nobody waits.
    pub fn new(policy: Balance) -> Self {
        Self { policy, fresh: Queue::new(), started: Queue::new(), num_live: 0 }
    }

    /// Whether enough live jobs never ran for one of them to be pushed.
    fn may_push(&self) -> bool {
        4 * self.fresh.len() as u64 >= self.num_live
    }
}

impl Order for Stack {
    fn policy(&self) -> &dyn Policy {
        &self.policy
    }

    fn enter(&mut self, request: RequestIndex, job: &Job) {
        if job.start == 0 {
            self.started.remove(request);
            self.fresh.set(request, (u64::from(job.class), job.sequence));
        } else {
            self.fresh.remove(request);
            self.started.set(request, (u64::MAX - job.start, job.class));
        }
    }

    fn leave(&mut self, request: RequestIndex, _job: &Job) {
        self.fresh.remove(request);
        self.started.remove(request);
    }

    fn first(&mut self, _now_ns: u64) -> Option<RequestIndex> {
        let (Some(fresh), Some(top)) = (self.fresh.peek(), self.started.peek()) else {
            return self.started.peek().or(self.fresh.peek());
        };
        let class = self.fresh.key(fresh)?.0;
        let push = class < u64::from(self.started.key(top)?.1) && self.may_push();
        Some(if push { fresh } else { top })
    }

    fn len(&self) -> usize {
        self.fresh.len() + self.started.len()
    }

    fn arrive(&mut self, _job: &Job) {
        self.num_live += 1;
    }

    fn depart(&mut self, _job: &Job) {
        self.num_live -= 1;
    }

    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        newcomer.start == 0 && self.may_push() && self.policy.displaces(newcomer, victim, price)
    }
}
