//! Means of resampled measurements of many rows, in several draws at once.
//!
//! The same numbers as one draw after the other (`draws`), but words and means of different draws are lanes of vectors.

#![expect(clippy::needless_range_loop, reason = "lanes of several arrays, which become vectors")]

use super::super::keys::key;
use super::Draws;
use super::lanes::Cells;
use super::normal::philox_lanes;
use super::rivals::Rivals;
use crate::simd::Kernel;

/// Draws that are made at once.
const HALF: usize = 16;
/// Up to this many measurements are tried in turn, which vectors do; of more, each lane loads its own.
const TRIED: i64 = 8;

type Values = [f64; HALF];

/// Fills the keys and cells of the rows of `rivals`.
pub(super) struct Means<'a> {
    pub(super) draws: &'a Draws<'a>,
    pub(super) rivals: &'a Rivals,
    /// The measurements, where those of each row begin, and the key of the random numbers.
    pub(super) measured: (&'a [f64], &'a [i64], u64),
    /// The first draw, and how many of them.
    pub(super) first: usize,
    pub(super) count: usize,
    /// Draw after draw, objective by objective.
    pub(super) keys: &'a mut [i64],
    /// The objectives of row after row.
    pub(super) cells: &'a mut [Cells],
}

impl Kernel for Means<'_> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let d = self.draws.d();
        let (values, offsets, seed) = self.measured;
        let blocks = (values.len() / d).div_ceil(4) as u64;
        let mut words: Vec<[u32; HALF]> = Vec::new();
        for half in (0..self.count).step_by(HALF) {
            // The block of which the words end with those of the last row.
            let mut last = usize::MAX;
            for &(row, position) in &self.rivals.drawn {
                let (row, position) = (row as usize, position as usize);
                let (first, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                let kept = if last == first / 4 { 4 } else { 0 };
                let from = words.len() - kept;
                words.copy_within(from.., 0);
                words.truncate(kept);
                for block in first / 4 + kept / 4..end.div_ceil(4) {
                    let counter = |lane: usize| ((self.first + half + lane) as u64) * blocks + block as u64;
                    words.extend(philox_lanes(seed, counter));
                }
                last = end.div_ceil(4) - 1;
                let (own, words) = (&values[first * d..end * d], &words[first % 4..][..end - first]);
                for k in (0..d).step_by(3) {
                    match d - k {
                        1 => self.put(half, position, k, means::<1>(&own[k..], d, words)),
                        2 => self.put(half, position, k, means::<2>(&own[k..], d, words)),
                        _ => self.put(half, position, k, means::<3>(&own[k..], d, words)),
                    }
                }
            }
        }
    }
}

impl Means<'_> {
    /// Store the objectives from `from` on of a row in the draws from `half` on.
    #[inline(always)]
    fn put<const D: usize>(&mut self, half: usize, position: usize, from: usize, means: [Values; D]) {
        let (n, d) = (self.rivals.rows.len(), self.draws.d());
        for (values, k) in means.iter().zip(from..) {
            let (grid, maximize) = (self.rivals.grids[k], self.draws.maximize[k]);
            let cells = &mut self.cells[position * d + k][half..half + HALF];
            let mut keys = [0_i64; HALF];
            for lane in 0..HALF {
                cells[lane] = grid.cell(values[lane]);
                keys[lane] = key(values[lane], maximize);
            }
            for lane in 0..HALF {
                self.keys[((half + lane) * d + k) * n + position] = keys[lane];
            }
        }
    }
}

/// The means of `D` columns, of those measurements that `words` choose; `own` begins with the first column.
#[inline(always)]
fn means<const D: usize>(own: &[f64], d: usize, words: &[[u32; HALF]]) -> [Values; D] {
    let count = words.len() as i64;
    // As a sum of floats begins.
    let mut sums = [[-0.0; HALF]; D];
    for word in words {
        let mut index = [0_i64; HALF];
        for lane in 0..HALF {
            index[lane] = (u64::from(word[lane]) * count as u64 >> 32) as i64;
        }
        let mut chosen: [Values; D] = std::array::from_fn(|k| [own[k]; HALF]);
        if count <= TRIED {
            for other in 1..count {
                for (k, chosen) in chosen.iter_mut().enumerate() {
                    let value = own[other as usize * d + k];
                    for lane in 0..HALF {
                        chosen[lane] = if index[lane] >= other { value } else { chosen[lane] };
                    }
                }
            }
        } else {
            for lane in 0..HALF {
                for (k, chosen) in chosen.iter_mut().enumerate() {
                    chosen[lane] = own[index[lane] as usize * d + k];
                }
            }
        }
        for (sums, chosen) in sums.iter_mut().zip(&chosen) {
            for lane in 0..HALF {
                sums[lane] += chosen[lane];
            }
        }
    }
    for sums in &mut sums {
        for lane in 0..HALF {
            sums[lane] /= count as f64;
        }
    }
    sums
}
