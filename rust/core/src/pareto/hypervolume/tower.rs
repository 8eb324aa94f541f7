//! Points in space in the order of their third objective, and what one point alone dominates of them.
//!
//! As in HV4D+ (Guerreiro, Fonseca and Paquete 2021), two passes suffice. Those beneath a point cut its box in the
//! first two objectives; of those above, the first one that is nowhere else worse cuts it in the third and ends the
//! pass. What else reaches into the box comes in the order in which `corner` sweeps it. Every point has its place from
//! the start, so that joining and leaving is one store.

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch, which vector code must not have")]
#![expect(clippy::needless_range_loop, reason = "several arrays are walked in step, lane by lane")]

use super::corner::Corner;
use super::set::{Block, LANES};
use crate::simd::{Avx512, Level};
#[cfg(target_arch = "x86_64")]
use {super::wide, crate::simd::with_features};

/// The points; places are numbered from the least third objective up.
pub(super) struct Tower {
    /// Proof that the passes of `wide` may run.
    wide: Option<Avx512>,
    /// First, second and third objective of each place; where no point is, the first one is infinite.
    columns: [Vec<Block>; 3],
    /// What reaches into the box of a point.
    pub(super) corner: Corner,
}

impl Tower {
    /// No places, passes on `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { wide: Avx512::at(level), columns: Default::default(), corner: Corner::new(level) }
    }

    /// Have `count` places without points.
    pub(super) fn clear(&mut self, count: usize) {
        for column in &mut self.columns {
            column.clear();
            column.resize(count.div_ceil(LANES), [f64::INFINITY; LANES]);
        }
        self.corner.reserve(count);
        self.corner.clear();
    }

    /// Say which point will be at `place`.
    #[inline(always)]
    pub(super) fn prepare(&mut self, place: usize, y: f64, z: f64) {
        self.columns[1][place / LANES][place % LANES] = y;
        self.columns[2][place / LANES][place % LANES] = z;
    }

    /// Whether there is a point at `place`.
    pub(super) fn holds(&self, place: usize) -> bool {
        self.columns[0][place / LANES][place % LANES] != f64::INFINITY
    }

    /// Let the point of `place`, whose first objective is `x`, join.
    #[inline(always)]
    pub(super) fn join(&mut self, place: usize, x: f64) {
        // A whole vector, as one is loaded next.
        let block = &mut self.columns[0][place / LANES];
        for lane in 0..LANES {
            block[lane] = if lane == place % LANES { x } else { block[lane] };
        }
    }

    /// What `point`, whose place is or would be `place`, dominates below `far` and no other point does.
    ///
    /// With `keep` the point joins, unless one dominates it, and those that it dominates leave; with `skip` the volume
    /// is not computed.
    #[inline(always)]
    pub(super) fn exclusive(&mut self, place: usize, point: [f64; 3], far: [f64; 3], keep: bool, skip: bool) -> f64 {
        let [x, y, z] = point;
        let Some([right, back]) = self.beneath(place, [x, y], [far[0], far[1]]) else { return 0.0 };
        let top = self.reaching(place, point, [right, back, far[2]], keep);
        if keep {
            self.join(place, x);
        }
        if skip {
            return 0.0;
        }
        let whole = (right - x) * (back - y) * (top - z);
        // It is a difference, whose rounding may fall below nothing.
        (whole - self.corner.covered([right, back, top])).max(0.0)
    }

    /// Let a point join with all that start at the same fourth objective, by rising place, and collect it in `corner`,
    /// unless one dominates it.
    #[inline(always)]
    pub(super) fn start(&mut self, place: usize, [x, y, z]: [f64; 3], far: [f64; 3]) {
        if self.beneath(place, [x, y], [far[0], far[1]]).is_some() {
            self.join(place, x);
            self.corner.push([x, y, z]);
        }
    }

    /// Where points beneath `place` cut a box that starts at `x` and `y`; none if one of them dominates its corner.
    #[inline(always)]
    fn beneath(&self, place: usize, [x, y]: [f64; 2], far: [f64; 2]) -> Option<[f64; 2]> {
        let count = (place / LANES + 1).min(self.columns[0].len());
        let (xs, ys) = (&self.columns[0][..count], &self.columns[1][..count]);
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.wide {
            return with_features!(Avx512, proof, wide::beneath(xs, ys, place, [x, y], far));
        }
        let (mut right, mut back, mut dominated) = ([far[0]; LANES], [far[1]; LANES], [false; LANES]);
        for block in 0..count {
            for lane in 0..LANES {
                let (own_x, own_y) = (xs[block][lane], ys[block][lane]);
                let under = block * LANES + lane < place;
                let (left, before) = (under & (own_x <= x), under & (own_y <= y));
                dominated[lane] |= left & before;
                right[lane] = if before & (own_x < right[lane]) { own_x } else { right[lane] };
                back[lane] = if left & (own_y < back[lane]) { own_y } else { back[lane] };
            }
        }
        let least = |values: [f64; LANES]| values.into_iter().fold(f64::INFINITY, f64::min);
        (!dominated.contains(&true)).then(|| [least(right), least(back)])
    }

    /// Collect in `corner` what reaches into the box of a point, and return where it is cut in the third objective.
    /// With `leave` points that it dominates leave.
    #[inline(always)]
    fn reaching(&mut self, place: usize, point: [f64; 3], far: [f64; 3], leave: bool) -> f64 {
        let [xs, ys, zs] = &mut self.columns;
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.wide {
            return with_features!(
                Avx512,
                proof,
                wide::reaching([xs, ys, zs], place, point, far, leave, &mut self.corner)
            );
        }
        self.corner.clear();
        for block in 0..xs.len() {
            let (mut own, mut some) = ([0_u64; LANES], 0);
            for lane in 0..LANES {
                own[lane] = u64::from((xs[block][lane] < far[0]) & (ys[block][lane] < far[1])) << lane;
            }
            for lane in 0..LANES {
                some |= own[lane];
            }
            while some != 0 {
                let lane = some.trailing_zeros() as usize;
                some &= some - 1;
                let own = [xs[block][lane], ys[block][lane], zs[block][lane]];
                if block * LANES + lane >= place {
                    if own[0] <= point[0] && own[1] <= point[1] {
                        return own[2].min(far[2]);
                    }
                    if leave && own[0] >= point[0] && own[1] >= point[1] {
                        xs[block][lane] = f64::INFINITY;
                    }
                }
                self.corner.push([0, 1, 2].map(|k| if own[k] > point[k] { own[k] } else { point[k] }));
            }
        }
        far[2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    #[test]
    fn boxes_are_cut_from_beneath_and_from_above() {
        for level in levels() {
            let mut tower = Tower::new(level);
            tower.clear(5);
            // By their third objective; the place between 1 and 2 is for the point whose box is measured.
            let points = [[1.0, 6.0, 0.0], [6.0, 2.0, 1.0], [2.0, 3.0, 2.0], [4.0, 4.0, 3.0], [2.0, 2.0, 5.0]];
            for (place, [x, y, z]) in points.into_iter().enumerate() {
                tower.prepare(place, y, z);
                if place != 2 {
                    tower.join(place, x);
                }
            }
            let far = [9.0, 9.0, 9.0];
            // 4 x 3 x 3 less what (4, 4, 3) covers of it.
            let expected = 4.0 * 3.0 * 3.0 - 2.0 * 2.0 * 2.0;
            assert_eq!(tower.exclusive(2, points[2], far, false, false), expected);
            assert_eq!(tower.exclusive(2, points[2], far, true, true), 0.0);
            assert_eq!([0, 1, 2, 3, 4].map(|place| tower.holds(place)), [true, true, true, false, true]);
            assert_eq!(tower.exclusive(3, points[3], far, true, false), 0.0);
            assert!(!tower.holds(3), "it is dominated");
        }
    }
}
