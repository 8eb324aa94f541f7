//! Four and more objectives: rows along the Z-curve, of which 512 at a time strike those behind them.
//!
//! The 512 become a table of sets of bits (`sets`): one set per objective, cut with each other, compares a row with all
//! of them by the cells of a coarse grid. Rows that are below all 512 in some objective are passed over 64 at a time,
//! and keys are read only for what shares a cell. Time grows with rows times front, but a row and 512 others take a few
//! nanoseconds. Memory: 2 bytes per value and 20 per row.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::crowd::{Crowd, order};
use super::grid::Placed;
use super::lanes::{self, Compare, Comparing, LANES, next_bit};
use super::sets::{self, Sets};
use super::sorted::ranges;
use crate::parallel;

/// A thread takes this many rows at least.
const ROWS_PER_THREAD: usize = 4096;

/// Whether the key of the first row is above that of the second, of this objective.
type Above<'a> = dyn Fn(usize, [u32; 2]) -> bool + Sync + 'a;

/// Rows of a crowd that strike others.
struct Band<'a> {
    crowd: &'a Crowd,
    above: &'a Above<'a>,
    members: Vec<u32>,
    sets: Sets,
    /// The least cell of each objective.
    corner: Vec<u8>,
}

impl<'a> Band<'a> {
    fn new(crowd: &'a Crowd, above: &'a Above<'a>) -> Self {
        let d = crowd.d;
        Self { crowd, above, members: Vec::with_capacity(sets::MOST), sets: Sets::new(d), corner: vec![0; d] }
    }

    /// Take the next rows that are left from `start` on; where the rows behind them start, or none if there is none.
    #[inline(always)]
    fn take(&mut self, left: &[u64], start: usize) -> Option<usize> {
        self.members.clear();
        let mut end = start;
        while end < self.crowd.len && self.members.len() < sets::MOST {
            if left[end / LANES] >> (end % LANES) & 1 == 1 {
                self.members.push(end as u32);
            }
            end += 1;
        }
        let (crowd, members) = (self.crowd, &self.members);
        let cells = |k: usize| members.iter().map(move |&member| crowd.cell(member as usize, k));
        self.sets.fill(cells);
        for (k, corner) in self.corner.iter_mut().enumerate() {
            *corner = cells(k).min().unwrap_or(u8::MAX);
        }
        (!self.members.is_empty()).then_some(end)
    }

    /// Whether one of the members before place `end` dominates a row of `others`.
    #[inline(always)]
    fn dominates(&self, compare: impl Compare, end: usize, others: &Crowd, other: usize) -> bool {
        let (cells, lane) = (others.block(other / LANES), other % LANES);
        self.sets.any_not_above(compare, cells, lane, |place| {
            place < end && self.beats(self.members[place] as usize, others, other)
        })
    }

    /// Whether a member dominates a row of `others`. Keys are read only where cells leave it open.
    #[inline(always)]
    fn beats(&self, member: usize, others: &Crowd, other: usize) -> bool {
        let mut pairs = self.crowd.cells_of(member).zip(others.cells_of(other)).enumerate();
        let open = pairs.clone().all(|(_, (own, cell))| own <= cell);
        let rows = || [self.crowd.row(member), others.row(other)];
        open && pairs.all(|(k, (own, cell))| own < cell || !(self.above)(k, rows()))
    }

    /// Clear the flags of the members that others of them dominate.
    #[inline(always)]
    fn strike_own(&self, compare: impl Compare, left: &mut [u64]) {
        for (place, &member) in self.members.iter().enumerate() {
            let member = member as usize;
            if self.dominates(compare, place, self.crowd, member) {
                left[member / LANES] &= !(1 << (member % LANES));
            }
        }
    }

    /// Clear the flags of the rows of `others` from `start` on that members dominate; those of 64 rows each start with
    /// the rows that `start` is among.
    #[inline(always)]
    fn strike(&self, compare: impl Compare, others: &Crowd, start: usize, left: &mut [u64]) {
        let first = start / LANES;
        for (top, corners) in others.tops.chunks_exact(others.d).enumerate().skip(first / LANES) {
            let mut blocks = compare.not_below(corners, &self.corner);
            while let Some(block) = next_bit(&mut blocks).map(|lane| top * LANES + lane) {
                if let Some(left) = block.checked_sub(first).and_then(|place| left.get_mut(place)) {
                    let behind = if block == first { u64::MAX << (start % LANES) } else { u64::MAX };
                    let mut lanes = *left & behind & compare.not_below(others.block(block), &self.corner);
                    while let Some(lane) = next_bit(&mut lanes) {
                        if self.dominates(compare, sets::MOST, others, block * LANES + lane) {
                            *left &= !(1 << lane);
                        }
                    }
                }
            }
        }
    }
}

/// Which rows of a crowd no other one of it dominates.
struct Within<'a> {
    crowd: &'a Crowd,
    above: &'a Above<'a>,
}

impl Comparing for Within<'_> {
    type Output = Vec<u64>;

    #[inline(always)]
    fn run<C: Compare>(self, compare: C) -> Vec<u64> {
        let mut left = self.crowd.left.clone();
        let mut band = Band::new(self.crowd, self.above);
        let mut start = 0;
        while let Some(end) = band.take(&left, start) {
            band.strike_own(compare, &mut left);
            band.strike(compare, self.crowd, end, &mut left[end / LANES..]);
            start = end;
        }
        left
    }
}

/// Clear the flags of the rows from `start` on that rows of the crowds before theirs dominate.
struct Among<'a> {
    earlier: &'a [Crowd],
    above: &'a Above<'a>,
    crowd: &'a Crowd,
    start: usize,
    left: &'a mut [u64],
}

impl Comparing for Among<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Compare>(self, compare: C) {
        for earlier in self.earlier {
            let mut band = Band::new(earlier, self.above);
            let mut start = 0;
            while let Some(end) = band.take(&earlier.left, start) {
                band.strike(compare, self.crowd, self.start, self.left);
                start = end;
            }
        }
    }
}

/// The front of `rows`, in no particular order.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    let threads = threads.min(rows.len() / ROWS_PER_THREAD).max(1);
    if rows.len() == 0 { Vec::new() } else { front_by(source, rows, keep, threads) }
}

/// As [`front`], with so many threads.
fn front_by<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    let (placed, mut words) = Placed::new(source, rows, threads);
    let above = |k: usize, rows: [u32; 2]| !placed.tells(k) && order(source, k, rows).is_gt();
    let parts = ranges(&mut words, threads, |&word| placed.code(word));
    let crowds = parallel::each(parts, |words| {
        placed.sort(source, rows, words);
        let mut crowd = Crowd::new(source, rows, &placed, words);
        crowd.left = lanes::run(Within { crowd: &crowd, above: &above });
        crowd
    });
    let mut front = Vec::with_capacity(crowds.iter().map(|crowd| crowd.rows.len()).sum());
    for (index, crowd) in crowds.iter().enumerate() {
        let mut left = crowd.left.clone();
        if index > 0 {
            let step = left.len().div_ceil(threads).max(1);
            let pieces = (0..).step_by(step * LANES).zip(left.chunks_mut(step)).collect();
            parallel::each(pieces, |(start, left): (usize, &mut [u64])| {
                lanes::run(Among { earlier: &crowds[..index], above: &above, crowd, start, left });
            });
        }
        for index in (0..crowd.len).filter(|index| left[index / LANES] >> (index % LANES) & 1 == 1) {
            push_kept(&mut front, crowd.rows[crowd.run(index)].iter().copied(), keep);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::super::super::keyed::tests::expected;
    use super::super::super::source::Columns;
    use super::*;

    fn check(columns: &[Vec<i64>]) {
        let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        let rows = Rows::Span { first: 0, count: columns[0].len() as u32 };
        for keep in [Keep::All, Keep::First, Keep::Last] {
            let expected = expected(columns, keep);
            for threads in [1, 2, 3] {
                let mut found = front_by(&Columns(&slices), rows, keep, threads);
                found.sort_unstable();
                assert_eq!(found, expected, "{keep:?} {threads}");
            }
        }
    }

    #[test]
    fn cells_never_decide_alone() {
        for (d, n) in [(4, 1200), (5, 40), (9, 700), (70, 300)] {
            // On the front but for chance, with ties, with many equal rows, and with one cell for nearly all rows.
            for (step, repeats, outlier) in [(1, 1, 0), (1 << 59, 1, 0), (1 << 61, 3, 0), (1 << 10, 1, i64::MAX)] {
                let value = |i: usize, k: usize| {
                    let mixed = ((i / repeats * d + k + 1) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
                    (mixed.wrapping_mul(0xD1B5_4A32_D192_ED03) as i64) / step
                };
                let mut columns: Vec<Vec<i64>> = (0..d - 1).map(|k| (0..n).map(|i| value(i, k)).collect()).collect();
                columns.push((0..n).map(|i| -columns.iter().map(|column| column[i] / 100).sum::<i64>()).collect());
                for column in &mut columns {
                    column.iter_mut().filter(|key| outlier > 0 && **key % 16 != 0).for_each(|key| *key %= 16);
                    column[n / 2] = outlier;
                }
                check(&columns);
            }
        }
    }

    #[test]
    fn a_row_that_dominates_all_stays_alone() {
        let columns: Vec<Vec<i64>> = (0..4).map(|k| (0..700).map(|i| (i - 350) * (i - 350) + k).collect()).collect();
        check(&columns);
    }
}
