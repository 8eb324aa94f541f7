//! A cache that counts blocks, and an engine that does what it is told.

use paretoserve_core::sched::{Batch, KvCache, RequestIndex, Scheduler};

/// Blocks of 16 tokens, counted; every request finds `cached` tokens in the cache, for which no block is saved.
pub(crate) struct Blocks {
    pub(crate) free: u32,
    pub(crate) cached: u32,
    all: u32,
    held: Vec<u32>,
}

impl Blocks {
    pub(crate) fn new(free: u32, cached: u32) -> Self {
        Self { free, cached, all: free, held: vec![0; 512] }
    }
}

impl KvCache for Blocks {
    fn cached_tokens(&mut self, _request: RequestIndex) -> u32 {
        self.cached
    }

    fn reserve(&mut self, request: RequestIndex, num_tokens: u32) -> bool {
        let held = &mut self.held[request as usize];
        let need = num_tokens.div_ceil(16).saturating_sub(*held);
        if need > self.free {
            return false;
        }
        self.free -= need;
        *held += need;
        true
    }

    fn release(&mut self, request: RequestIndex) {
        self.free += std::mem::take(&mut self.held[request as usize]);
    }

    fn capacity(&mut self) -> Option<(u64, u32)> {
        Some((u64::from(self.all), 16))
    }
}

/// Run what was scheduled: a chunk that reaches the end of the known tokens samples one more.
pub(crate) fn execute(scheduler: &mut Scheduler, batch: &Batch) {
    for step in &batch.scheduled {
        let ends = step.num_computed_tokens + step.num_tokens == scheduler.job(step.request).unwrap().num_tokens();
        scheduler.advance(step.request, step.num_tokens, u32::from(ends)).unwrap();
    }
}
