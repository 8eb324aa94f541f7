//! Groups: drop the rows that the best row of their group so far dominates, before rows are put together by group.
//!
//! The table is read once, in its own order, which is much cheaper than to read it group by group. The best rows of
//! all groups fit a cache; a row is better than another if the cells of a coarse grid it lies in are lower in sum.

use super::super::keys::Key;
use super::super::source::{Kept, Rows, Source};
use super::grid::Grid;
use super::prefilter::Left;
use crate::parallel;
use crate::simd::{self, Kernel, dispatch};

/// Groups must have so many rows on average.
const ROWS_PER_GROUP: usize = 16;
/// The best rows of all groups may take so much.
const MOST_BYTES: usize = 256 << 10;
const SAMPLE_ROWS: usize = 4096;
/// A thread takes this many rows at least.
const ROWS_PER_THREAD: usize = 65536;
const BLOCK: usize = 256;

/// The rows that are left, rising; `nan` lists the objectives in which a NaN leaves a row out.
pub(in super::super) fn thin<K: Key>(
    source: &dyn Source<K>,
    rows: Rows<'_>,
    nan: &[usize],
    groups: &[u32],
    num_groups: usize,
    threads: usize,
) -> Option<Left> {
    let d = source.num_objectives();
    if rows.len() < ROWS_PER_GROUP
        || num_groups * ROWS_PER_GROUP > rows.len()
        || num_groups * d * size_of::<K>() > MOST_BYTES
    {
        return None;
    }
    let count = rows.len().min(SAMPLE_ROWS);
    let sample: Vec<u32> = (0..count).map(|i| rows.at(i * rows.len() / count)).collect();
    let grid = Grid::new(source, Rows::List(&sample));
    let parts = rows.split(threads.min(rows.len() / ROWS_PER_THREAD).max(1));
    let work = |rows| dispatch(simd::level(), Thin { source, rows, nan, groups, num_groups, grid: &grid });
    let found = parallel::each(parts, work);
    let missing = found.iter().map(|left| left.missing).sum();
    if found.iter().all(|left| matches!(left.rows, Kept::Span { .. })) {
        return Some(Left { rows: rows.to_kept(), missing });
    }
    let mut listed = Vec::with_capacity(found.iter().map(|left| left.rows.rows().len()).sum());
    for left in found {
        match left.rows {
            Kept::Span { first, count } => listed.extend(first..first + count),
            Kept::List(rows) => listed.extend(rows),
        }
    }
    Some(Left { rows: Kept::List(listed), missing })
}

struct Thin<'a, K> {
    source: &'a dyn Source<K>,
    rows: Rows<'a>,
    nan: &'a [usize],
    groups: &'a [u32],
    num_groups: usize,
    grid: &'a Grid<K>,
}

/// The rows that are left of those seen so far; they are listed from the first on that is not.
struct Passed<'a> {
    rows: Rows<'a>,
    seen: usize,
    count: usize,
    listed: Vec<u32>,
}

impl Passed<'_> {
    #[inline(always)]
    fn keep(&mut self) {
        if self.count < self.seen || matches!(self.rows, Rows::List(_)) {
            self.listed.push(self.rows.at(self.seen));
        }
        self.count += 1;
        self.seen += 1;
    }

    #[inline(always)]
    fn leave_out(&mut self) {
        if self.count == self.seen && self.listed.is_empty() {
            self.listed.extend((0..self.seen).map(|place| self.rows.at(place)));
        }
        self.seen += 1;
    }

    fn keep_many(&mut self, count: usize) {
        if self.count < self.seen || matches!(self.rows, Rows::List(_)) {
            self.listed.extend((self.seen..self.seen + count).map(|place| self.rows.at(place)));
        }
        self.count += count;
        self.seen += count;
    }

    fn kept(self) -> Kept {
        match self.rows {
            Rows::Span { first, count } if self.count == count as usize => Kept::Span { first, count },
            _ => Kept::List(self.listed),
        }
    }
}

impl<K: Key> Kernel for Thin<'_, K> {
    type Output = Left;

    #[inline(always)]
    fn run(self) -> Left {
        let d = self.source.num_objectives();
        let mut left = Passed { rows: self.rows, seen: 0, count: 0, listed: Vec::new() };
        let mut missing = 0;
        let mut tested = 0;
        // No row at all dominates nothing: its keys are the worst there are.
        let (mut best, mut sums) = (vec![K::NAN; self.num_groups * d], vec![u32::MAX; self.num_groups]);
        let mut keys = vec![[K::default(); BLOCK]; d];
        for start in (0..self.rows.len()).step_by(BLOCK) {
            let part = self.rows.part(start, BLOCK);
            for (k, keys) in keys.iter_mut().enumerate() {
                part.read(self.source, k, &mut keys[..part.len()]);
            }
            // A NaN is counted whoever dominates its row, but most blocks have none.
            let holes = self.nan.iter().any(|&k| {
                let keys = keys[k][..part.len()].iter();
                keys.fold(K::default(), |any, &key| any | K::flag(key == K::NAN)) != K::default()
            });
            // Where it drops too few it is not worth its time.
            let pays = tested < self.num_groups * ROWS_PER_GROUP || left.count * 4 <= tested * 3;
            if !pays && !holes {
                left.keep_many(part.len());
                continue;
            }
            tested += part.len();
            for lane in 0..part.len() {
                if holes && self.nan.iter().any(|&k| keys[k][lane] == K::NAN) {
                    missing += 1;
                    left.leave_out();
                    continue;
                }
                let group = self.groups[part.at(lane) as usize] as usize;
                let own = &mut best[group * d..][..d];
                let (mut not_worse, mut better) = (K::flag(true), K::default());
                for (own, keys) in own.iter().zip(&keys) {
                    not_worse = not_worse & K::flag(*own <= keys[lane]);
                    better = better | K::flag(*own < keys[lane]);
                }
                if (not_worse & better) != K::default() {
                    left.leave_out();
                    continue;
                }
                left.keep();
                let sum = keys.iter().enumerate().map(|(k, keys)| u32::from(self.grid.cell(k, keys[lane]))).sum();
                if sum < sums[group] {
                    sums[group] = sum;
                    for (own, keys) in own.iter_mut().zip(&keys) {
                        *own = keys[lane];
                    }
                }
            }
        }
        Left { rows: left.kept(), missing }
    }
}
