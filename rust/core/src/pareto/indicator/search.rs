//! The loop under all indicators: the least of a measure over all points, for one reference after the other.
//!
//! Boxes bound the measure of their points from below; rounding keeps that order, because every operation in a measure
//! rises with its operand. So a leaf whose bound is not below the best so far is left out without changing the result,
//! which therefore is the same for every CPU level, order of the points and number of threads.

use super::leaves::{LANES, LEAF, Leaves, Vector};
use super::measures::Shift;
use crate::simd::{Kernel, dispatch, level};

/// A measure of a pair, folded over its objectives; all are better when smaller.
pub(super) trait Measure: Copy + Sync {
    /// The fold starts here.
    const START: f64;
    /// Whether comparing with limits is quicker than measuring.
    const HAS_LIMITS: bool = false;
    /// One more objective; `upside_down` if larger is better there and the values keep their signs.
    fn step(self, sum: f64, point: f64, reference: f64, upside_down: bool) -> f64;
    /// The same for the best that a point between `low` and `high` can do.
    #[inline(always)]
    fn bound(self, sum: f64, low: f64, _high: f64, reference: f64, upside_down: bool) -> f64 {
        self.step(sum, low, reference, upside_down)
    }
    /// A value that `step` surely makes no more of than `most`, and of lower ones neither: the largest one known.
    #[inline(always)]
    fn limit(self, _most: f64, _reference: f64, _upside_down: bool) -> f64 {
        f64::NEG_INFINITY
    }
}

/// The larger, as one instruction: there are no NaN here.
#[inline(always)]
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller, likewise.
#[inline(always)]
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// References as rows with the directions of their objectives.
#[derive(Clone, Copy)]
pub(super) struct References<'a> {
    pub(super) rows: &'a [f64],
    /// Per objective, whether to turn the sign, as that of the points was.
    pub(super) negate: &'a [bool],
    /// Per objective, what `Measure::step` takes.
    pub(super) upside_down: &'a [bool],
}

/// A search among the leaves; `D` is the number of objectives, or 0 for any.
struct Search<'a, M, const D: usize> {
    leaves: &'a Leaves,
    measure: M,
    upside_down: &'a [bool],
    bounds: Vec<f64>,
    reference: Vec<f64>,
}

impl<'a, M: Measure, const D: usize> Search<'a, M, D> {
    fn new(leaves: &'a Leaves, measure: M, upside_down: &'a [bool]) -> Self {
        let bounds = vec![0.0; leaves.num_leaves().next_multiple_of(LANES)];
        Self { leaves, measure, upside_down, bounds, reference: vec![0.0; leaves.d] }
    }

    #[inline(always)]
    fn d(&self) -> usize {
        if D == 0 { self.leaves.d } else { D }
    }

    /// Turn to another reference.
    #[inline(always)]
    fn turn(&mut self, row: &[f64], negate: &[bool]) {
        for ((own, &value), &negate) in self.reference.iter_mut().zip(row).zip(negate) {
            *own = if negate { -value } else { value };
        }
    }

    /// Ask all boxes; returns the leaf with the least bound, the first of them.
    #[inline(always)]
    fn ask(&mut self) -> usize {
        let d = self.d();
        let boxes = self.leaves.low.chunks_exact(d).zip(self.leaves.high.chunks_exact(d));
        let (reference, upside_down) = (&self.reference[..d], &self.upside_down[..d]);
        for (out, (low, high)) in self.bounds.chunks_exact_mut(LANES).zip(boxes) {
            let mut sums = [M::START; LANES];
            for k in 0..d {
                for lane in 0..LANES {
                    let (low, high) = (low[k][lane], high[k][lane]);
                    sums[lane] = self.measure.bound(sums[lane], low, high, reference[k], upside_down[k]);
                }
            }
            out.copy_from_slice(&sums);
        }
        let bounds = &self.bounds[..self.leaves.num_leaves()];
        let least = bounds.iter().copied().fold(f64::INFINITY, smaller);
        bounds.iter().position(|&bound| bound <= least).unwrap_or(0)
    }

    /// The least measure of the points of a leaf.
    #[inline(always)]
    fn scan(&self, leaf: usize) -> f64 {
        self.scan_by(self.measure, leaf, &self.reference)
    }

    /// Whether a point of a leaf is within limits.
    #[inline(always)]
    fn meets(&self, leaf: usize, limits: &[f64]) -> bool {
        self.scan_by(Shift, leaf, limits) <= 0.0
    }

    /// The least of any measure of the points of a leaf.
    #[inline(always)]
    fn scan_by<N: Measure>(&self, measure: N, leaf: usize, reference: &[f64]) -> f64 {
        let d = self.d();
        let (reference, upside_down) = (&reference[..d], &self.upside_down[..d]);
        let mut best: Vector = [f64::INFINITY; LANES];
        for point in self.leaves.leaf(leaf).chunks_exact(d) {
            let mut sums = [N::START; LANES];
            for k in 0..d {
                for lane in 0..LANES {
                    sums[lane] = measure.step(sums[lane], point[k][lane], reference[k], upside_down[k]);
                }
            }
            for lane in 0..LANES {
                best[lane] = smaller(best[lane], sums[lane]);
            }
        }
        best.into_iter().fold(f64::INFINITY, smaller)
    }

    /// The least of `best` and the measures of the points outside of leaf `left_out`.
    #[inline(always)]
    fn least(&self, first: usize, left_out: usize, mut best: f64) -> f64 {
        if first != left_out {
            best = smaller(best, self.scan(first));
        }
        for leaf in 0..self.leaves.num_leaves() {
            if self.bounds[leaf] < best && leaf != first && leaf != left_out {
                best = smaller(best, self.scan(leaf));
            }
        }
        best
    }
}

/// The least measure for each reference.
struct Each<'a, 'b, M, const D: usize> {
    out: &'b mut [f64],
    leaves: &'a Leaves,
    references: References<'a>,
    measure: M,
}

impl<M: Measure, const D: usize> Kernel for Each<'_, '_, M, D> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut search = Search::<M, D>::new(self.leaves, self.measure, self.references.upside_down);
        for (out, row) in self.out.iter_mut().zip(self.references.rows.chunks_exact(self.leaves.d)) {
            search.turn(row, self.references.negate);
            let first = search.ask();
            *out = search.least(first, usize::MAX, f64::INFINITY);
        }
    }
}

/// The largest of these. A search ends once it falls to the largest so far, which is soon in most: no box is asked, and
/// the next search starts in the leaf where this one ended. A measure that takes divisions is compared with limits
/// first.
struct Largest<'a, M, const D: usize> {
    leaves: &'a Leaves,
    references: References<'a>,
    measure: M,
}

impl<M: Measure, const D: usize> Kernel for Largest<'_, M, D> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let mut search = Search::<M, D>::new(self.leaves, self.measure, self.references.upside_down);
        let (mut largest, mut start) = (f64::NEG_INFINITY, 0);
        let mut limits = vec![0.0; self.leaves.d];
        for row in self.references.rows.chunks_exact(self.leaves.d) {
            search.turn(row, self.references.negate);
            if M::HAS_LIMITS {
                for (k, limit) in limits.iter_mut().enumerate() {
                    *limit = self.measure.limit(largest, search.reference[k], search.upside_down[k]);
                }
                let mut leaves = (start..self.leaves.num_leaves()).chain(0..start);
                if let Some(leaf) = leaves.find(|&leaf| search.meets(leaf, &limits)) {
                    start = leaf;
                    continue;
                }
            }
            let mut best = f64::INFINITY;
            for leaf in (start..self.leaves.num_leaves()).chain(0..start) {
                best = smaller(best, search.scan(leaf));
                if best <= largest {
                    start = leaf;
                    break;
                }
            }
            largest = larger(largest, best);
        }
        largest
    }
}

/// The least measure of some points, in the order of the leaves, with any other point; the references are all points.
struct Others<'a, 'b, M, const D: usize> {
    out: &'b mut [f64],
    first: usize,
    leaves: &'a Leaves,
    references: References<'a>,
    measure: M,
}

impl<M: Measure, const D: usize> Kernel for Others<'_, '_, M, D> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { out, first, leaves, references, measure } = self;
        let mut search = Search::<M, D>::new(leaves, measure, references.upside_down);
        let row = |position: usize| &references.rows[leaves.order[position] as usize * leaves.d..][..leaves.d];
        for (position, out) in (first..).zip(out) {
            let own = position / LEAF;
            let beside = own * LEAF..(own * LEAF + LEAF).min(leaves.order.len());
            let best = beside.filter(|&other| other != position).map(|other| {
                let pairs = row(other).iter().zip(row(position));
                pairs.fold(M::START, |sum, (&other, &this)| measure.step(sum, other, this, false))
            });
            let best = best.fold(f64::INFINITY, smaller);
            search.turn(row(position), references.negate);
            let nearest = search.ask();
            *out = search.least(nearest, own, best);
        }
    }
}

/// Run a kernel compiled for the number of objectives.
macro_rules! for_objectives {
    ($d:expr, $kernel:ident { $($field:ident),* }) => {
        match $d {
            2 => dispatch(level(), $kernel::<_, 2> { $($field),* }),
            3 => dispatch(level(), $kernel::<_, 3> { $($field),* }),
            4 => dispatch(level(), $kernel::<_, 4> { $($field),* }),
            6 => dispatch(level(), $kernel::<_, 6> { $($field),* }),
            _ => dispatch(level(), $kernel::<_, 0> { $($field),* }),
        }
    };
}

/// `out[r]` becomes the least measure of reference `r` with any point, infinity without points.
pub(super) fn least_of_all<M: Measure>(out: &mut [f64], leaves: &Leaves, references: References<'_>, measure: M) {
    for_objectives!(leaves.d, Each { out, leaves, references, measure });
}

/// The largest of these, minus infinity without references.
pub(super) fn largest_of_least<M: Measure>(leaves: &Leaves, references: References<'_>, measure: M) -> f64 {
    for_objectives!(leaves.d, Largest { leaves, references, measure })
}

/// `out[i]` becomes the least measure of the point at place `first + i` of the leaves with any other point.
pub(super) fn least_of_others<M: Measure>(
    out: &mut [f64],
    first: usize,
    leaves: &Leaves,
    references: References<'_>,
    measure: M,
) {
    for_objectives!(leaves.d, Others { out, first, leaves, references, measure });
}
