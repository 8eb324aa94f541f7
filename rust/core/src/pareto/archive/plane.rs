//! The members of an archive of two objectives, sorted: the second objective falls as the first one rises.
//!
//! A sorted list in blocks of up to `BLOCK` members: a search is two binary searches, an insertion moves one block.
//! O(log n + BLOCK) per point, and each removal pays for itself.

use super::index::Relation;

/// Members of a block before it is cut in two.
const BLOCK: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Member {
    x: i64,
    y: i64,
    slot: u32,
}

/// The sorted members.
#[derive(Debug, Clone, Default)]
pub(super) struct Plane {
    /// None is empty.
    blocks: Vec<Vec<Member>>,
}

impl Plane {
    /// The place of the first member whose first objective fails `before`.
    #[inline]
    fn place(&self, before: impl Fn(i64) -> bool) -> (usize, usize) {
        let block = self.blocks.partition_point(|block| before(block[0].x)).saturating_sub(1);
        let within = self.blocks.get(block).map_or(0, |block| block.partition_point(|member| before(member.x)));
        (block, within)
    }

    #[inline]
    pub(super) fn relation(&self, point: &[i64]) -> Relation {
        let (block, within) = self.place(|x| x <= point[0]);
        // Of the members that are not worse in the first objective the last one is best in the second.
        match self.blocks.get(block).and_then(|block| block.get(within.wrapping_sub(1))) {
            Some(member) if member.y > point[1] => Relation::Free,
            Some(member) if member.x == point[0] && member.y == point[1] => Relation::Equal(member.slot),
            Some(_) => Relation::Dominated,
            None => Relation::Free,
        }
    }

    /// The members on both sides of `point`: with a smaller and with a larger first objective.
    pub(super) fn neighbors(&self, point: &[i64]) -> (Option<u32>, Option<u32>) {
        let (block, within) = self.place(|x| x < point[0]);
        let left = within.checked_sub(1).and_then(|at| self.blocks.get(block)?.get(at));
        let (block, within) = self.place(|x| x <= point[0]);
        let right = self.blocks.get(block).and_then(|own| own.get(within)).or_else(|| {
            let own = self.blocks.get(block)?;
            if within == own.len() { self.blocks.get(block + 1)?.first() } else { None }
        });
        (left.map(|member| member.slot), right.map(|member| member.slot))
    }

    /// Add a point that no member equals or dominates; the members that it dominates go to `removed`, first objective
    /// rising.
    pub(super) fn insert(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) {
        let new = Member { x: point[0], y: point[1], slot };
        if self.blocks.is_empty() {
            self.blocks.push(vec![new]);
            return;
        }
        let (block, within) = self.place(|x| x < new.x);
        self.blocks[block].insert(within, new);
        let (mut next, mut start) = (block, within + 1);
        while let Some(own) = self.blocks.get_mut(next) {
            let beaten = start + own[start..].partition_point(|member| member.y >= new.y);
            let to_the_end = beaten == own.len();
            removed.extend(own.drain(start..beaten).map(|member| member.slot));
            if !to_the_end {
                break;
            }
            if own.is_empty() {
                self.blocks.remove(next);
            } else {
                next += 1;
            }
            start = 0;
        }
        if self.blocks[block].len() > BLOCK {
            let half = self.blocks[block].split_off(BLOCK / 2);
            self.blocks.insert(block + 1, half);
        }
    }

    /// Take out the member at `point`.
    pub(super) fn remove(&mut self, point: &[i64]) {
        let (block, within) = self.place(|x| x < point[0]);
        // The place behind a block is the first one of the next.
        let behind = self.blocks.get(block).is_some_and(|own| within == own.len());
        let (block, within) = if behind { (block + 1, 0) } else { (block, within) };
        self.blocks[block].remove(within);
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
        }
    }
}
