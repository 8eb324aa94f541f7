//! A KV cache seen from outside: the engine says how many blocks are free, we count what each request was promised.

use super::request::{KvCache, RequestIndex};

/// Counts blocks while a batch is formed. The engine's own count replaces `num_free` before each step.
#[derive(Debug, Clone)]
pub(crate) struct CountedBlocks {
    /// Tokens per block, at least 1.
    pub block_size: u32,
    /// Blocks that nobody holds.
    pub num_free: u64,
    /// Whether `num_free` means anything.
    pub limited: bool,
    num_held: u64,
    requests: Vec<Held>,
}

/// What one request was told to have in the cache, and the blocks of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) cached_tokens: u32,
    pub(super) num_blocks: u64,
}

impl CountedBlocks {
    /// Nobody holds anything.
    pub(crate) fn new(block_size: u32) -> Self {
        Self { block_size: block_size.max(1), num_free: 0, limited: true, num_held: 0, requests: Vec::new() }
    }

    /// A new request, or new knowledge of how much of its prompt is cached; whole cached blocks are shared and cost
    /// nothing.
    pub(crate) fn set_cached(&mut self, request: RequestIndex, cached_tokens: u32) {
        let index = request as usize;
        if index >= self.requests.len() {
            self.requests.resize(index + 1, Held::default());
        }
        self.requests[index].cached_tokens = cached_tokens;
    }

    /// What a request holds.
    pub(super) fn held(&self, request: RequestIndex) -> Held {
        self.requests.get(request as usize).copied().unwrap_or_default()
    }

    /// The same for another count of the same request.
    pub(super) fn set_held(&mut self, request: RequestIndex, held: Held) {
        self.set_cached(request, held.cached_tokens);
        self.num_held = self.num_held.saturating_add(held.num_blocks);
        self.requests[request as usize] = held;
    }

    /// Forget a request that is gone.
    pub(crate) fn forget(&mut self, request: RequestIndex) {
        if let Some(held) = self.requests.get_mut(request as usize) {
            self.num_held -= std::mem::take(held).num_blocks;
        }
    }

    /// Blocks of its own that a request holds.
    pub(crate) fn num_held(&self, request: RequestIndex) -> u64 {
        self.requests.get(request as usize).map_or(0, |held| held.num_blocks)
    }
}

impl KvCache for CountedBlocks {
    fn cached_tokens(&mut self, request: RequestIndex) -> u32 {
        self.requests.get(request as usize).map_or(0, |held| held.cached_tokens)
    }

    fn reserve(&mut self, request: RequestIndex, num_tokens: u32) -> bool {
        let Some(held) = self.requests.get_mut(request as usize) else { return false };
        let total = num_tokens.div_ceil(self.block_size) - (held.cached_tokens.min(num_tokens) / self.block_size);
        let missing = u64::from(total).saturating_sub(held.num_blocks);
        if missing > self.num_free {
            return false;
        }
        self.num_free -= missing;
        held.num_blocks += missing;
        self.num_held += missing;
        true
    }

    fn release(&mut self, request: RequestIndex) {
        if let Some(held) = self.requests.get_mut(request as usize) {
            let freed = std::mem::take(&mut held.num_blocks);
            self.num_free += freed;
            self.num_held -= freed;
        }
    }

    /// Blocks that cached prompts share are in nobody's count.
    fn capacity(&mut self) -> Option<(u64, u32)> {
        self.limited.then(|| (self.num_free + self.num_held, self.block_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_blocks_are_shared_and_others_are_counted() {
        let mut blocks = CountedBlocks::new(16);
        blocks.num_free = 3;
        blocks.set_cached(0, 40);
        assert!(blocks.reserve(0, 80), "5 blocks, of which 2 are shared");
        assert_eq!((blocks.num_free, blocks.num_held(0)), (0, 3));
        assert!(blocks.reserve(0, 33), "holds as many already");
        assert!(!blocks.reserve(0, 81));
        assert_eq!(blocks.capacity(), Some((3, 16)));
        blocks.release(0);
        assert_eq!((blocks.num_free, blocks.num_held(0)), (3, 0));
    }
}
