//! Weights of dominators for four and more objectives: the sets of a row's dominators, block by block, counted.
//!
//! Weights above 1 stand for equal rows; bit by bit of the weights another set is counted. n^2 d / 1024 steps of one
//! cache line.

use crate::parallel;
use crate::pareto::rank::sets::{BLOCK, Blocks, Set};
use crate::pareto::watch::Stop;
use crate::simd::{Kernel, dispatch, level};

/// Rows whose sets are computed before any is counted.
const BATCH: usize = 32;
/// Fewer values than this are not worth a thread.
const VALUES_PER_THREAD: usize = 1 << 15;

/// The sum of the weights of each row's dominators.
pub(super) fn counts(columns: &[Vec<i32>], weights: &[u32], threads: usize, stop: &Stop<'_>) -> Vec<u32> {
    let n = weights.len();
    let mut counts = vec![0_u32; n];
    let mut blocks = Blocks::new(columns);
    let bit_of = std::array::from_fn(|row| Some(row as u16));
    let mut watch = stop.watch();
    for start in (0..n).step_by(BLOCK).take_while(|_| !watch.stops()) {
        let end = n.min(start + BLOCK);
        let (own, later) = counts[start..].split_at_mut(end - start);
        blocks.rank(start, end);
        dispatch(level(), Within { blocks: &blocks, weights: &weights[start..end], counts: own });
        blocks.tabulate(start, end, &bit_of);
        let parts = threads.min(later.len() * columns.len() / VALUES_PER_THREAD).max(1);
        let size = later.len().div_ceil(parts).max(1);
        let targets = later.chunks_mut(size).enumerate().map(|(part, counts)| (end + part * size, counts)).collect();
        let (blocks, planes) = (&blocks, &planes(&weights[start..end]));
        parallel::each(targets, |(first, counts)| dispatch(level(), Count { blocks, planes, first, counts }));
    }
    counts
}

/// Per bit of the weights the set of the rows that have it.
fn planes(weights: &[u32]) -> Vec<Set> {
    let most = weights.iter().max().copied().unwrap_or(0);
    let mut planes = vec![[0; BLOCK / 64]; (u32::BITS - most.leading_zeros()) as usize];
    for (plane, set) in planes.iter_mut().enumerate() {
        for (row, weight) in weights.iter().enumerate() {
            set[row / 64] |= u64::from(weight >> plane & 1) << (row % 64);
        }
    }
    planes
}

/// Counts inside a ranked block.
struct Within<'a> {
    blocks: &'a Blocks<'a>,
    weights: &'a [u32],
    counts: &'a mut [u32],
}

impl Kernel for Within<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.counts.len();
        let mut flags = [0; BLOCK];
        for (row, &weight) in self.weights.iter().enumerate() {
            let first = self.blocks.beaten(row, n, &mut flags);
            for (count, &flag) in self.counts[first..].iter_mut().zip(&flags[first..n]) {
                *count += if flag == 0 { 0 } else { weight };
            }
        }
    }
}

/// Add what the tabulated block has to later rows.
struct Count<'a> {
    blocks: &'a Blocks<'a>,
    planes: &'a [Set],
    /// The row of the first of `counts`.
    first: usize,
    counts: &'a mut [u32],
}

impl Kernel for Count<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut sets = [[0; BLOCK / 64]; BATCH];
        for (batch, counts) in self.counts.chunks_mut(BATCH).enumerate() {
            for (i, set) in sets[..counts.len()].iter_mut().enumerate() {
                self.blocks.dominators(self.first + batch * BATCH + i, set);
            }
            for (plane, heavy) in self.planes.iter().enumerate() {
                for (count, set) in counts.iter_mut().zip(&sets) {
                    let bits: u32 = set.iter().zip(heavy).map(|(word, heavy)| (word & heavy).count_ones()).sum();
                    *count += bits << plane;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_sums_over_pairs() {
        let n = 2 * BLOCK as u32 + 37;
        let value = |i: u32, k: u32| (i.wrapping_mul(2_654_435_761_u32.wrapping_mul(k)) >> 27) as i32;
        let columns: Vec<Vec<i32>> = (1..4).map(|k| (0..n).map(|i| value(i, k)).collect()).collect();
        let weights: Vec<u32> = (0..n).map(|i| if i % 7 == 0 { i } else { 1 }).collect();
        let stop = Stop::new(&|| false);
        let counted = counts(&columns, &weights, 1, &stop);
        for row in 0..n as usize {
            let dominators = (0..row).filter(|&other| columns.iter().all(|column| column[other] <= column[row]));
            assert_eq!(counted[row], dominators.map(|other| weights[other]).sum::<u32>());
        }
        assert_eq!(counts(&columns, &weights, 3, &stop), counted);
    }
}
