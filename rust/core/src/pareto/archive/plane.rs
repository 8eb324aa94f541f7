//! The members of an archive of two objectives, sorted: the second objective falls as the first one rises.
//!
//! A sorted list in blocks of up to `BLOCK` members: a search is two binary searches, an insertion moves one block.
//! O(log n + BLOCK) per point, and each removal pays for itself. A sorted batch is merged in one pass, which leaves one
//! block: the next point that comes in alone cuts it.

use super::index::Relation;

/// Members of a block before it is cut.
const BLOCK: usize = 32;
/// Most members of a block after a cut: some more can come before the next one.
const FILLED: usize = 24;

/// A point by its keys, and what goes with it: the slot of a member, the row of a batch.
pub(super) type Place = (i64, i64, u32);

/// Neighbors, the first objective rising; together, so that one move makes room for one more.
type Block = Vec<Place>;

/// A block with room for some more.
fn block_of(members: &[Place]) -> Block {
    let mut block = Block::with_capacity(BLOCK + 1);
    block.extend_from_slice(members);
    block
}

/// Take out the members of `own` from `start` on whose second objective is `least` or more; their slots go to
/// `removed`.
#[inline]
fn beat(own: &mut Block, start: usize, least: i64, removed: &mut Vec<u32>) {
    // Most points beat none, and few beat many.
    let count = own[start..].iter().take_while(|member| member.1 >= least).count();
    if count > 0 {
        removed.extend(own.drain(start..start + count).map(|member| member.2));
    }
}

/// How many items come before the first one that is not `before`; none behind that is.
///
/// Three comparisons at once find the quarter: they wait for memory together, where a search by halves waits each time.
#[inline(always)]
fn count_first<T>(mut items: &[T], before: impl Fn(&T) -> bool) -> usize {
    let mut count = 0;
    while items.len() > 3 {
        let quarter = items.len() / 4;
        let [one, two, three] = [quarter, 2 * quarter, 3 * quarter].map(|end| usize::from(before(&items[end - 1])));
        let skipped = (one + two + three) * quarter;
        let left = items.len() - 3 * quarter;
        count += skipped;
        items = &items[skipped..skipped + left];
    }
    count + items.iter().map(|item| usize::from(before(item))).sum::<usize>()
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
        let block = count_first(&self.firsts, |&first| first <= x).checked_sub(1)?;
        Some((block, count_first(&self.blocks[block], |member| member.0 <= x)))
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

    /// Whether a member in the middle dominates `point`: on most data it dominates most points.
    #[inline]
    fn is_far_behind(&self, point: &[i64]) -> bool {
        let own = self.blocks.get(self.blocks.len() / 2);
        own.and_then(|own| own.get(own.len() / 2)).is_some_and(|member| member.0 < point[0] && member.1 < point[1])
    }

    /// Add a point that is free; the members that it dominates go to `removed`, first objective rising.
    #[inline]
    pub(super) fn offer(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) -> Relation {
        if self.is_far_behind(point) {
            return Relation::Dominated;
        }
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
            self.blocks.push(block_of(&[]));
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

    /// Cut a block that has become too long.
    #[inline]
    fn cut(&mut self, block: usize) {
        if self.blocks[block].len() > BLOCK {
            let long = std::mem::take(&mut self.blocks[block]);
            let each = long.len().div_ceil(long.len().div_ceil(FILLED));
            self.firsts.splice(block..=block, long.chunks(each).map(|part| part[0].0));
            self.blocks.splice(block..=block, long.chunks(each).map(block_of));
        }
    }

    /// Offer a sorted batch, none of which dominates another. `taken(row, slot)` is told which row equals the member in
    /// `slot`, or with no slot that a row is a new member, whose slot it returns. The slots of the members that go are
    /// in `removed` afterwards.
    pub(super) fn merge(
        &mut self,
        mut batch: Vec<Place>,
        removed: &mut Vec<u32>,
        mut taken: impl FnMut(u32, Option<u32>) -> u32,
    ) {
        let mut blocks = std::mem::take(&mut self.blocks);
        let mut all = if blocks.len() == 1 { blocks.remove(0) } else { blocks.concat() };
        // First each loses what the other one beats; members up to `stay` do, those from `next` on are still to come.
        let (mut stay, mut next, mut new) = (0, 0, 0);
        let mut last: Option<Place> = None;
        for at in 0..batch.len() {
            let (x, y, row) = batch[at];
            // Equal ones come after the member.
            let count = all[next..].iter().take_while(|member| (member.0, member.1) <= (x, y)).count();
            if count > 0 {
                last = Some(all[next + count - 1]);
                if stay < next {
                    all.copy_within(next..next + count, stay);
                }
                (stay, next) = (stay + count, next + count);
            }
            match last {
                Some((last_x, last_y, slot)) if (last_x, last_y) == (x, y) => {
                    taken(row, Some(slot));
                }
                Some((_, least, _)) if least <= y => {}
                _ => {
                    batch[new] = (x, y, taken(row, None));
                    last = Some(batch[new]);
                    new += 1;
                    let before = removed.len();
                    removed.extend(all[next..].iter().take_while(|member| member.1 >= y).map(|member| member.2));
                    next += removed.len() - before;
                }
            }
        }
        all.drain(stay..next);
        batch.truncate(new);
        // Then they move together from the end on, so that no second list is needed.
        let (mut from, mut to) = (all.len(), all.len() + new);
        all.extend_from_slice(&batch);
        for place in batch.into_iter().rev() {
            while from > 0 && all[from - 1].0 > place.0 {
                (from, to) = (from - 1, to - 1);
                all[to] = all[from];
            }
            to -= 1;
            all[to] = place;
        }
        self.firsts = all.first().map(|member| member.0).into_iter().collect();
        self.blocks = Vec::from_iter((!all.is_empty()).then_some(all));
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
