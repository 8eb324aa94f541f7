//! First come, first served, as vLLM's `fcfs`: who was admitted last gives way first and waits at the front.

use super::{Job, Policy};

/// All ranks are equal; the order of submission decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fcfs;

impl Policy for Fcfs {
    fn rank(&self, _job: &Job) -> u64 {
        0
    }

    fn is_fifo(&self) -> bool {
        true
    }
}
