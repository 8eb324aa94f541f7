//! Experts that are placed together on ranks that share them: a layer, or the part of it that belongs to one node.
//!
//! Inside a cell experts and ranks are numbered from 0; dead ranks and absent experts are not in it. Loads are scaled
//! up so that a copy's share of them, rounded down, is exact enough to compare.

use super::super::Ranks;

/// A slot without an expert.
pub(super) const EMPTY: u32 = u32::MAX;

/// Bits that the load of a whole layer is scaled to.
const LOAD_BITS: u32 = 58;

/// Binary places of a rank's factor; the slowest rank has a factor of one.
const FACTOR_BITS: u32 = 63;

/// Experts, ranks, and which copy is where.
#[derive(Debug, Default, Clone)]
pub(super) struct Cell {
    /// Number in the layer of each expert.
    pub(super) experts: Vec<u32>,
    /// Load of each expert.
    pub(super) load: Vec<u64>,
    /// Load that each of an expert's copies gets.
    pub(super) share: Vec<u64>,
    /// Ranks that hold each expert, in no order.
    pub(super) holders: Vec<Vec<u32>>,
    /// First slot of the layer of each rank's part.
    pub(super) origin: Vec<usize>,
    /// Slots of rank r: `start[r]..start[r + 1]`.
    pub(super) start: Vec<usize>,
    /// Rank of each slot.
    pub(super) rank_of: Vec<u32>,
    /// Expert of each slot.
    pub(super) slots: Vec<u32>,
    /// Slots of each rank that hold an expert.
    pub(super) filled: Vec<u32>,
    /// Sum of the shares of the copies on each rank.
    pub(super) rank_load: Vec<u64>,
    /// Memory that a copy of each expert takes; empty if copies only take slots.
    pub(super) size: Vec<u64>,
    /// Memory left on each rank; empty as `size`.
    left: Vec<u64>,
    /// Memory of each rank.
    memory: Vec<u64>,
    /// Time that a unit of load takes there, relative to the slowest rank.
    factor: Vec<u64>,
    uniform: bool,
}

impl Cell {
    /// Take over the experts of a layer that `wanted` marks, with their loads scaled by `shift`; no copy is placed yet.
    pub(super) fn set_experts(&mut self, loads: &[u64], shift: u32, wanted: impl Fn(usize) -> bool) {
        self.experts.clear();
        self.load.clear();
        for (expert, &load) in loads.iter().enumerate().filter(|&(expert, _)| wanted(expert)) {
            self.experts.push(expert as u32);
            self.load.push(load << shift);
        }
        self.share.clone_from(&self.load);
        self.holders.resize(self.load.len(), Vec::new());
        self.holders.iter_mut().for_each(Vec::clear);
    }

    /// Take over those ranks that are alive, have slots, and that `wanted` marks. No slot is filled.
    pub(super) fn set_ranks(&mut self, ranks: &Ranks, slot_start: &[usize], wanted: impl Fn(usize) -> bool) {
        for list in [&mut self.origin, &mut self.start] {
            list.clear();
        }
        self.rank_of.clear();
        self.factor.clear();
        self.start.push(0);
        let slowest = ranks.slowest();
        for rank in (0..ranks.count()).filter(|&rank| ranks.is_alive(rank) && wanted(rank)) {
            let slots = slot_start[rank + 1] - slot_start[rank];
            if slots == 0 {
                continue;
            }
            self.rank_of.extend(std::iter::repeat_n(self.origin.len() as u32, slots));
            self.origin.push(slot_start[rank]);
            self.start.push(self.rank_of.len());
            self.factor.push(((u128::from(slowest) << FACTOR_BITS) / u128::from(ranks.speed(rank))) as u64);
        }
        self.uniform = self.factor.iter().all(|&factor| factor == 1 << FACTOR_BITS);
        self.clear();
    }

    /// Take over what a copy of each of the layer's experts takes, and what each of its ranks has.
    pub(super) fn set_memory(&mut self, sizes: Option<&[u64]>, memory: &[u64], slot_start: &[usize]) {
        self.size.clear();
        self.memory.clear();
        if let Some(sizes) = sizes {
            self.size.extend(self.experts.iter().map(|&expert| sizes[expert as usize]));
            let rank_at = |&origin: &usize| slot_start.partition_point(|&start| start <= origin) - 1;
            self.memory.extend(self.origin.iter().map(|origin| memory[rank_at(origin)]));
        }
        self.left.clone_from(&self.memory);
    }

    /// Take all copies away.
    pub(super) fn clear(&mut self) {
        let ranks = self.num_ranks();
        self.slots.clear();
        self.slots.resize(self.rank_of.len(), EMPTY);
        self.filled.clear();
        self.filled.resize(ranks, 0);
        self.rank_load.clear();
        self.rank_load.resize(ranks, 0);
        self.left.clone_from(&self.memory);
        self.holders.iter_mut().for_each(Vec::clear);
        self.share.clone_from(&self.load);
    }

    /// Whether copies take memory besides slots.
    pub(super) fn is_sized(&self) -> bool {
        !self.size.is_empty()
    }

    /// Memory left on a rank.
    pub(super) fn left(&self, rank: usize) -> u64 {
        self.left[rank]
    }

    /// Whether an expert fits the memory of a rank in place of what one of its slots holds.
    pub(super) fn fits(&self, rank: usize, expert: u32, instead_of: u32) -> bool {
        if !self.is_sized() || expert == EMPTY {
            return true;
        }
        let freed = if instead_of == EMPTY { 0 } else { self.size[instead_of as usize] };
        self.size[expert as usize] <= self.left[rank] + freed
    }

    pub(super) fn num_experts(&self) -> usize {
        self.load.len()
    }

    pub(super) fn num_ranks(&self) -> usize {
        self.origin.len()
    }

    /// Slots of a rank that can be used: it holds no expert twice.
    pub(super) fn capacity(&self, rank: usize) -> usize {
        (self.start[rank + 1] - self.start[rank]).min(self.num_experts())
    }

    pub(super) fn has_room(&self, rank: usize) -> bool {
        (self.filled[rank] as usize) < self.capacity(rank)
    }

    pub(super) fn usable_slots(&self) -> usize {
        (0..self.num_ranks()).map(|rank| self.capacity(rank)).sum()
    }

    pub(super) fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// Time of a load on a rank, in units of load on the slowest rank.
    pub(super) fn time(&self, rank: usize, load: u64) -> u64 {
        if self.uniform { load } else { ((u128::from(load) * u128::from(self.factor[rank])) >> FACTOR_BITS) as u64 }
    }

    pub(super) fn rank_time(&self, rank: usize) -> u64 {
        self.time(rank, self.rank_load[rank])
    }

    /// Time of each rank if all share the load by their speeds, times `millionths`.
    pub(super) fn limit(&self, millionths: u64) -> u64 {
        // A rank's rate is the inverse of its factor; the slowest has rate 1.
        let rates: u128 = self.factor.iter().map(|&factor| (1_u128 << (FACTOR_BITS + 32)) / u128::from(factor)).sum();
        let total: u128 = self.load.iter().map(|&load| u128::from(load)).sum();
        ((total << 32) / rates * u128::from(millionths) / 1_000_000).min(u128::from(u64::MAX)) as u64
    }

    pub(super) fn holds(&self, rank: usize, expert: usize) -> bool {
        self.holders[expert].contains(&(rank as u32))
    }

    /// Whether a rank has an expert already that is to come from elsewhere.
    pub(super) fn has_twice(&self, rank: usize, expert: u32) -> bool {
        expert != EMPTY && self.copies(expert as usize) > 1 && self.holds(rank, expert as usize)
    }

    /// Slots of a rank that hold an expert, if none before them is empty.
    pub(super) fn filled_slots(&self, rank: usize) -> std::ops::Range<usize> {
        self.start[rank]..self.start[rank] + self.filled[rank] as usize
    }

    pub(super) fn copies(&self, expert: usize) -> usize {
        self.holders[expert].len()
    }

    /// Put a copy into the next slot of a rank, of an expert whose shares are known to be right; from scratch only.
    pub(super) fn place(&mut self, rank: usize, expert: usize) {
        self.slots[self.start[rank] + self.filled[rank] as usize] = expert as u32;
        self.filled[rank] += 1;
        self.holders[expert].push(rank as u32);
        self.rank_load[rank] += self.share[expert];
        if self.is_sized() {
            self.left[rank] -= self.size[expert];
        }
    }

    /// Give an expert one more copy, in an empty slot.
    pub(super) fn fill(&mut self, slot: usize, expert: usize) {
        let rank = self.rank_of[slot];
        self.slots[slot] = expert as u32;
        self.filled[rank as usize] += 1;
        self.reshare(expert, self.load[expert] / (self.copies(expert) as u64 + 1));
        self.holders[expert].push(rank);
        self.rank_load[rank as usize] += self.share[expert];
        if self.is_sized() {
            self.left[rank as usize] -= self.size[expert];
        }
    }

    /// Take the copy out of a slot.
    pub(super) fn empty(&mut self, slot: usize) {
        let (rank, expert) = (self.rank_of[slot], self.slots[slot] as usize);
        self.slots[slot] = EMPTY;
        if self.is_sized() {
            self.left[rank as usize] += self.size[expert];
        }
        self.filled[rank as usize] -= 1;
        self.rank_load[rank as usize] -= self.share[expert];
        self.holders[expert].retain(|&holder| holder != rank);
        self.reshare(expert, self.load[expert] / self.copies(expert).max(1) as u64);
    }

    /// Exchange what two slots of different ranks hold; the first holds an expert.
    pub(super) fn swap(&mut self, from: usize, to: usize) {
        let (given, taken) = (self.slots[from], self.slots[to]);
        self.empty(from);
        if taken != EMPTY {
            self.empty(to);
            self.fill(from, taken as usize);
        }
        self.fill(to, given as usize);
    }

    /// Slot of the layer that a slot of the cell is.
    pub(super) fn slot_in_layer(&self, slot: usize) -> usize {
        let rank = self.rank_of[slot] as usize;
        self.origin[rank] + slot - self.start[rank]
    }

    /// Expert of the layer that a slot of the cell holds, -1 for none.
    pub(super) fn held_in_layer(&self, slot: usize) -> i64 {
        let expert = self.slots[slot];
        if expert == EMPTY { -1 } else { i64::from(self.experts[expert as usize]) }
    }

    /// Write the expert of each slot into the layer's map.
    pub(super) fn export(&self, map: &mut [i64]) {
        for slot in 0..self.slots.len() {
            map[self.slot_in_layer(slot)] = self.held_in_layer(slot);
        }
    }

    fn reshare(&mut self, expert: usize, share: u64) {
        let before = std::mem::replace(&mut self.share[expert], share);
        for &holder in &self.holders[expert] {
            let load = &mut self.rank_load[holder as usize];
            *load = (*load + share).wrapping_sub(before);
        }
    }
}

/// By how much to shift the loads of a layer to the left.
pub(super) fn shift_of(total: u64) -> u32 {
    LOAD_BITS.saturating_sub(u64::BITS - total.leading_zeros())
}
