//! First come, first served, as vLLM's `fcfs`: who was admitted last gives way first and waits at the front.
//!
//! The calls of a program are as old as its first one.

use super::{Job, Policy};

/// The rank is the age.
#[derive(Debug, Clone, Copy)]
pub struct Fcfs;

impl Policy for Fcfs {
    fn rank(&self, job: &Job) -> u64 {
        job.age
    }

    fn is_fifo(&self) -> bool {
        true
    }
}
