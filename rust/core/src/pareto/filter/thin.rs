//! Groups: drop the rows that strong rows of their group dominate, before rows are put together by group.
//!
//! The table is read once, in its own order, which is much cheaper than to read it group by group. The strong rows of
//! all groups fit a cache. They are known by coarse cells of their keys only: who is lower in all of them dominates. A
//! row is stronger than another if it is lower in the sum of its ranks in a sample.

use super::super::keys::Key;
use super::super::source::{Kept, Rows, Source};
use super::block::for_each_zero;
use super::prefilter::Left;
use crate::parallel;
use crate::simd::{self, Kernel, dispatch};

/// Groups must have so many rows on average.
const ROWS_PER_GROUP: usize = 16;
/// Strong rows of a group; a vector of cells, or two.
const STRONG: usize = 16;
/// The strong rows of all groups may take so much.
const MOST_BYTES: usize = 512 << 10;
const SAMPLE_ROWS: usize = 1024;
/// One of so many rows of a sample may lie far below the others, and one far above.
const OUTLIERS: usize = 256;
/// A rank is the number of quantiles that are not above.
const QUANTILES: usize = 32;
/// A thread takes this many rows at least.
const ROWS_PER_THREAD: usize = 65536;
const BLOCK: usize = 256;
/// It is seen later whether enough is dropped.
const TRIED_BLOCKS: usize = 8;
/// The largest cell of a row; an empty place has a larger one.
const MOST_CELL: u64 = i16::MAX as u64 - 1;

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
        || num_groups * (d + 1) * size_of::<[i16; STRONG]>() > MOST_BYTES
    {
        return None;
    }
    let count = rows.len().min(SAMPLE_ROWS);
    let sample: Vec<u32> = (0..count).map(|i| rows.at(i * rows.len() / count)).collect();
    let mut keys = vec![K::default(); count];
    let cells = (0..d).map(|k| {
        source.gather(k, &sample, &mut keys);
        keys.sort_unstable();
        Cells::new(&keys)
    });
    let cells: Vec<Cells<K>> = cells.collect();
    let parts = rows.split(threads.min(rows.len() / ROWS_PER_THREAD).max(1));
    let work = |rows| dispatch(simd::level(), Thin { source, rows, nan, groups, num_groups, scales: &cells });
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
    scales: &'a [Cells<K>],
}

/// The rows that are left of those seen so far; they are listed from the first on that is not.
struct Passed<'a> {
    rows: Rows<'a>,
    seen: usize,
    listed: Option<Vec<u32>>,
}

impl<'a> Passed<'a> {
    fn new(rows: Rows<'a>) -> Self {
        Self { rows, seen: 0, listed: matches!(rows, Rows::List(_)).then(Vec::new) }
    }

    fn count(&self) -> usize {
        self.listed.as_ref().map_or(self.seen, Vec::len)
    }

    /// Keep those of the next `count` rows that are at `places`.
    #[inline(always)]
    fn keep(&mut self, count: usize, places: impl ExactSizeIterator<Item = usize>) {
        if self.listed.is_none() && places.len() < count {
            self.listed = Some(self.rows.part(0, self.seen).to_vec());
        }
        if let Some(listed) = &mut self.listed {
            listed.extend(places.map(|place| self.rows.at(self.seen + place)));
        }
        self.seen += count;
    }

    fn kept(self) -> Kept {
        self.listed.map_or_else(|| self.rows.to_kept(), Kept::List)
    }
}

/// Cells of keys of one objective: equally wide in the range of a sample, and not for its outliers.
struct Cells<K> {
    least: K,
    shift: u32,
    /// Those of quantiles of the sample.
    quantiles: [i16; QUANTILES],
}

impl<K: Key> Cells<K> {
    /// From the sorted keys of a sample.
    fn new(sample: &[K]) -> Self {
        let quantile = |i: usize| sample[(i + 1) * sample.len() / (QUANTILES + 1)];
        let (least, most) = (sample[sample.len() / OUTLIERS], sample[sample.len() - 1 - sample.len() / OUTLIERS]);
        let shift = (u64::BITS - most.above(least).leading_zeros()).saturating_sub(i16::BITS - 1);
        let mut cells = Self { least, shift, quantiles: [0; QUANTILES] };
        cells.quantiles = std::array::from_fn(|i| cells.of(quantile(i)));
        cells
    }

    /// A larger cell means a larger key.
    #[inline(always)]
    fn of(&self, key: K) -> i16 {
        (key.max(self.least).above(self.least) >> self.shift).min(MOST_CELL) as i16
    }
}

/// The strong rows of all groups.
struct Strong {
    d: usize,
    /// Per group and objective.
    cells: Vec<[i16; STRONG]>,
    /// Per group the sums of their ranks.
    sums: Vec<[u16; STRONG]>,
}

impl Strong {
    fn new(num_groups: usize, d: usize) -> Self {
        // No row at all dominates nothing, and any other is stronger.
        Self { d, cells: vec![[i16::MAX; STRONG]; num_groups * d], sums: vec![[u16::MAX; STRONG]; num_groups] }
    }

    /// Whether one of the group is lower in all cells.
    #[inline(always)]
    fn dominate(&self, group: usize, row: impl Iterator<Item = i16>) -> bool {
        let mut lower = [-1_i16; STRONG];
        for (cells, own) in self.cells[group * self.d..][..self.d].iter().zip(row) {
            for (lower, &cell) in lower.iter_mut().zip(cells) {
                *lower &= -i16::from(cell < own);
            }
        }
        lower.iter().fold(0, |any, &lower| any | lower) != 0
    }

    /// Put a row in the place of the weakest one of its group if it is stronger.
    #[inline(always)]
    fn offer(&mut self, group: usize, sum: u16, row: impl Iterator<Item = i16>) {
        let sums = &mut self.sums[group];
        let most = sums.iter().fold(0, |most, &sum| most.max(sum));
        if sum < most {
            let place = sums.iter().position(|&sum| sum == most).unwrap_or(0);
            sums[place] = sum;
            for (cells, own) in self.cells[group * self.d..][..self.d].iter_mut().zip(row) {
                cells[place] = own;
            }
        }
    }
}

impl<K: Key> Kernel for Thin<'_, K> {
    type Output = Left;

    #[inline(always)]
    fn run(self) -> Left {
        let d = self.source.num_objectives();
        let mut left = Passed::new(self.rows);
        let (mut missing, mut tested) = (0, 0);
        // The rows of the first block meet nobody.
        let tried = self.num_groups * ROWS_PER_GROUP + TRIED_BLOCKS * BLOCK;
        let mut strong = Strong::new(self.num_groups, d);
        let (mut keys, mut cells) = (vec![[K::default(); BLOCK]; d], vec![[0_i16; BLOCK]; d]);
        let (mut dead, mut own_groups) = ([0_u8; BLOCK], [0_u32; BLOCK]);
        let mut kept = Vec::with_capacity(BLOCK);
        for start in (0..self.rows.len()).step_by(BLOCK) {
            let part = self.rows.part(start, BLOCK);
            // Where it drops too few it is not worth its time.
            let pays = tested < tried || left.count() * 4 <= tested * 3;
            if !pays && self.nan.is_empty() {
                left.keep(part.len(), 0..part.len());
                continue;
            }
            for (k, keys) in keys.iter_mut().enumerate() {
                part.read(self.source, k, &mut keys[..part.len()]);
            }
            // Places behind the last row are of no row.
            dead[part.len()..].fill(1);
            let dead_rows = &mut dead[..part.len()];
            dead_rows.fill(0);
            // A NaN is counted whoever dominates its row.
            for keys in self.nan.iter().map(|&k| &keys[k]) {
                for (dead, &key) in dead_rows.iter_mut().zip(keys) {
                    *dead |= u8::from(key == K::NAN);
                }
            }
            missing += dead_rows.iter().map(|&dead| usize::from(dead)).sum::<usize>();
            if pays {
                tested += part.len();
                for ((cells, keys), scale) in cells.iter_mut().zip(&keys).zip(self.scales) {
                    for (cell, &key) in cells.iter_mut().zip(keys) {
                        *cell = scale.of(key);
                    }
                }
                for (lane, (group, dead)) in own_groups.iter_mut().zip(dead_rows).enumerate() {
                    *group = self.groups[part.at(lane) as usize];
                    *dead |= u8::from(strong.dominate(*group as usize, cells.iter().map(|cells| cells[lane])));
                }
            }
            kept.clear();
            for_each_zero(&dead, |lane| kept.push(lane as usize));
            left.keep(part.len(), kept.iter().copied());
            if pays {
                for &lane in &kept {
                    let mut ranks = [0_u16; QUANTILES];
                    for (cells, scale) in cells.iter().zip(self.scales) {
                        for (rank, &quantile) in ranks.iter_mut().zip(&scale.quantiles) {
                            *rank += u16::from(quantile <= cells[lane]);
                        }
                    }
                    let sum = ranks.iter().sum();
                    strong.offer(own_groups[lane] as usize, sum, cells.iter().map(|cells| cells[lane]));
                }
            }
        }
        Left { rows: left.kept(), missing }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Columns;
    use super::*;

    const ROWS: usize = 6000;

    /// What is left of rows in seven groups; all that are not must be dominated by a row of their group that is.
    fn left_of(value: impl Fn(u64) -> i64, nan: &[usize]) -> Left {
        let columns: Vec<Vec<i64>> = (0..3).map(|k| (0..ROWS as u64).map(|i| value(3 * i + k)).collect()).collect();
        let groups: Vec<u32> = (0..ROWS as u32).map(|row| row % 7).collect();
        let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        let all = Rows::Span { first: 0, count: ROWS as u32 };
        let left = thin(&Columns(&slices), all, nan, &groups, 7, 1).expect("groups have enough rows");
        let kept = left.rows.rows().to_vec();
        let missing = |row: u32| nan.iter().any(|&k| columns[k][row as usize] == i64::NAN);
        assert_eq!(left.missing, (0..ROWS as u32).filter(|&row| missing(row)).count());
        for row in (0..ROWS as u32).filter(|row| kept.binary_search(row).is_err() && !missing(*row)) {
            let lower = |other: u32| columns.iter().all(|keys| keys[other as usize] < keys[row as usize]);
            assert!(kept.iter().any(|&other| groups[other as usize] == groups[row as usize] && lower(other)));
        }
        left
    }

    fn random(i: u64) -> u64 {
        let mixed = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB)
    }

    #[test]
    fn only_rows_that_their_group_dominates_go() {
        let spread = left_of(|i| random(i).cast_signed(), &[]);
        assert!(spread.rows.rows().len() < ROWS / 3);
        // Ties, the largest keys there are, and a few outliers.
        left_of(|i| (random(i) >> 60).cast_signed(), &[]);
        left_of(|i| i64::MAX - (random(i) >> 58).cast_signed(), &[]);
        let outliers = left_of(|i| if i % 997 == 0 { i64::MIN } else { (random(i) >> 40).cast_signed() }, &[]);
        assert!(outliers.rows.rows().len() < ROWS / 2);
        // Nobody dominates anybody: no list is needed.
        assert!(matches!(left_of(|i| if i % 3 == 0 { i } else { !i }.cast_signed(), &[]).rows, Kept::Span { .. }));
    }

    #[test]
    fn rows_with_a_nan_are_counted_whoever_dominates_them() {
        left_of(|i| if i % 100 == 0 { i64::NAN } else { random(i).cast_signed() }, &[0, 2]);
        left_of(|i| if i % 100 == 0 { i64::NAN } else { (i as i64) * if i % 3 == 0 { 1 } else { -1 } }, &[1]);
    }
}
