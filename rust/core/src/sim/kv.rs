//! KV blocks of one pool: what each request holds, and which prompt prefixes stay resident for later requests.
//!
//! A trace names the content of its prompts by one hash per `hash_block_tokens` tokens. Such a segment is the unit of
//! sharing here, so a request costs O(segments), not O(tokens); eviction still takes single blocks, from the end of the
//! least recently used segment, as an engine that frees and evicts block by block does (vLLM V1). A prefix can be hit
//! by every batch that is formed after the one that computes it. Generated tokens are never shared: traces do not name
//! them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::sched::{KvCache, RequestIndex};

const NONE: u32 = u32::MAX;

/// Mixes one integer (the finalizer of splitmix64): hashes of a trace need no protection against attacks.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ (mixed >> 31);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }
}

/// A resident run of blocks with known content; unreferenced ones form a list from least to most recently used.
#[derive(Debug, Clone, Copy)]
struct Segment {
    hash: i64,
    blocks: u32,
    references: u32,
    previous: u32,
    next: u32,
}

/// What one request holds.
#[derive(Debug, Clone, Copy, Default)]
struct Held<'a> {
    hashes: &'a [i64],
    prompt_tokens: u32,
    /// Leading segments of the prompt that this request references.
    segments: u32,
    /// Leading segments that are resident as a whole; `segments` or one less.
    whole_segments: u32,
    /// Blocks read from referenced segments.
    shared_blocks: u32,
    /// Blocks that only this request uses.
    private_blocks: u32,
}

/// The longest resident prefix of a prompt.
struct Hit {
    blocks: u32,
    segments: u32,
    whole_segments: u32,
    /// Blocks of its segments that nobody references yet and that therefore stop being evictable.
    unreferenced_blocks: u32,
}

/// A pool of KV blocks.
pub struct KvBlocks<'a> {
    block_size: u32,
    hash_block_tokens: u32,
    num_blocks: u32,
    free_blocks: u32,
    unreferenced_blocks: u32,
    peak_blocks: u32,
    segments: Vec<Segment>,
    empty_slots: Vec<u32>,
    slot_of: HashMap<i64, u32, BuildHasherDefault<Mix>>,
    oldest: u32,
    newest: u32,
    held: Vec<Held<'a>>,
}

impl<'a> KvBlocks<'a> {
    /// An empty pool of `num_blocks` blocks of `block_size` tokens; one hash names `hash_block_tokens` tokens.
    pub fn new(num_blocks: u32, block_size: u32, hash_block_tokens: u32) -> Self {
        Self {
            block_size,
            hash_block_tokens,
            num_blocks,
            free_blocks: num_blocks,
            unreferenced_blocks: 0,
            peak_blocks: 0,
            segments: Vec::new(),
            empty_slots: Vec::new(),
            slot_of: HashMap::default(),
            oldest: NONE,
            newest: NONE,
            held: Vec::new(),
        }
    }

    /// Make `request` known before the scheduler asks about it. Without hashes its prompt is never shared.
    pub fn enter(&mut self, request: RequestIndex, prompt_tokens: u32, hashes: &'a [i64]) {
        let index = request as usize;
        if index >= self.held.len() {
            self.held.resize(index + 1, Held::default());
        }
        self.held[index] = Held { hashes, prompt_tokens, ..Held::default() };
    }

    /// Blocks that requests hold now.
    pub fn used_blocks(&self) -> u32 {
        self.num_blocks - self.available_blocks()
    }

    /// Blocks that a request could get: free ones and resident ones that nobody references.
    pub fn available_blocks(&self) -> u32 {
        self.free_blocks + self.unreferenced_blocks
    }

    /// The most blocks that requests ever held together.
    pub fn peak_blocks(&self) -> u32 {
        self.peak_blocks
    }

    /// Blocks `request` would still need to hold `num_tokens` tokens; it must hold some already.
    pub fn missing_blocks(&self, request: RequestIndex, num_tokens: u32) -> u32 {
        let held = &self.held[request as usize];
        num_tokens.div_ceil(self.block_size).saturating_sub(held.shared_blocks + held.private_blocks)
    }

    /// Prompt tokens of `hashes` that are resident; at least one token of the prompt is never counted, since an engine
    /// must compute something to sample from.
    pub fn resident_tokens(&self, prompt_tokens: u32, hashes: &[i64]) -> u32 {
        if hashes.is_empty() { 0 } else { self.hit(prompt_tokens, hashes).blocks * self.block_size }
    }

    /// Blocks that complete within segment `index` of a prompt.
    fn blocks_of_segment(&self, index: u32, prompt_tokens: u32) -> u32 {
        let start = u64::from(index) * u64::from(self.hash_block_tokens);
        let end = (start + u64::from(self.hash_block_tokens)).min(u64::from(prompt_tokens));
        let block = u64::from(self.block_size);
        (end / block).saturating_sub(start / block) as u32
    }

    fn hit(&self, prompt_tokens: u32, hashes: &[i64]) -> Hit {
        let mut hit = Hit { blocks: 0, segments: 0, whole_segments: 0, unreferenced_blocks: 0 };
        let most = prompt_tokens.saturating_sub(1) / self.block_size;
        for (index, hash) in (0u32..).zip(hashes) {
            let want = self.blocks_of_segment(index, prompt_tokens);
            if want > 0 {
                let Some(&slot) = self.slot_of.get(hash) else { break };
                let segment = &self.segments[slot as usize];
                let used = segment.blocks.min(want).min(most - hit.blocks);
                if used == 0 {
                    break;
                }
                if segment.references == 0 {
                    hit.unreferenced_blocks += used;
                }
                hit.blocks += used;
                hit.segments = index + 1;
                if used < want {
                    break;
                }
            }
            hit.segments = index + 1;
            hit.whole_segments = index + 1;
        }
        hit
    }

    fn unlink(&mut self, slot: u32) {
        let Segment { previous, next, blocks, .. } = self.segments[slot as usize];
        match previous {
            NONE => self.oldest = next,
            _ => self.segments[previous as usize].next = next,
        }
        match next {
            NONE => self.newest = previous,
            _ => self.segments[next as usize].previous = previous,
        }
        self.unreferenced_blocks -= blocks;
    }

    /// Reference the segments of a hit.
    fn acquire(&mut self, held: &Held<'_>, hit: &Hit) {
        let mut left = hit.blocks;
        for (index, hash) in (0..hit.segments).zip(held.hashes) {
            let used = self.blocks_of_segment(index, held.prompt_tokens).min(left);
            if used == 0 {
                continue;
            }
            left -= used;
            let slot = self.slot_of[hash];
            self.reference(slot, used);
        }
    }

    /// Reference the first `used` blocks of a segment. The others become free if nobody else references it, so that a
    /// request never holds more than its own tokens need.
    fn reference(&mut self, slot: u32, used: u32) {
        if self.segments[slot as usize].references == 0 {
            self.unlink(slot);
            let segment = &mut self.segments[slot as usize];
            let unused = segment.blocks.saturating_sub(used);
            segment.blocks -= unused;
            self.free_blocks += unused;
        }
        self.segments[slot as usize].references += 1;
    }

    fn unreference(&mut self, slot: u32) {
        let newest = self.newest;
        let segment = &mut self.segments[slot as usize];
        segment.references -= 1;
        if segment.references > 0 {
            return;
        }
        segment.previous = newest;
        segment.next = NONE;
        self.unreferenced_blocks += segment.blocks;
        match newest {
            NONE => self.oldest = slot,
            _ => self.segments[newest as usize].next = slot,
        }
        self.newest = slot;
    }

    /// Move `count` blocks to the caller, evicting what was unused for longest; the caller checked that they exist.
    fn take(&mut self, count: u32) {
        while self.free_blocks < count {
            let slot = self.oldest;
            let short = count - self.free_blocks;
            let blocks = self.segments[slot as usize].blocks;
            if blocks > short {
                self.segments[slot as usize].blocks -= short;
                self.unreferenced_blocks -= short;
                self.free_blocks += short;
            } else {
                self.unlink(slot);
                self.slot_of.remove(&self.segments[slot as usize].hash);
                self.empty_slots.push(slot);
                self.free_blocks += blocks;
            }
        }
        self.free_blocks -= count;
    }

    fn insert(&mut self, hash: i64, blocks: u32) {
        let segment = Segment { hash, blocks, references: 1, previous: NONE, next: NONE };
        let slot = if let Some(slot) = self.empty_slots.pop() {
            self.segments[slot as usize] = segment;
            slot
        } else {
            self.segments.push(segment);
            self.segments.len() as u32 - 1
        };
        self.slot_of.insert(hash, slot);
    }

    /// Make the segments that `num_tokens` computed tokens complete resident, so that other requests find them. Blocks
    /// that another request made resident meanwhile are read from there, and the own copies returned.
    pub fn publish(&mut self, request: RequestIndex, num_tokens: u32) {
        let mut held = self.held[request as usize];
        while let Some(&hash) = held.hashes.get(held.whole_segments as usize) {
            let index = held.whole_segments;
            let end = (u64::from(index) + 1) * u64::from(self.hash_block_tokens);
            if end.min(u64::from(held.prompt_tokens)) > u64::from(num_tokens) {
                break;
            }
            let want = self.blocks_of_segment(index, held.prompt_tokens);
            let referenced = held.segments > index;
            held.whole_segments = index + 1;
            held.segments = index + 1;
            if want == 0 {
                continue;
            }
            let before = (u64::from(index) * u64::from(self.hash_block_tokens) / u64::from(self.block_size)) as u32;
            let own = want - (held.shared_blocks - before);
            let resident = if let Some(&slot) = self.slot_of.get(&hash) {
                if !referenced {
                    self.reference(slot, want);
                }
                let segment = &mut self.segments[slot as usize];
                let resident = segment.blocks.min(want);
                segment.blocks = segment.blocks.max(want);
                resident
            } else {
                self.insert(hash, want);
                0
            };
            held.private_blocks -= own;
            held.shared_blocks += own;
            self.free_blocks += own - (want - resident);
        }
        self.held[request as usize] = held;
    }
}

impl KvCache for KvBlocks<'_> {
    fn capacity(&mut self) -> Option<(u64, u32)> {
        Some((u64::from(self.num_blocks), self.block_size))
    }

    fn cached_tokens(&mut self, request: RequestIndex) -> u32 {
        let held = &self.held[request as usize];
        self.resident_tokens(held.prompt_tokens, held.hashes)
    }

    fn reserve(&mut self, request: RequestIndex, num_tokens: u32) -> bool {
        let held = self.held[request as usize];
        let have = held.shared_blocks + held.private_blocks;
        if u64::from(num_tokens) <= u64::from(have) * u64::from(self.block_size) {
            return true;
        }
        let total = num_tokens.div_ceil(self.block_size);
        if have > 0 || held.hashes.is_empty() {
            let missing = total.saturating_sub(have);
            if missing > self.available_blocks() {
                return false;
            }
            self.take(missing);
            self.held[request as usize].private_blocks += missing;
        } else {
            let hit = self.hit(held.prompt_tokens, held.hashes);
            let missing = total.saturating_sub(hit.blocks);
            if missing + hit.unreferenced_blocks > self.available_blocks() {
                return false;
            }
            self.acquire(&held, &hit);
            self.take(missing);
            self.held[request as usize] = Held {
                segments: hit.segments,
                whole_segments: hit.whole_segments,
                shared_blocks: hit.blocks,
                private_blocks: missing,
                ..held
            };
        }
        self.peak_blocks = self.peak_blocks.max(self.used_blocks());
        true
    }

    fn release(&mut self, request: RequestIndex) {
        let held = self.held[request as usize];
        // From the end, so that the end of a prompt is evicted before its beginning.
        for index in (0..held.segments).rev() {
            if self.blocks_of_segment(index, held.prompt_tokens) > 0 {
                self.unreference(self.slot_of[&held.hashes[index as usize]]);
            }
        }
        self.free_blocks += held.private_blocks;
        self.held[request as usize] =
            Held { hashes: held.hashes, prompt_tokens: held.prompt_tokens, ..Held::default() };
    }
}
