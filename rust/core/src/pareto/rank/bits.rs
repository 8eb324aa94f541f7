//! Layers for four and more objectives by sets of bits.
//!
//! Rows in lexicographic order form blocks of 512. Once a block's own layers are known its rows are numbered from the
//! highest layer down, so that for a later row the first bit of its set of dominators is the one on the highest layer.
//! n^2 d / 1024 steps of one cache line, whatever the shape of the data.

use super::sets::{BLOCK, Blocks, RAISED};
use crate::parallel;
use crate::pareto::watch::Stop;
use crate::simd::{Kernel, dispatch, level};

/// Rows whose sets are computed before any is looked at.
const BATCH: usize = 32;
/// Fewer values than this are not worth a thread.
const VALUES_PER_THREAD: usize = 1 << 15;

/// The layer of each row, `limit` or more for rows that no layer below `limit` takes.
pub(super) fn layers(columns: &[Vec<i32>], limit: usize, threads: usize, stop: &Stop<'_>) -> Vec<i32> {
    let n = columns.first().map_or(0, Vec::len);
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let mut layers = vec![0_i32; n];
    let mut blocks = Blocks::new(columns);
    let mut watch = stop.watch();
    for start in (0..n).step_by(BLOCK).take_while(|_| !watch.stops()) {
        let end = n.min(start + BLOCK);
        let (own, later) = layers[start..].split_at_mut(end - start);
        blocks.rank(start, end);
        dispatch(level(), Within { blocks: &blocks, layers: own });
        if later.is_empty() {
            break;
        }
        let falling = numbered(own, limit);
        let mut bit_of = [None; BLOCK];
        for (bit, &(_, row)) in falling.iter().enumerate() {
            bit_of[usize::from(row)] = Some(bit as u16);
        }
        blocks.tabulate(start, end, &bit_of);
        let parts = threads.min(later.len() * columns.len() / VALUES_PER_THREAD).max(1);
        let size = later.len().div_ceil(parts);
        let targets = later.chunks_mut(size).enumerate().map(|(part, layers)| (end + part * size, layers)).collect();
        let (blocks, falling) = (&blocks, &falling);
        parallel::each(targets, |(first, layers)| dispatch(level(), Push { blocks, start, falling, first, layers }));
    }
    layers
}

/// The rows of a block on layers below `limit`, the highest layer first.
fn numbered(layers: &[i32], limit: i32) -> Vec<(i32, u16)> {
    let rows = layers.iter().copied().zip(0..).filter(|(layer, _)| *layer < limit);
    // Words sort faster than pairs.
    let mut falling: Vec<u64> = rows.map(|(layer, row): (i32, u64)| ((limit - layer) as u64) << 16 | row).collect();
    falling.sort_unstable();
    falling.iter().map(|word| (limit - (word >> 16) as i32, *word as u16)).collect()
}

/// The layers inside a ranked block, given what earlier blocks demand.
struct Within<'a> {
    blocks: &'a Blocks<'a>,
    layers: &'a mut [i32],
}

impl Kernel for Within<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.layers.len();
        let mut flags = [0; BLOCK];
        for row in 0..n {
            let next = self.layers[row] + 1;
            let first = self.blocks.beaten(row, n, &mut flags);
            for (layer, &flag) in self.layers[first..].iter_mut().zip(&flags[first..n]) {
                *layer = if flag == 0 { *layer } else { (*layer).max(next) };
            }
        }
    }
}

/// Raise the layers of later rows above those of their dominators in the tabulated block.
struct Push<'a> {
    blocks: &'a Blocks<'a>,
    /// The first row of the block.
    start: usize,
    /// Per bit of the block: its layer and its row.
    falling: &'a [(i32, u16)],
    /// The row of the first of `layers`.
    first: usize,
    layers: &'a mut [i32],
}

impl Kernel for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Some(&(highest, top)) = self.falling.first() else { return };
        // A row on the highest layer dominates most rows that are far behind it: they need no sets.
        for (first, layers) in (self.first..).step_by(RAISED).zip(self.layers.chunks_mut(RAISED)) {
            self.blocks.raise(self.start + usize::from(top), highest + 1, first, layers);
        }
        let mut open = [0_usize; BATCH];
        let mut sets = [[0; BLOCK / 64]; BATCH];
        let mut next = 0;
        while next < self.layers.len() {
            let mut count = 0;
            while count < BATCH && next < self.layers.len() {
                open[count] = next;
                count += usize::from(self.layers[next] <= highest);
                next += 1;
            }
            for (set, &row) in sets.iter_mut().zip(&open[..count]) {
                self.blocks.dominators(self.first + row, set);
            }
            for (set, &row) in sets.iter().zip(&open[..count]) {
                if set.iter().fold(0, |any, word| any | word) != 0
                    && let Some(word) = set.iter().position(|&word| word != 0)
                {
                    let bit = word * 64 + set[word].trailing_zeros() as usize;
                    self.layers[row] = self.layers[row].max(self.falling[bit].0 + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_a_layer_per_row_and_the_limit_cuts_it() {
        let n = 3 * BLOCK + 100;
        let column: Vec<i32> = (0..n as i32).collect();
        let columns = vec![column.clone(), column.clone(), column.clone()];
        assert_eq!(layers(&columns, usize::MAX, 2, &Stop::new(&|| false)), column);
        let cut = layers(&columns, 600, 1, &Stop::new(&|| false));
        assert!(cut.iter().zip(&column).all(|(&layer, &row)| layer == row.min(layer.max(600))));
    }

    #[test]
    fn blocks_do_not_matter() {
        let n = 2 * BLOCK + 37;
        let value = |i: u32, k: u32| (i.wrapping_mul(2_654_435_761_u32.wrapping_mul(k)) >> 27) as i32;
        let columns: Vec<Vec<i32>> = (1..4).map(|k| (0..n as u32).map(|i| value(i, k)).collect()).collect();
        let dominated = |a: usize, b: usize| columns.iter().all(|column| column[a] <= column[b]);
        let mut expected = vec![0_i32; n];
        for row in 0..n {
            expected[row] = (0..row).filter(|&other| dominated(other, row)).map(|o| expected[o] + 1).max().unwrap_or(0);
        }
        for threads in [1, 4] {
            assert_eq!(layers(&columns, usize::MAX, threads, &Stop::new(&|| false)), expected);
        }
    }
}
