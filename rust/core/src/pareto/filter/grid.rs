//! A coarse grid of at most 255 cells per objective, and the order along its Z-curve.
//!
//! A cell grows with the key, so a row can only dominate rows whose cells are nowhere smaller, and the curve visits it
//! before them (Lee, Zheng, Li and Lee 2007). Rows that are near on the curve are near in space.

use super::super::keys::Key;
use super::super::source::{Rows, Source};
use crate::order::sort_by;

/// Bounds between cells. One cell less than a byte has values, so that the last value can mark an empty place.
const BOUNDS: usize = 254;
const MOST_SAMPLES: usize = 4096;
const FEWEST_SAMPLES: usize = 256;

/// The bounds between the cells of each objective: quantiles of a sample.
pub(super) struct Grid<K> {
    /// Padded, so that a search halves 256.
    bounds: Vec<[K; 256]>,
    /// A cell's leading bits, moved apart so that those of the other objectives fit between.
    spread: [u64; 256],
    /// How many objectives the curve looks at: a code of 64 bits has a bit for each of them.
    curved: usize,
}

impl<K: Key> Grid<K> {
    pub(super) fn new(source: &dyn Source<K>, rows: Rows<'_>) -> Self {
        let d = source.num_objectives();
        let count = (rows.len() / 4).clamp(FEWEST_SAMPLES, MOST_SAMPLES).min(rows.len());
        let sample: Vec<u32> = (0..count).map(|i| rows.at(i * rows.len() / count)).collect();
        let mut keys = vec![K::default(); sample.len()];
        let bounds = (0..d)
            .map(|k| {
                source.gather(k, &sample, &mut keys);
                keys.sort_unstable();
                let quantile = |i: usize| keys[((i + 1) * keys.len() / (BOUNDS + 1)).min(keys.len() - 1)];
                std::array::from_fn(|i| if i < BOUNDS { quantile(i) } else { K::NAN })
            })
            .collect();
        let curved = d.min(64);
        let bits = (64 / curved).min(8);
        let spread = std::array::from_fn(|cell| {
            (0..bits).fold(0, |code, bit| code | (cell as u64 >> (8 - bits + bit) & 1) << (bit * curved))
        });
        Self { bounds, spread, curved }
    }

    /// The cell of each key of objective `k`.
    #[inline(always)]
    pub(super) fn cells(&self, k: usize, keys: &[K], cells: &mut [u8]) {
        for (cell, &key) in cells.iter_mut().zip(keys) {
            *cell = self.cell(k, key);
        }
    }

    /// The cell of a key of objective `k`.
    #[inline(always)]
    pub(super) fn cell(&self, k: usize, key: K) -> u8 {
        let bounds = &self.bounds[k];
        let mut below = 0;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            below += if bounds[below + step - 1] <= key { step } else { 0 };
        }
        below.min(BOUNDS) as u8
    }

    /// Add the cells of objective `k` to the codes of their rows.
    #[inline(always)]
    fn curve(&self, k: usize, cells: &[u8], codes: &mut [(u64, u32)]) {
        if k < self.curved {
            for (code, &cell) in codes.iter_mut().zip(cells) {
                code.0 |= self.spread[usize::from(cell)] << (self.curved - 1 - k);
            }
        }
    }

    /// Fill `codes`, which are 0 as yet, with the places of the rows on the curve, in the order given.
    pub(super) fn codes(&self, source: &dyn Source<K>, rows: Rows<'_>, codes: &mut [(u64, u32)]) {
        const BLOCK: usize = 512;
        let (mut keys, mut cells) = ([K::default(); BLOCK], [0; BLOCK]);
        for (block, codes) in codes.chunks_mut(BLOCK).enumerate() {
            let part = rows.part(block * BLOCK, BLOCK);
            for (place, code) in codes.iter_mut().enumerate() {
                code.1 = part.at(place);
            }
            for k in 0..self.curved {
                part.read(source, k, &mut keys[..part.len()]);
                self.cells(k, &keys[..part.len()], &mut cells);
                self.curve(k, &cells, codes);
            }
        }
    }
}

/// Sort rows along the curve; those of one place lexicographically, then by index. Rows that dominate come first.
pub(super) fn sort<K: Key>(source: &dyn Source<K>, codes: &mut [(u64, u32)]) {
    codes.sort_unstable();
    let d = source.num_objectives();
    for tied in codes.chunk_by_mut(|a, b| a.0 == b.0) {
        if tied.len() > 1 {
            let rows: Vec<u32> = tied.iter().map(|&(_, row)| row).collect();
            let columns: Vec<Vec<K>> = (0..d)
                .map(|k| {
                    let mut keys = vec![K::default(); rows.len()];
                    source.gather(k, &rows, &mut keys);
                    keys
                })
                .collect();
            let mut order: Vec<u32> = (0..rows.len() as u32).collect();
            // A stable sort keeps equal rows by index.
            sort_by(&mut order, &|a, b| {
                let pairs = columns.iter().map(|column| column[a as usize].cmp(&column[b as usize]));
                pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
            for (slot, &position) in tied.iter_mut().zip(&order) {
                slot.1 = rows[position as usize];
            }
        }
    }
}
