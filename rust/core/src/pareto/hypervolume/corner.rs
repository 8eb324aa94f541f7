//! The volume that a few points leave of a small box in space: the innermost step of every sliced computation.
//!
//! The points come by their third objective. For few of them the staircase in the first two is a height above each of
//! their first coordinates, as wide as the next one is away, which a point lowers from its own on: vector code without
//! a branch or a sort. For more it is a sorted list.

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch, which vector code must not have")]
#![expect(clippy::needless_range_loop, reason = "several arrays are walked in step, lane by lane")]

use super::set::{Block, LANES};
use crate::simd::{Avx512, Level};
#[cfg(target_arch = "x86_64")]
use {super::wide, crate::simd::with_features};

/// Most points that are swept by vectors.
const MOST: usize = 48;

/// Buffers that are used again and again.
#[derive(Default)]
pub(super) struct Corner {
    /// Proof that the passes of `wide` may run.
    wide: Option<Avx512>,
    len: usize,
    /// First, second and third coordinate of each point; longer than needed, so that whole vectors can be stored.
    pub(super) columns: [Vec<f64>; 3],
    /// The steps: first coordinates rise, second ones fall.
    stairs: Vec<[f64; 2]>,
}

impl Corner {
    /// No points, passes on `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { wide: Avx512::at(level), ..Self::default() }
    }

    /// Have room for `most` points.
    pub(super) fn reserve(&mut self, most: usize) {
        for column in &mut self.columns {
            column.resize(column.len().max(most + LANES), 0.0);
        }
    }

    /// Forget the points.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// The first `len` rows of `columns` are points now.
    pub(super) fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    /// Add a point, no better than the corner of the box, better than its far end and not below the points so far.
    #[inline(always)]
    pub(super) fn push(&mut self, point: [f64; 3]) {
        for k in 0..3 {
            self.columns[k][self.len] = point[k];
        }
        self.len += 1;
    }

    /// The volume of what the points dominate below `far`.
    #[inline(always)]
    pub(super) fn covered(&mut self, far: [f64; 3]) -> f64 {
        if self.len > MOST {
            return self.listed(far);
        }
        // Behind the last point steps have no width.
        self.columns[0][self.len..][..LANES].fill(far[0]);
        let [xs, ys, zs] = &self.columns;
        let (starts, points) = (xs.as_chunks().0, [xs, ys, zs].map(|column| &column[..self.len]));
        let mut volumes = [0.0; LANES];
        for (block, starts) in starts[..self.len.div_ceil(LANES)].iter().enumerate() {
            #[cfg(target_arch = "x86_64")]
            let own = match self.wide {
                Some(proof) => with_features!(Avx512, proof, wide::strips(starts, block, points, far)),
                None => strips(starts, block, points, far),
            };
            #[cfg(not(target_arch = "x86_64"))]
            let own = strips(starts, block, points, far);
            for lane in 0..LANES {
                volumes[lane] += own[lane];
            }
        }
        let halves = [0, 1, 2, 3].map(|lane| volumes[lane] + volumes[lane + 4]);
        (halves[0] + halves[2]) + (halves[1] + halves[3])
    }

    fn listed(&mut self, far: [f64; 3]) -> f64 {
        let (stairs, [xs, ys, zs]) = (&mut self.stairs, &self.columns);
        stairs.clear();
        stairs.push([f64::NEG_INFINITY, far[1]]);
        stairs.push([far[0], f64::NEG_INFINITY]);
        let mut volume = 0.0;
        for ((&x, &y), &z) in xs[..self.len].iter().zip(&ys[..self.len]).zip(&zs[..self.len]) {
            let first = stairs.partition_point(|step| step[0] < x);
            let mut top = stairs[first - 1][1];
            if top <= y || (stairs[first][0] == x && stairs[first][1] <= y) {
                continue;
            }
            let (mut next, mut left, mut area) = (first, x, 0.0);
            while stairs[next][1] >= y {
                let [right, below] = stairs[next];
                area += (right - left) * (top - y);
                (left, top) = (right, below);
                next += 1;
            }
            area += (stairs[next][0] - left) * (top - y);
            if next == first {
                stairs.insert(first, [x, y]);
            } else {
                stairs[first] = [x, y];
                stairs.drain(first + 1..next);
            }
            volume += area * (far[2] - z);
        }
        volume
    }
}

/// The volumes of the strips that start at the points of one block, each as wide as the next one is away.
#[inline(always)]
fn strips(starts: &Block, block: usize, [xs, ys, zs]: [&[f64]; 3], far: [f64; 3]) -> Block {
    let mut lanes = [0; LANES];
    for lane in 0..LANES {
        lanes[lane] = (block * LANES + lane) as u64;
    }
    let (mut ends, mut tops, mut volumes) = ([far[0]; LANES], [far[1]; LANES], [0.0; LANES]);
    for (index, ((&x, &y), &z)) in xs.iter().zip(ys).zip(zs).enumerate() {
        let depth = far[2] - z;
        for lane in 0..LANES {
            // Of equal ones the last is as wide as all, the others have no width.
            let right = (x > starts[lane]) | ((x == starts[lane]) & (lanes[lane] < index as u64));
            ends[lane] = if right & (x < ends[lane]) { x } else { ends[lane] };
            let lower = if (starts[lane] >= x) & (y < tops[lane]) { y } else { tops[lane] };
            volumes[lane] += (tops[lane] - lower) * depth;
            tops[lane] = lower;
        }
    }
    for lane in 0..LANES {
        volumes[lane] *= ends[lane] - starts[lane];
    }
    volumes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    #[test]
    fn boxes_are_counted_once() {
        let mut corner = Corner::new(Level::Baseline);
        corner.reserve(5);
        assert_eq!(corner.covered([4.0, 4.0, 4.0]), 0.0);
        for point in [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [3.0, 3.0, 3.0], [0.0, 0.0, 3.0]] {
            corner.push(point);
        }
        assert_eq!(corner.covered([4.0, 4.0, 4.0]), 3.0 * (6.0 + 6.0 - 4.0) + 16.0);
    }

    #[test]
    fn few_and_many_points_are_measured_alike() {
        for (count, level) in [1_usize, 7, 8, 9, 16, 20, 32, 33, 48].into_iter().zip(levels().into_iter().cycle()) {
            let mut corner = Corner::new(level);
            corner.reserve(count);
            for index in 0..count as u64 {
                let part = |shift: u32| ((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift & 15) as f64;
                corner.push([part(20), part(30), (index / 3) as f64]);
            }
            let far = [16.0, 17.0, 18.0];
            assert_eq!(corner.covered(far), corner.listed(far), "{count} {level:?}");
        }
    }
}
