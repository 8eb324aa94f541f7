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

/// Neighbors, the first objective rising; together, so that one move makes room for one more.
type Block = Vec<Place>;

/// Members that a merge has not come to: those of the blocks, without the first `at`.
struct Rest<'a> {
    blocks: &'a [Block],
    at: usize,
}

impl<'a> Rest<'a> {
    /// Take the next `count` members of the first block.
    fn take(&mut self, own: &'a Block, count: usize) -> &'a [Place] {
        let (start, end) = (self.at, self.at + count);
        if end == own.len() {
            (self.blocks, self.at) = (&self.blocks[1..], 0);
        } else {
            self.at = end;
        }
        &own[start..end]
    }

    /// Take members up to `x` and, at the same one, up to `y`: as many as there are in one block.
    #[inline]
    fn until(&mut self, (x, y): (i64, i64)) -> Option<&'a [Place]> {
        let own = self.blocks.first()?;
        let left = &own[self.at..];
        let is_before = |member: &Place| (member.0, member.1) <= (x, y);
        let whole = own.last().is_some_and(is_before);
        let count = if whole { left.len() } else { left.iter().take_while(|&member| is_before(member)).count() };
        (count > 0).then(|| self.take(own, count))
    }

    /// Leave out the next members whose second objective is `least` or more.
    #[inline]
    fn beat(&mut self, least: i64, removed: &mut Vec<u32>) {
        while let Some(own) = self.blocks.first() {
            let count = own[self.at..].iter().take_while(|member| member.1 >= least).count();
            let ends = self.at + count < own.len();
            removed.extend(self.take(own, count).iter().map(|member| member.2));
            if ends {
                return;
            }
        }
    }
}

/// Take out the members of `own` from `start` on whose second objective is `least` or more; their slots go to
/// `removed`.
fn beat(own: &mut Block, start: usize, least: i64, removed: &mut Vec<u32>) {
    let count = own[start..].partition_point(|member| member.1 >= least);
    removed.extend(own.drain(start..start + count).map(|member| member.2));
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
        Some((block, self.blocks[block].partition_point(|member| member.0 <= x)))
    }

    /// How `point` relates to the member at or before it, of which `behind` is the place.
    #[inline]
    fn compare(&self, (block, behind): (usize, usize), point: &[i64]) -> Relation {
        // Of the members that are not worse in the first objective the last one is best in the second.
        match self.blocks[block][behind - 1] {
            (_, y, _) if y > point[1] => Relation::Free,
            (x, y, slot) if (x, y) == (point[0], point[1]) => Relation::Equal(slot),
            _ => Relation::Dominated,
        }
    }

    pub(super) fn relation(&self, point: &[i64]) -> Relation {
        self.behind(point[0]).map_or(Relation::Free, |behind| self.compare(behind, point))
    }

    /// The members on both sides of `point`: with a smaller and with a larger first objective.
    pub(super) fn neighbors(&self, point: &[i64]) -> (Option<u32>, Option<u32>) {
        let left = point[0].checked_sub(1).and_then(|x| self.behind(x));
        let left = left.map(|(block, behind)| self.blocks[block][behind - 1].2);
        let (block, behind) = self.behind(point[0]).unwrap_or((0, 0));
        let right = self.blocks.get(block).and_then(|own| own.get(behind));
        (left, right.or_else(|| self.blocks.get(block + 1)?.first()).map(|member| member.2))
    }

    /// Add a point that is free; the members that it dominates go to `removed`, first objective rising.
    #[inline]
    pub(super) fn offer(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) -> Relation {
        let new = (point[0], point[1], slot);
        let (block, at) = match self.behind(new.0) {
            None => (0, 0),
            Some(behind) => match self.compare(behind, point) {
                // A member with the same first objective is dominated, and comes next.
                Relation::Free => (behind.0, behind.1 - usize::from(self.blocks[behind.0][behind.1 - 1].0 == new.0)),
                other => return other,
            },
        };
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
            self.firsts.push(new.0);
        }
        let own = &mut self.blocks[block];
        own.insert(at, new);
        self.firsts[block] = own[0].0;
        beat(own, at + 1, new.1, removed);
        if at + 1 == own.len() {
            self.beat_from(block + 1, new.1, removed);
        }
        self.cut(block);
        Relation::Free
    }

    /// Take out the members of the blocks from `block` on whose second objective is `least` or more.
    fn beat_from(&mut self, block: usize, least: i64, removed: &mut Vec<u32>) {
        let rest = self.blocks[block..].iter();
        let whole = rest.take_while(|own| own.last().is_some_and(|member| member.1 >= least)).count();
        removed.extend(self.blocks.drain(block..block + whole).flatten().map(|member| member.2));
        self.firsts.drain(block..block + whole);
        if let Some(own) = self.blocks.get_mut(block) {
            beat(own, 0, least, removed);
            self.firsts[block] = own[0].0;
        }
    }

    /// Cut a block in two if it has become too long.
    fn cut(&mut self, block: usize) {
        if self.blocks[block].len() > BLOCK {
            let half = self.blocks[block].split_off(BLOCK / 2);
            self.firsts.insert(block + 1, half[0].0);
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
        let blocks = std::mem::take(self).blocks;
        let mut rest = Rest { blocks: &blocks, at: 0 };
        let mut last: Option<Place> = None;
        for &(x, y, row) in batch {
            // Equal ones come after the member.
            while let Some(run) = rest.until((x, y)) {
                last = run.last().copied();
                self.extend(run);
            }
            match last {
                Some((last_x, last_y, slot)) if (last_x, last_y) == (x, y) => {
                    taken(row, Some(slot));
                }
                Some((_, least, _)) if least <= y => {}
                _ => {
                    let new = (x, y, taken(row, None));
                    last = Some(new);
                    self.extend(&[new]);
                    rest.beat(y, removed);
                }
            }
        }
        while let Some(run) = rest.until((i64::MAX, i64::MAX)) {
            self.extend(run);
        }
    }

    /// Add members behind all others.
    #[inline]
    fn extend(&mut self, mut run: &[Place]) {
        while let Some(first) = run.first() {
            if self.blocks.last().is_none_or(|own| own.len() >= FILLED) {
                self.firsts.push(first.0);
                self.blocks.push(Vec::with_capacity(BLOCK + 1));
            }
            let Some(own) = self.blocks.last_mut() else { return };
            let (now, later) = run.split_at(run.len().min(FILLED - own.len()));
            own.extend_from_slice(now);
            run = later;
        }
    }

    /// Take out the member at `point`.
    pub(super) fn remove(&mut self, point: &[i64]) {
        let Some((block, behind)) = self.behind(point[0]) else { return };
        let own = &mut self.blocks[block];
        own.remove(behind - 1);
        if let Some(first) = own.first() {
            self.firsts[block] = first.0;
        } else {
            self.blocks.remove(block);
            self.firsts.remove(block);
        }
    }
}
