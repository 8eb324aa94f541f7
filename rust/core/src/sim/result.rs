//! What a simulation tells: one row per request, written into the caller's arrays, and totals.

use crate::{Error, Result};

/// What is told about one request in the end. Times are -1 until they are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) scheduled_ns: i64,
    pub(super) first_token_ns: i64,
    pub(super) finish_ns: i64,
    pub(super) preemptions: u32,
    pub(super) cached_tokens: u32,
}

/// Per-request results to fill, one element per request of the trace. Times are -1 for a request that was turned away.
pub struct Rows<'a> {
    /// Replica that served the request; -1 if it was turned away.
    pub replica: &'a mut [i32],
    /// Start of the first step that computed something for it.
    pub scheduled_ns: &'a mut [i64],
    /// End of the step that sampled its first token.
    pub first_token_ns: &'a mut [i64],
    /// End of the step that sampled its last token.
    pub finish_ns: &'a mut [i64],
    /// How often it lost its blocks or its slot.
    pub preemptions: &'a mut [i32],
    /// Prompt tokens found in the cache when it was first admitted.
    pub cached_tokens: &'a mut [i32],
    /// 0, or the number of the [`super::Refusal`].
    pub refusal: &'a mut [u8],
}

impl Rows<'_> {
    pub(super) fn check(&self, n: usize) -> Result<()> {
        let lengths = [
            ("replica", self.replica.len()),
            ("scheduled_ns", self.scheduled_ns.len()),
            ("first_token_ns", self.first_token_ns.len()),
            ("finish_ns", self.finish_ns.len()),
            ("preemptions", self.preemptions.len()),
            ("cached_tokens", self.cached_tokens.len()),
            ("refusal", self.refusal.len()),
        ];
        match lengths.iter().find(|(_, length)| *length != n) {
            Some((name, length)) => Err(Error::shape(name, format!("({n},)"), format!("({length},)"))),
            None => Ok(()),
        }
    }

    pub(super) fn clear(&mut self) {
        self.replica.fill(-1);
        self.scheduled_ns.fill(-1);
        self.first_token_ns.fill(-1);
        self.finish_ns.fill(-1);
        self.preemptions.fill(0);
        self.cached_tokens.fill(0);
        self.refusal.fill(0);
    }

    pub(super) fn write(&mut self, index: usize, replica: usize, outcome: &Outcome) {
        self.replica[index] = replica as i32;
        self.scheduled_ns[index] = outcome.scheduled_ns;
        self.first_token_ns[index] = outcome.first_token_ns;
        self.finish_ns[index] = outcome.finish_ns;
        self.preemptions[index] = outcome.preemptions as i32;
        self.cached_tokens[index] = outcome.cached_tokens as i32;
    }
}

/// Decisions of one scheduler, as [`crate::sched::log`] writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionLog {
    /// Replica it belongs to.
    pub replica: u32,
    /// Data-parallel rank in the replica.
    pub rank: u32,
    /// Batch in flight of the pipeline that it forms.
    pub lane: u32,
    /// The rows.
    pub rows: Vec<crate::sched::log::Row>,
}

/// What a simulation returns beside its rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// One per replica.
    pub totals: Vec<Totals>,
    /// One per scheduler, if they were asked for; by replica, then lane, then rank.
    pub logs: Vec<DecisionLog>,
}

/// What one replica leaves behind.
pub(super) struct ReplicaResult {
    /// Rows of the trace and their outcomes, in the order of finishing.
    pub(super) done: Vec<(u32, Outcome)>,
    pub(super) totals: Totals,
    pub(super) logs: Vec<DecisionLog>,
}

/// Sums over one replica, or over all of them after [`Totals::add`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// End of the last step, counted from time 0 of the trace.
    pub makespan_ns: u64,
    /// Engine steps, each stretch counted step by step.
    pub steps: u64,
    /// Batches that schedulers formed; less than the steps by those that were skipped.
    pub batches: u64,
    /// Time with at least one batch in flight.
    pub busy_ns: u64,
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes read from or written to device memory.
    pub bytes: f64,
    /// Prompt tokens computed, and tokens computed again after a preemption.
    pub prefill_tokens: u64,
    /// Tokens computed one by one.
    pub decode_tokens: u64,
    /// Those of the prefill tokens that had been computed before and were lost by preemption.
    pub recomputed_tokens: u64,
    /// Requests sent back to wait.
    pub preemptions: u64,
    /// The most KV blocks that requests of one data-parallel rank held together.
    pub peak_blocks: u32,
}

impl Totals {
    /// Add what another replica did in the same time.
    pub fn add(&mut self, other: &Self) {
        self.makespan_ns = self.makespan_ns.max(other.makespan_ns);
        self.steps += other.steps;
        self.batches += other.batches;
        self.busy_ns += other.busy_ns;
        self.flops += other.flops;
        self.bytes += other.bytes;
        self.prefill_tokens += other.prefill_tokens;
        self.decode_tokens += other.decode_tokens;
        self.recomputed_tokens += other.recomputed_tokens;
        self.preemptions += other.preemptions;
        self.peak_blocks = self.peak_blocks.max(other.peak_blocks);
    }
}
