//! What goes in and out of the scheduler: requests, limits of a step, the engine's cache, the batch. All of it plain
//! data.

use super::options::MICRO;

/// Dense handle of a request inside one scheduler; reused after the request has finished or was cancelled.
pub type RequestIndex = u32;

/// Dense handle of a program; reused after the program has ended.
pub type ProgramIndex = u32;

/// What an engine knows about a request when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When it arrived, in nanoseconds; never earlier than the arrival submitted before it.
    pub arrival_ns: u64,
    /// Tokens of the prompt, at least 1.
    pub prompt_tokens: u32,
    /// Output tokens somebody declared or predicted, at least 1; `None` if nobody did.
    pub expected_output_tokens: Option<u32>,
    /// The least and the most output tokens it can have, if somebody knows: at least 1, in this order.
    pub output_range: Option<(u32, u32)>,
    /// Which of the distributions that a policy was made with its output follows; only `gittins` reads it.
    pub distribution: u32,
    /// Smaller runs earlier, as in vLLM; only the policy `priority` reads it.
    pub priority: i32,
    /// Its importance in millionths, at least 1: a delay of a request of weight 2 counts twice. Only `wsrpt` reads it.
    pub weight: u64,
    /// Who pays; tenants share the engine if the options say so.
    pub tenant: u32,
    /// When it should be done, in nanoseconds; only `edf` reads it.
    pub deadline_ns: Option<u64>,
    /// The program whose next call it is; see [`Scheduler::add_program`](super::Scheduler::add_program).
    pub program: Option<ProgramIndex>,
    /// Calls that its program will make after it, if somebody knows.
    pub calls_left: u32,
    /// The place that somebody else computed, smaller runs earlier; only the policy `external` reads it.
    pub rank: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            arrival_ns: 0,
            prompt_tokens: 0,
            expected_output_tokens: None,
            output_range: None,
            distribution: 0,
            priority: 0,
            weight: MICRO,
            tenant: 0,
            deadline_ns: None,
            program: None,
            calls_left: 0,
            rank: 0,
        }
    }
}

/// What one step may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most requests that run at once.
    pub slots: u32,
    /// Most tokens computed in the step, over all requests.
    pub token_budget: u32,
    /// Whether a prompt may be cut to fit the budget. Without it a prompt that is longer than the budget is never
    /// admitted.
    pub chunked_prefill: bool,
    /// Whether admission takes blocks for the whole prompt, not only for its first chunk; keeps half-read prompts from
    /// evicting each other.
    pub reserve_full_prompt: bool,
}

impl Limits {
    /// Chunked prefill with full reservation, vLLM's defaults.
    pub fn new(slots: u32, token_budget: u32) -> Self {
        Self { slots, token_budget, chunked_prefill: true, reserve_full_prompt: true }
    }
}

/// The engine's KV cache, asked while a batch is formed.
///
/// When a request finishes or is cancelled its engine frees the blocks itself; [`KvCache::release`] is only for
/// preemption.
pub trait KvCache {
    /// Prompt tokens of `request` whose KV is resident; asked when its admission is tried.
    fn cached_tokens(&mut self, request: RequestIndex) -> u32;
    /// Make `request` hold blocks for `num_tokens` tokens in total. Returns false if there is no room, and then changes
    /// nothing; true without a change if it holds as many already.
    fn reserve(&mut self, request: RequestIndex, num_tokens: u32) -> bool;
    /// Take back everything `request` holds: it was preempted and will be computed again.
    fn release(&mut self, request: RequestIndex);
    /// Blocks in all, held or free, and tokens per block; `None` if there is no limit or nobody knows. Only policies
    /// that look ahead ask.
    fn capacity(&mut self) -> Option<(u64, u32)> {
        None
    }
}

/// A cache without limit and without hits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl KvCache for Unlimited {
    fn cached_tokens(&mut self, _request: RequestIndex) -> u32 {
        0
    }

    fn reserve(&mut self, _request: RequestIndex, _num_tokens: u32) -> bool {
        true
    }

    fn release(&mut self, _request: RequestIndex) {}
}

/// The share of one request in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// Which request.
    pub request: RequestIndex,
    /// Tokens to compute in this step; 1 for a decode.
    pub num_tokens: u32,
    /// Tokens computed (or found in the cache) before this step.
    pub num_computed_tokens: u32,
}

/// One step. The vectors are reused: clear happens inside `next_batch`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What runs, oldest admission first.
    pub scheduled: Vec<Scheduled>,
    /// Which of them started (again) in this step.
    pub admitted: Vec<RequestIndex>,
    /// Which requests lost their place and their blocks; they wait again.
    pub preempted: Vec<RequestIndex>,
}

impl Batch {
    /// Forget the last step, keep the memory.
    pub fn clear(&mut self) {
        self.scheduled.clear();
        self.admitted.clear();
        self.preempted.clear();
    }
}
