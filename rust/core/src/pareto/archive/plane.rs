//! The members of an archive of two objectives, sorted: the second objective falls as the first one rises.
//!
//! A sorted list in blocks of up to `BLOCK` members: a search is two binary searches, an insertion moves one block.
//! O(log n + BLOCK) per point, and each removal pays for itself. A sorted batch is merged in one pass.

use super::index::Relation;

/// Members of a block before it is cut in two.
const BLOCK: usize = 64;
/// Members of a block after a merge: some more can come before it is cut.
const FILLED: usize = 48;

/// A point by its keys, and what goes with it: the slot of a member, the row of a batch.
pub(super) type Place = (i64, i64, u32);

/// Neighbors, the first objective rising.
#[derive(Debug, Clone, Default)]
struct Block {
    x: Vec<i64>,
    y: Vec<i64>,
    slots: Vec<u32>,
}

impl Block {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn insert(&mut self, at: usize, (x, y, slot): Place) {
        self.x.insert(at, x);
        self.y.insert(at, y);
        self.slots.insert(at, slot);
    }

    fn push(&mut self, (x, y, slot): Place) {
        self.x.push(x);
        self.y.push(y);
        self.slots.push(slot);
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        self.x.iter().zip(&self.y).zip(&self.slots).map(|((&x, &y), &slot)| (x, y, slot))
    }

    /// Take out the members from `start` on whose second objective is `least` or more; their slots go to `removed`.
    fn beat(&mut self, start: usize, least: i64, removed: &mut Vec<u32>) {
        let end = start + self.y[start..].partition_point(|&y| y >= least);
        if end > start {
            self.x.drain(start..end);
            self.y.drain(start..end);
            removed.extend(self.slots.drain(start..end));
        }
    }

    fn split_off(&mut self, at: usize) -> Self {
        Self { x: self.x.split_off(at), y: self.y.split_off(at), slots: self.slots.split_off(at) }
    }
}

/// The sorted members.
#[derive(Debug, Clone, Default)]
pub(super) struct Plane {
    /// None is empty.
    blocks: Vec<Block>,
    /// The first objective of the first member of each block.
    firsts: Vec<i64>,
}

impl Plane {
    /// The block and the place behind the last member whose first objective is `x` or less; none if there is no such.
    #[inline]
    fn behind(&self, x: i64) -> Option<(usize, usize)> {
        let block = self.firsts.partition_point(|&first| first <= x).checked_sub(1)?;
        Some((block, self.blocks[block].x.partition_point(|&own| own <= x)))
    }

    /// How `point` relates to the member at or before it, of which `behind` is the place.
    #[inline]
    fn compare(&self, (block, behind): (usize, usize), point: &[i64]) -> Relation {
        let (own, at) = (&self.blocks[block], behind - 1);
        // Of the members that are not worse in the first objective the last one is best in the second.
        match own.y[at] {
            y if y > point[1] => Relation::Free,
            y if y == point[1] && own.x[at] == point[0] => Relation::Equal(own.slots[at]),
            _ => Relation::Dominated,
        }
    }

    pub(super) fn relation(&self, point: &[i64]) -> Relation {
        self.behind(point[0]).map_or(Relation::Free, |behind| self.compare(behind, point))
    }

    /// The members on both sides of `point`: with a smaller and with a larger first objective.
    pub(super) fn neighbors(&self, point: &[i64]) -> (Option<u32>, Option<u32>) {
        let left = point[0].checked_sub(1).and_then(|x| self.behind(x));
        let left = left.map(|(block, behind)| self.blocks[block].slots[behind - 1]);
        let (block, behind) = self.behind(point[0]).unwrap_or((0, 0));
        let right = self.blocks.get(block).and_then(|own| own.slots.get(behind));
        (left, right.or_else(|| self.blocks.get(block + 1)?.slots.first()).copied())
    }

    /// Add a point that is free; the members that it dominates go to `removed`, first objective rising.
    #[inline]
    pub(super) fn offer(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) -> Relation {
        let new = (point[0], point[1], slot);
        let (block, at) = match self.behind(new.0) {
            None => (0, 0),
            Some(behind) => match self.compare(behind, point) {
                // A member with the same first objective is dominated, and comes next.
                Relation::Free => (behind.0, behind.1 - usize::from(self.blocks[behind.0].x[behind.1 - 1] == new.0)),
                other => return other,
            },
        };
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
            self.firsts.push(new.0);
        }
        let own = &mut self.blocks[block];
        own.insert(at, new);
        self.firsts[block] = own.x[0];
        own.beat(at + 1, new.1, removed);
        if at + 1 == own.len() {
            self.beat_from(block + 1, new.1, removed);
        }
        self.cut(block);
        Relation::Free
    }

    /// Take out the members of the blocks from `block` on whose second objective is `least` or more.
    fn beat_from(&mut self, block: usize, least: i64, removed: &mut Vec<u32>) {
        let rest = self.blocks[block..].iter();
        let whole = rest.take_while(|own| own.y.last().is_some_and(|&y| y >= least)).count();
        removed.extend(self.blocks.drain(block..block + whole).flat_map(|own| own.slots));
        self.firsts.drain(block..block + whole);
        if let Some(own) = self.blocks.get_mut(block) {
            own.beat(0, least, removed);
            self.firsts[block] = own.x[0];
        }
    }

    /// Cut a block in two if it has become too long.
    fn cut(&mut self, block: usize) {
        if self.blocks[block].len() > BLOCK {
            let half = self.blocks[block].split_off(BLOCK / 2);
            self.firsts.insert(block + 1, half.x[0]);
            self.blocks.insert(block + 1, half);
        }
    }

    /// Offer a sorted batch. `taken(row, slot)` is told which row equals the member in `slot`, or with no slot that a
    /// row is a new member, whose slot it returns. The slots of the members that go are in `removed` afterwards.
    pub(super) fn merge(
        &mut self,
        batch: &[Place],
        removed: &mut Vec<u32>,
        mut taken: impl FnMut(u32, Option<u32>) -> u32,
    ) {
        let mut merged = Self::default();
        let mut last: Option<Place> = None;
        let mut new = batch.iter().copied().peekable();
        let mut take_new = |merged: &mut Self, last: &mut Option<Place>, (x, y, row): Place| match *last {
            Some((last_x, last_y, slot)) if (last_x, last_y) == (x, y) => {
                taken(row, Some(slot));
            }
            Some((_, least, _)) if least <= y => {}
            _ => merged.push(last.insert((x, y, taken(row, None)))),
        };
        for member in std::mem::take(&mut self.blocks).iter().flat_map(Block::places) {
            // Equal ones after the member.
            while let Some(place) = new.next_if(|place| (place.0, place.1) < (member.0, member.1)) {
                take_new(&mut merged, &mut last, place);
            }
            if last.is_some_and(|(_, least, _)| least <= member.1) {
                removed.push(member.2);
            } else {
                merged.push(last.insert(member));
            }
        }
        for place in new {
            take_new(&mut merged, &mut last, place);
        }
        *self = merged;
    }

    /// Add a member behind all others.
    #[inline]
    fn push(&mut self, place: &Place) {
        if self.blocks.last().is_none_or(|own| own.len() == FILLED) {
            self.firsts.push(place.0);
            self.blocks.push(Block::default());
        }
        if let Some(own) = self.blocks.last_mut() {
            own.push(*place);
        }
    }

    /// Take out the member at `point`.
    pub(super) fn remove(&mut self, point: &[i64]) {
        let Some((block, behind)) = self.behind(point[0]) else { return };
        let own = &mut self.blocks[block];
        own.x.remove(behind - 1);
        own.y.remove(behind - 1);
        own.slots.remove(behind - 1);
        if let Some(&first) = own.x.first() {
            self.firsts[block] = first;
        } else {
            self.blocks.remove(block);
            self.firsts.remove(block);
        }
    }
}
