//! A request that a simulated engine serves: what it is, how far it is, what will be told about it.

use super::result::Outcome;

/// Nothing is known yet.
pub(super) const NOTHING: Outcome =
    Outcome { scheduled_ns: -1, first_token_ns: -1, finish_ns: -1, preemptions: 0, cached_tokens: 0 };

/// A request that has not finished.
#[derive(Debug, Clone, Copy)]
pub(super) struct Active {
    /// Its row in the trace.
    pub(super) row: u32,
    pub(super) prompt_tokens: u32,
    pub(super) output_tokens: u32,
    /// Output tokens so far.
    pub(super) generated: u32,
    /// Output tokens after which the scheduler is told how many there are, and how many it is told.
    pub(super) known_after: u32,
    pub(super) told_tokens: u32,
    /// Most tokens it ever had in the cache.
    pub(super) most_computed: u32,
    pub(super) outcome: Outcome,
}

impl Active {
    /// Prompt and output so far.
    pub(super) fn known_tokens(&self) -> u32 {
        self.prompt_tokens + self.generated
    }

    /// Whether a step that finds `computed` tokens in the cache decodes: only the last output token is missing. The end
    /// of a recomputation may look the same, and is.
    pub(super) fn decodes(&self, computed: u32) -> bool {
        self.generated > 0 && computed + 1 == self.known_tokens()
    }

    /// Output tokens until it finishes, or until the scheduler is told when.
    pub(super) fn until_news(&self) -> u32 {
        let next = if self.generated < self.known_after { self.known_after } else { self.output_tokens };
        next - self.generated
    }

    /// Its first chunk (again) starts after `computed` tokens that the cache had.
    pub(super) fn note_start(&mut self, now_ns: u64, computed: u32) {
        if self.outcome.scheduled_ns < 0 {
            self.outcome.scheduled_ns = now_ns as i64;
            self.outcome.cached_tokens = computed;
        }
    }
}
