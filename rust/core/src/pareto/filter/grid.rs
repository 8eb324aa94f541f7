//! A coarse grid of at most 255 cells per objective, and the order along its Z-curve.
//!
//! A cell grows with the key, so a row can only dominate rows whose cells are nowhere smaller, and the curve visits it
//! before them (Lee, Zheng, Li and Lee 2007). Rows that are near on the curve are near in space.

use super::super::keys::Key;
use super::super::source::{Rows, Source};
use crate::order::sort_by;
use crate::parallel;
use crate::simd::{self, Kernel, dispatch};

/// Bounds between cells. One cell less than a byte has values, so that the last value can mark an empty place.
const BOUNDS: usize = 254;
const MOST_SAMPLES: usize = 4096;
const FEWEST_SAMPLES: usize = 256;
/// Rows whose keys are read at once.
const BLOCK: usize = 512;

/// The bounds between the cells of each objective: quantiles of a sample.
pub(super) struct Grid<K> {
    /// Padded, so that a search halves 256.
    bounds: Vec<[K; 256]>,
}

impl<K: Key> Grid<K> {
    pub(super) fn new(source: &dyn Source<K>, rows: Rows<'_>) -> Self {
        let d = source.num_objectives();
        let count = (rows.len() / 8).clamp(FEWEST_SAMPLES, MOST_SAMPLES).min(rows.len());
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
        Self { bounds }
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

    /// Whether a key is the least that its cell may hold.
    #[inline(always)]
    fn is_least(&self, k: usize, key: K, cell: u8) -> bool {
        cell > 0 && self.bounds[k][usize::from(cell) - 1] == key
    }
}

/// The cells of rows, and how a word tells the place of one of them on the curve.
pub(super) struct Placed {
    d: usize,
    /// Row after row.
    cells: Vec<u8>,
    /// Low bits of a word for the position of its row; those above are of its place on the curve.
    position_bits: u32,
    /// Per objective whether rows of a cell have the same key.
    tells: Vec<bool>,
}

impl Placed {
    /// The cells of `rows`, and a word for each of them in the same order.
    pub(super) fn new<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, threads: usize) -> (Self, Vec<u64>) {
        let d = source.num_objectives();
        let grid = Grid::new(source, rows);
        let curve = Curve::new(d, rows.len());
        let (mut words, mut cells) = (vec![0; rows.len()], vec![0; rows.len() * d]);
        let step = rows.len().div_ceil(threads).max(1);
        let pieces = rows.split(threads).into_iter().zip(words.chunks_mut(step)).zip(cells.chunks_mut(step * d));
        let found = parallel::each(pieces.enumerate().collect(), |(piece, ((rows, words), cells))| {
            dispatch(
                simd::level(),
                Place { source, grid: &grid, curve: &curve, rows, first: piece * step, words, cells },
            )
        });
        let tells = (0..d).map(|k| found.iter().all(|tells| tells[k])).collect();
        (Self { d, cells, position_bits: curve.position_bits, tells }, words)
    }

    /// The position of a word's row.
    #[inline(always)]
    pub(super) fn position(&self, word: u64) -> usize {
        (word & ((1 << self.position_bits) - 1)) as usize
    }

    /// The place of a word's row on the curve.
    #[inline(always)]
    pub(super) fn code(&self, word: u64) -> u64 {
        word >> self.position_bits
    }

    /// The cells of a word's row.
    #[inline(always)]
    pub(super) fn cells(&self, word: u64) -> &[u8] {
        &self.cells[self.position(word) * self.d..][..self.d]
    }

    /// Whether rows of a cell of objective `k` have the same key.
    #[inline(always)]
    pub(super) fn tells(&self, k: usize) -> bool {
        self.tells[k]
    }

    /// Sort words along the curve; those of one place lexicographically, then by position. Rows that dominate come
    /// first.
    pub(super) fn sort<K: Key>(&self, source: &dyn Source<K>, rows: Rows<'_>, words: &mut [u64]) {
        words.sort_unstable();
        for tied in words.chunk_by_mut(|&a, &b| self.code(a) == self.code(b)) {
            if tied.len() > 1 {
                let given: Vec<u32> = tied.iter().map(|&word| rows.at(self.position(word))).collect();
                let columns: Vec<Vec<K>> = (0..self.d)
                    .map(|k| {
                        let mut keys = vec![K::default(); given.len()];
                        source.gather(k, &given, &mut keys);
                        keys
                    })
                    .collect();
                let mut order: Vec<u32> = (0..given.len() as u32).collect();
                // A stable sort keeps equal rows by position.
                sort_by(&mut order, &|a, b| {
                    let pairs = columns.iter().map(|column| column[a as usize].cmp(&column[b as usize]));
                    pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                });
                let sorted: Vec<u64> = order.iter().map(|&index| tied[index as usize]).collect();
                tied.copy_from_slice(&sorted);
            }
        }
    }
}

/// How cells become places on the curve.
struct Curve {
    position_bits: u32,
    /// How many objectives the curve looks at: a place has a bit for each of them.
    curved: usize,
    /// A cell's leading bits, moved apart so that those of the other objectives fit between.
    spread: [u64; 256],
}

impl Curve {
    fn new(d: usize, num_rows: usize) -> Self {
        let position_bits = usize::BITS - num_rows.leading_zeros();
        let curved = d.min((u64::BITS - position_bits) as usize);
        let bits = ((u64::BITS - position_bits) as usize / curved).min(8);
        let spread = std::array::from_fn(|cell| {
            (0..bits).fold(0, |code, bit| code | (cell as u64 >> (8 - bits + bit) & 1) << (bit * curved))
        });
        Self { position_bits, curved, spread }
    }

    /// What the cell of objective `k` adds to the word of its row.
    #[inline(always)]
    fn part(&self, k: usize, cell: u8) -> u64 {
        self.spread[usize::from(cell)] << (self.curved - 1 - k) << self.position_bits
    }
}

/// One thread's part of [`Placed::new`]; whether each objective's cells tell the keys of its rows apart.
struct Place<'a, K> {
    source: &'a dyn Source<K>,
    grid: &'a Grid<K>,
    curve: &'a Curve,
    rows: Rows<'a>,
    /// The position of the first row.
    first: usize,
    words: &'a mut [u64],
    cells: &'a mut [u8],
}

impl<K: Key> Kernel for Place<'_, K> {
    type Output = Vec<bool>;

    #[inline(always)]
    fn run(self) -> Vec<bool> {
        let d = self.source.num_objectives();
        let mut tells = vec![true; d];
        let (mut keys, mut own) = ([K::default(); BLOCK], [0; BLOCK]);
        let blocks = self.words.chunks_mut(BLOCK).zip(self.cells.chunks_mut(BLOCK * d));
        for (start, (words, cells)) in (0..).step_by(BLOCK).zip(blocks) {
            let part = self.rows.part(start, BLOCK);
            for (word, position) in words.iter_mut().zip(self.first + start..) {
                *word = position as u64;
            }
            for (k, tells) in tells.iter_mut().enumerate() {
                part.read(self.source, k, &mut keys[..part.len()]);
                let mut all_least = true;
                for (own, &key) in own.iter_mut().zip(&keys[..part.len()]) {
                    *own = self.grid.cell(k, key);
                    all_least &= self.grid.is_least(k, key, *own);
                }
                *tells &= all_least;
                for (cells, &own) in cells.chunks_exact_mut(d).zip(&own) {
                    cells[k] = own;
                }
                if k < self.curve.curved {
                    for (word, &own) in words.iter_mut().zip(&own) {
                        *word |= self.curve.part(k, own);
                    }
                }
            }
        }
        tells
    }
}
