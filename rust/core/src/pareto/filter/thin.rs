//! Groups: drop the rows that the best row of their group so far dominates, before rows are put together by group.
//!
//! The table is read once, in its own order, which is much cheaper than to read it group by group. The best rows of
//! all groups fit a cache; a row is better than another if the cells of a coarse grid it lies in are lower in sum.

use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::grid::Grid;
use super::prefilter::Listed;
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
) -> Option<Listed> {
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
    Some(Listed::join(parallel::each(parts, work)))
}

struct Thin<'a, K> {
    source: &'a dyn Source<K>,
    rows: Rows<'a>,
    nan: &'a [usize],
    groups: &'a [u32],
    num_groups: usize,
    grid: &'a Grid<K>,
}

impl<K: Key> Kernel for Thin<'_, K> {
    type Output = Listed;

    #[inline(always)]
    fn run(self) -> Listed {
        let d = self.source.num_objectives();
        let mut left = Listed::default();
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
            let pays = tested < self.num_groups * ROWS_PER_GROUP || left.rows.len() * 4 <= tested * 3;
            if !pays && !holes {
                left.rows.extend((0..part.len()).map(|lane| part.at(lane)));
                continue;
            }
            tested += part.len();
            for lane in 0..part.len() {
                if holes && self.nan.iter().any(|&k| keys[k][lane] == K::NAN) {
                    left.missing += 1;
                    continue;
                }
                let row = part.at(lane);
                let group = self.groups[row as usize] as usize;
                let own = &mut best[group * d..][..d];
                let (mut not_worse, mut better) = (K::flag(true), K::default());
                for (own, keys) in own.iter().zip(&keys) {
                    not_worse = not_worse & K::flag(*own <= keys[lane]);
                    better = better | K::flag(*own < keys[lane]);
                }
                if (not_worse & better) != K::default() {
                    continue;
                }
                left.rows.push(row);
                let sum = keys.iter().enumerate().map(|(k, keys)| u32::from(self.grid.cell(k, keys[lane]))).sum();
                if sum < sums[group] {
                    sums[group] = sum;
                    for (own, keys) in own.iter_mut().zip(&keys) {
                        *own = keys[lane];
                    }
                }
            }
        }
        left
    }
}
