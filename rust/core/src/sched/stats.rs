//! What a scheduler counts.

/// Counters since the scheduler was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests in the queue now.
    pub num_waiting: u64,
    /// Requests that hold a slot now.
    pub num_running: u64,
    /// Programs that have not ended.
    pub num_programs: u64,
    /// Requests ever submitted.
    pub num_submitted: u64,
    /// Requests that finished.
    pub num_finished: u64,
    /// Requests that were cancelled.
    pub num_cancelled: u64,
    /// Requests admitted for the first time.
    pub num_admitted: u64,
    /// Admissions after a preemption.
    pub num_readmitted: u64,
    /// Admissions, of either kind, that the FIFO share gave to the oldest.
    pub num_fifo_admitted: u64,
    /// Running requests that went on with another operation and waited for a slot again.
    pub num_revealed: u64,
    /// Preemptions, for blocks or for slots.
    pub num_preempted: u64,
    /// Tokens whose KV was thrown away by preemptions.
    pub num_wasted_tokens: u64,
    /// Output tokens of finished requests, the basis of the estimate for requests without one.
    pub num_output_tokens: u64,
}
