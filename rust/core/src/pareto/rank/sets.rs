//! Rows in blocks of 512, and per block and objective the sets of its best rows, one cache line each.
//!
//! Which rows of a block dominate a later row is then the intersection of one set per objective (bit sets as in Moreno
//! et al. 2018, tabulated for one block at a time so that they stay in the cache). 4 bytes per value.

use crate::simd::{Kernel, dispatch, level};

/// Rows of a block: as many as a cache line has bits.
pub(in crate::pareto) const BLOCK: usize = 512;
/// Rows of a block, one bit each.
pub(in crate::pareto) type Set = [u64; BLOCK / 64];

/// Rows compared at once inside a block.
const LANES: usize = 32;
/// Rows that one row raises at once.
pub(super) const RAISED: usize = 64;
/// Values that are filled at once.
const RUN: usize = 32;

/// Distinct rows in lexicographic order, block by block, with the sets of the block last tabulated.
pub(in crate::pareto) struct Blocks<'a> {
    columns: &'a [Vec<i32>],
    /// Per objective and block the numbers of its rows within it, from the best to the worst.
    sorted: Vec<Vec<u16>>,
    /// Per objective and number c: the set of the c best rows.
    best: Vec<Vec<Set>>,
    /// Per objective and value, and some beyond the last: how many rows of the block are not worse.
    not_worse: Vec<Vec<u16>>,
    /// Per objective the rows' ranks within the block.
    ranks: Vec<[u16; BLOCK]>,
}

impl<'a> Blocks<'a> {
    /// Of columns of dense ranks.
    pub(in crate::pareto) fn new(columns: &'a [Vec<i32>]) -> Self {
        let num_values = |column: &Vec<i32>| column.iter().max().map_or(0, |&most| most as usize + 1);
        Self {
            columns,
            sorted: columns.iter().map(|column| sorted_in_blocks(column, num_values(column))).collect(),
            best: columns.iter().map(|_| vec![[0; BLOCK / 64]; BLOCK + 1]).collect(),
            not_worse: columns.iter().map(|column| vec![0; num_values(column) + RUN]).collect(),
            ranks: vec![[0; BLOCK]; columns.len()],
        }
    }

    /// Rank the rows from `start` to `end`, one block, among themselves: what [`Self::beaten`] needs.
    pub(in crate::pareto) fn rank(&mut self, start: usize, end: usize) {
        for ((ranks, column), sorted) in self.ranks.iter_mut().zip(self.columns).zip(&self.sorted) {
            let mut rank = 0;
            let mut previous = None;
            for &row in &sorted[start..end] {
                let value = column[start + usize::from(row)];
                rank += u16::from(previous.is_some_and(|previous| previous != value));
                previous = Some(value);
                ranks[usize::from(row)] = rank;
            }
        }
    }

    /// Set `flags` of the rows after `row` of the ranked block of `n` rows: all bits if `row` dominates them, else
    /// none. Returns the first row whose flag was set, at most the one after `row`.
    #[inline(always)]
    pub(in crate::pareto) fn beaten(&self, row: usize, n: usize, flags: &mut [u16; BLOCK]) -> usize {
        // Vectors start at a multiple of their length.
        let first = (row + 1) / LANES * LANES;
        flags[first..n].fill(u16::MAX);
        for ranks in &self.ranks {
            let own = ranks[row];
            for (flag, &rank) in flags[first..n].iter_mut().zip(&ranks[first..n]) {
                *flag &= if own <= rank { u16::MAX } else { 0 };
            }
        }
        flags[first..=row].fill(0);
        first
    }

    /// Raise to `layer` what is below it of the layers of the rows from `first` on that `row`, an earlier one,
    /// dominates; at most `RAISED` rows.
    #[inline(always)]
    pub(super) fn raise(&self, row: usize, layer: i32, first: usize, layers: &mut [i32]) {
        let mut flags = [-1; RAISED];
        for column in self.columns {
            let own = column[row];
            for (flag, &value) in flags.iter_mut().zip(&column[first..first + layers.len()]) {
                *flag &= -i32::from(own <= value);
            }
        }
        for (own, flag) in layers.iter_mut().zip(flags) {
            *own = (*own).max(layer & flag);
        }
    }

    /// Tabulate the sets of the block from `start` to `end`; `bit_of` gives each row's bit, or none to leave it out.
    pub(in crate::pareto) fn tabulate(&mut self, start: usize, end: usize, bit_of: &[Option<u16>; BLOCK]) {
        dispatch(level(), Tabulate { blocks: self, start, end, bit_of });
    }

    /// The rows of the tabulated block that dominate `row`, a later one.
    #[inline(always)]
    pub(in crate::pareto) fn dominators(&self, row: usize, set: &mut Set) {
        *set = [u64::MAX; BLOCK / 64];
        for ((column, best), not_worse) in self.columns.iter().zip(&self.best).zip(&self.not_worse) {
            let other = &best[usize::from(not_worse[column[row] as usize])];
            for (word, other) in set.iter_mut().zip(other) {
                *word &= other;
            }
        }
    }
}

struct Tabulate<'a, 'b> {
    blocks: &'a mut Blocks<'b>,
    start: usize,
    end: usize,
    bit_of: &'a [Option<u16>; BLOCK],
}

impl Kernel for Tabulate<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { blocks, start, end, bit_of } = self;
        for (k, column) in blocks.columns.iter().enumerate() {
            let (best, not_worse) = (&mut blocks.best[k], &mut blocks.not_worse[k]);
            let mut set: Set = [0; BLOCK / 64];
            let mut filled = 0;
            for (count, &row) in blocks.sorted[k][start..end].iter().enumerate() {
                let value = column[start + usize::from(row)] as usize;
                // Whole vectors: what is filled too much is filled again, by this loop or after it.
                for run in not_worse[filled..value + RUN].chunks_exact_mut(RUN).take((value - filled).div_ceil(RUN)) {
                    run.fill(count as u16);
                }
                filled = value;
                if let Some(bit) = bit_of[usize::from(row)] {
                    for (index, word) in (0..).zip(&mut set) {
                        *word |= if index == bit / 64 { 1_u64 << (bit % 64) } else { 0 };
                    }
                }
                best[count + 1] = set;
            }
            not_worse[filled..].fill((end - start) as u16);
        }
    }
}

/// Per block the numbers of its rows within it, from the best to the worst of `column`.
fn sorted_in_blocks(column: &[i32], num_values: usize) -> Vec<u16> {
    let n = column.len();
    let mut order = vec![0_u32; n];
    if num_values == n {
        // No two are equal: a value is a place.
        (0..).zip(column).for_each(|(row, &value)| order[value as usize] = row);
    } else {
        let mut next = vec![0_u32; num_values];
        for &value in column {
            next[value as usize] += 1;
        }
        let mut start = 0;
        for count in &mut next {
            (start, *count) = (start + *count, start);
        }
        for (row, &value) in (0..).zip(column) {
            let slot = &mut next[value as usize];
            order[*slot as usize] = row;
            *slot += 1;
        }
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
