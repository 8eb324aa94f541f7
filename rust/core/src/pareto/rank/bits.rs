//! Layers for four and more objectives by sets of bits: which of 512 earlier rows dominate a row is the intersection of
//! one precomputed set per objective.
//!
//! Rows in lexicographic order form blocks of 512. Once a block's own layers are known its rows are numbered from the
//! highest layer down, and per objective the sets "the c best rows" are tabulated, one cache line each. For a later row
//! the intersection's first bit is then its dominator on the highest layer (bit sets as in Moreno et al. 2018). n^2 d /
//! 1024 steps of one cache line, whatever the shape of the data; 4 bytes per value.

use crate::parallel;
use crate::simd::{Kernel, dispatch, level};

/// Rows of a block: as many as a cache line has bits.
const BLOCK: usize = 512;
type Set = [u64; BLOCK / 64];
/// Rows compared at once inside a block.
const LANES: usize = 32;
/// Rows whose sets are computed before any is looked at.
const BATCH: usize = 32;
/// Fewer values than this are not worth a thread.
const VALUES_PER_THREAD: usize = 1 << 15;

/// The layer of each row, `limit` or more for rows that no layer below `limit` takes.
pub(super) fn layers(columns: &[Vec<i32>], limit: usize, threads: usize) -> Vec<i32> {
    let n = columns.first().map_or(0, Vec::len);
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let sorted: Vec<Vec<u16>> = columns.iter().map(|column| sorted_in_blocks(column)).collect();
    let mut layers = vec![0_i32; n];
    let mut ranks = vec![[0; BLOCK]; columns.len()];
    let mut sources = Sources::new(columns);
    for start in (0..n).step_by(BLOCK) {
        let end = n.min(start + BLOCK);
        let (own, later) = layers[start..].split_at_mut(end - start);
        for ((ranks, column), sorted) in ranks.iter_mut().zip(columns).zip(&sorted) {
            ranks_in_block(ranks, &column[start..end], &sorted[start..end]);
        }
        dispatch(level(), Within { ranks: &ranks, layers: own });
        if later.is_empty() {
            break;
        }
        sources.fill(columns, &sorted, start, own, limit);
        let parts = threads.min(later.len() * columns.len() / VALUES_PER_THREAD).max(1);
        let size = later.len().div_ceil(parts);
        let targets = later.chunks_mut(size).enumerate().map(|(part, layers)| (end + part * size, layers)).collect();
        let sources = &sources;
        parallel::each(targets, |(first, layers)| dispatch(level(), Push { sources, columns, first, layers }));
    }
    layers
}

/// Per block the numbers of its rows within it, from the best to the worst of `column`, whose values are below its
/// length.
fn sorted_in_blocks(column: &[i32]) -> Vec<u16> {
    let n = column.len();
    let mut next = vec![0_u32; column.iter().max().map_or(0, |&most| most as usize + 1)];
    for &value in column {
        next[value as usize] += 1;
    }
    let mut start = 0;
    for count in &mut next {
        (start, *count) = (start + *count, start);
    }
    let mut order = vec![0_u32; n];
    for (row, &value) in column.iter().enumerate() {
        let slot = &mut next[value as usize];
        order[*slot as usize] = row as u32;
        *slot += 1;
    }
    let mut filled = vec![0_u16; n.div_ceil(BLOCK)];
    let mut sorted = vec![0_u16; n];
    for row in order {
        let (block, within) = (row as usize / BLOCK, row as usize % BLOCK);
        sorted[block * BLOCK + usize::from(filled[block])] = within as u16;
        filled[block] += 1;
    }
    sorted
}

/// The layers inside a block, given what earlier blocks demand.
struct Within<'a> {
    /// Per objective the rows' ranks in the block.
    ranks: &'a [[u16; BLOCK]],
    layers: &'a mut [i32],
}

impl Kernel for Within<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.layers.len();
        let mut beaten = [0_u16; BLOCK];
        for row in 0..n {
            let next = self.layers[row] + 1;
            // Only later rows; vectors start at a multiple of their length.
            let first = (row + 1) / LANES * LANES;
            beaten[first..n].fill(u16::MAX);
            for ranks in self.ranks {
                let own = ranks[row];
                for (flag, &rank) in beaten[first..n].iter_mut().zip(&ranks[first..n]) {
                    *flag &= if own <= rank { u16::MAX } else { 0 };
                }
            }
            beaten[first..=row].fill(0);
            for (layer, &flag) in self.layers[first..].iter_mut().zip(&beaten[first..n]) {
                *layer = if flag == 0 { *layer } else { (*layer).max(next) };
            }
        }
    }
}

/// The ranks of a block's rows among themselves; equal values share one.
fn ranks_in_block(ranks: &mut [u16; BLOCK], column: &[i32], sorted: &[u16]) {
    let mut rank = 0;
    let mut previous = None;
    for &row in sorted {
        let value = column[usize::from(row)];
        rank += u16::from(previous.is_some_and(|previous| previous != value));
        previous = Some(value);
        ranks[usize::from(row)] = rank;
    }
}

/// A block whose layers are known, as sets.
struct Sources {
    /// Per objective and number c: the set of the c best rows.
    best: Vec<Vec<Set>>,
    /// Per objective and value: how many rows are not worse.
    not_worse: Vec<Vec<u16>>,
    /// Per bit: the layer of its row, falling.
    layers: Vec<i32>,
}

impl Sources {
    fn new(columns: &[Vec<i32>]) -> Self {
        let num_values = |column: &Vec<i32>| column.iter().max().map_or(0, |&most| most as usize + 1);
        Self {
            best: columns.iter().map(|_| vec![[0; BLOCK / 64]; BLOCK + 1]).collect(),
            not_worse: columns.iter().map(|column| vec![0; num_values(column)]).collect(),
            layers: Vec::with_capacity(BLOCK),
        }
    }

    fn fill(&mut self, columns: &[Vec<i32>], sorted: &[Vec<u16>], start: usize, layers: &[i32], limit: i32) {
        let mut falling: Vec<(i32, u16)> = layers.iter().zip(0..).map(|(&layer, row)| (-layer, row)).collect();
        falling.retain(|(layer, _)| -layer < limit);
        falling.sort_unstable();
        self.layers.clear();
        self.layers.extend(falling.iter().map(|(layer, _)| -layer));
        let mut bit_of = [None; BLOCK];
        for (bit, &(_, row)) in falling.iter().enumerate() {
            bit_of[usize::from(row)] = Some(bit);
        }
        for (k, column) in columns.iter().enumerate() {
            let (best, not_worse) = (&mut self.best[k], &mut self.not_worse[k]);
            let mut set = [0; BLOCK / 64];
            let mut filled = 0;
            for (count, &row) in sorted[k][start..start + layers.len()].iter().enumerate() {
                let value = column[start + usize::from(row)] as usize;
                if value > filled {
                    not_worse[filled..value].fill(count as u16);
                    filled = value;
                }
                if let Some(bit) = bit_of[usize::from(row)] {
                    set[bit / 64] |= 1_u64 << (bit % 64);
                }
                best[count + 1] = set;
            }
            not_worse[filled..].fill(layers.len() as u16);
        }
    }
}

/// Raise the layers of later rows above those of their dominators in a block.
struct Push<'a> {
    sources: &'a Sources,
    columns: &'a [Vec<i32>],
    /// The row of the first of `layers`.
    first: usize,
    layers: &'a mut [i32],
}

impl Kernel for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Some(&highest) = self.sources.layers.first() else { return };
        let mut open = [0_usize; BATCH];
        let mut common = [[0; BLOCK / 64]; BATCH];
        let mut next = 0;
        while next < self.layers.len() {
            let mut count = 0;
            while count < BATCH && next < self.layers.len() {
                open[count] = next;
                count += usize::from(self.layers[next] <= highest);
                next += 1;
            }
            for (set, &row) in common.iter_mut().zip(&open[..count]) {
                self.dominators(set, self.first + row);
            }
            for (set, &row) in common.iter().zip(&open[..count]) {
                if set.iter().fold(0, |any, word| any | word) != 0
                    && let Some(word) = set.iter().position(|&word| word != 0)
                {
                    let bit = word * 64 + set[word].trailing_zeros() as usize;
                    self.layers[row] = self.layers[row].max(self.sources.layers[bit] + 1);
                }
            }
        }
    }
}

impl Push<'_> {
    /// The rows of the block that dominate `row`.
    #[inline(always)]
    fn dominators(&self, set: &mut Set, row: usize) {
        *set = [u64::MAX; BLOCK / 64];
        for ((column, best), not_worse) in self.columns.iter().zip(&self.sources.best).zip(&self.sources.not_worse) {
            let other = &best[usize::from(not_worse[column[row] as usize])];
            for (word, other) in set.iter_mut().zip(other) {
                *word &= other;
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
        assert_eq!(layers(&columns, usize::MAX, 2), column);
        let cut = layers(&columns, 600, 1);
        assert!(cut.iter().zip(&column).all(|(&layer, &row)| layer == row.min(layer.max(600))));
    }

    #[test]
    fn blocks_do_not_matter() {
        let n = 2 * BLOCK + 37;
        let columns: Vec<Vec<i32>> = (1..4_u32)
            .map(|k| (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761_u32.wrapping_mul(k)) >> 27) as i32).collect())
            .collect();
        let dominated = |a: usize, b: usize| columns.iter().all(|column| column[a] <= column[b]);
        let mut expected = vec![0_i32; n];
        for row in 0..n {
            expected[row] = (0..row).filter(|&other| dominated(other, row)).map(|o| expected[o] + 1).max().unwrap_or(0);
        }
        assert_eq!(layers(&columns, usize::MAX, 1), expected);
        assert_eq!(layers(&columns, usize::MAX, 4), expected);
    }
}
