//! What the scheduler remembers about one request, and how much work it expects to be left.

use super::request::Request;

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// The handle belongs to nobody.
    #[default]
    Free,
    /// In the queue.
    Waiting,
    /// Holds a slot.
    Running,
}

/// One request and its progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct Job {
    /// As submitted.
    pub request: Request,
    /// Place in the order of submission: the tie-break of every policy, and the age for FIFO.
    pub sequence: u64,
    /// Waiting, running or free.
    pub state: State,
    /// Tokens whose KV exists.
    pub num_computed: u32,
    /// Output tokens so far; kept over a preemption, but computed again.
    pub num_sampled: u32,
    /// Prompt tokens said to be in the cache while the request waits, or found there when it was admitted.
    pub num_cached: u32,
    /// Prompt tokens that its tenant was charged for.
    pub num_charged: u32,
    /// Output tokens expected when the request was submitted, at least 1.
    pub estimate: u32,
    /// How often it lost its place.
    pub num_preemptions: u32,
    /// The sequence of its program's first call, or its own: the age for first come, first served.
    pub age: u64,
    /// Work that its program had received before this call, in millionths of an output token.
    pub attained: u64,
    /// Work that its program is expected to need after this call, in millionths of an output token.
    pub later: u64,
    /// The power of two below its size, of which `balance` and `chunk_balance` make their decisions.
    pub class: u8,
    /// Which start was its last, counted over all requests; 0 if it never ran, or not since its class rose.
    pub start: u64,
}

impl Job {
    /// Prompt and output so far: what must be computed before the next token can be sampled.
    pub fn num_tokens(&self) -> u32 {
        self.request.prompt_tokens.saturating_add(self.num_sampled)
    }

    /// Tokens still to compute before the next sample.
    pub fn num_missing(&self) -> u32 {
        self.num_tokens().saturating_sub(self.num_computed)
    }

    /// Whether the next step computes one token after the first sample.
    pub fn is_decode(&self) -> bool {
        self.num_sampled > 0 && self.num_missing() == 1
    }

    /// Tokens that must be computed before the next sample and are not in the cache.
    pub fn num_uncached(&self) -> u32 {
        self.num_tokens().saturating_sub(self.num_computed.max(self.num_cached))
    }

    /// Output tokens that are left if the estimate holds. An estimate that was outlived is doubled until it is larger
    /// than what came, so the result is never below 1.
    pub fn expected_remaining(&self) -> u64 {
        let sampled = u64::from(self.num_sampled);
        let mut estimate = u64::from(self.estimate.max(1));
        while estimate <= sampled {
            estimate *= 2;
        }
        estimate - sampled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlived_estimates_double_and_never_reach_zero() {
        let remaining = |estimate, num_sampled| Job { num_sampled, estimate, ..Job::default() }.expected_remaining();
        assert_eq!(remaining(10, 3), 7);
        assert_eq!(remaining(10, 10), 10);
        assert_eq!(remaining(10, 19), 1);
        assert_eq!(remaining(10, 20), 20);
        assert_eq!(remaining(0, 0), 1);
        assert_eq!(remaining(1, u32::MAX), 1);
    }
}
