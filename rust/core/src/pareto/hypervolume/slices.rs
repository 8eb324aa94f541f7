//! Four and more objectives: the points are taken by their last objective; each adds the volume that it alone dominates
//! in the others, of the points so far, times the extent of the last one (WFG: While, Bradstreet and Barone 2012).
//!
//! What a point alone dominates is its box less what the others dominate of it. Points that are worse in one objective
//! only first make the box smaller, so that few others reach into it; those, moved to its corner, are measured with one
//! objective less. As many of them then share the value of the corner in some objective, that one is sliced next: they
//! form the first slice together. Four objectives end the recursion (`four`).

use super::super::watch::Watch;
use super::four::Four;
use super::order::sort;
use super::passes::{clip, count, covers, delimit};
use super::set::Set;
use crate::simd::{Kernel, Level, dispatch};

/// So many points take long enough for a look at the watch. A volume that it ends is thrown away.
const LONG: usize = 32;

/// The buffers of one number of objectives.
#[derive(Default)]
struct Depth {
    /// Points so far in all objectives but the last.
    before: Set,
    /// Values of the last objective with their points.
    sorted: Vec<(f64, u32)>,
    boxed: Boxed,
}

/// The box that one point dominates, in all objectives but the last, and what reaches into it.
#[derive(Default)]
struct Boxed {
    corner: Vec<f64>,
    far: Vec<f64>,
    /// Points that reach into the box, moved to where they are no better than the corner; and their sums.
    moved: Set,
    sums: Vec<(f64, u32)>,
    /// Those that none other dominates.
    clipped: Set,
    /// Points that the corner dominates.
    worse: Vec<u32>,
    row: Vec<f64>,
}

/// All buffers that a thread needs.
pub(super) struct Slices<'a> {
    level: Level,
    watch: Watch<'a>,
    /// One per number of objectives, most first, down to five, and at least one.
    depths: Vec<Depth>,
    four: Four,
}

impl<'a> Slices<'a> {
    /// Buffers for points of `d` objectives, at least four.
    pub(super) fn new(level: Level, d: usize, watch: Watch<'a>) -> Self {
        let mut slices = Self { level, watch, depths: Vec::new(), four: Four::new(level) };
        slices.depths.resize_with((d - 4).max(1), || Depth {
            before: Set::new(level),
            boxed: Boxed { moved: Set::new(level), clipped: Set::new(level), ..Boxed::default() },
            ..Depth::default()
        });
        slices.depths[0].before.clear(d - 1);
        slices
    }

    /// The points so far, without their last objective.
    pub(super) fn before(&mut self) -> &mut Set {
        &mut self.depths[0].before
    }

    /// What `point` (without its last objective) dominates below `reference` and no point so far does.
    ///
    /// With `keep` the point joins them, unless one dominates it, and those that it dominates leave; with `skip` the
    /// volume is not computed.
    pub(super) fn exclusive(&mut self, point: &[f64], reference: &[f64], keep: bool, skip: bool) -> f64 {
        let (depth, below) = self.depths.split_first_mut().expect("there is a buffer");
        depth.boxed.corner.clear();
        depth.boxed.corner.extend_from_slice(point);
        let below = Below { depths: below, four: &mut self.four, level: self.level, watch: &mut self.watch };
        let exclusive = Exclusive { before: &mut depth.before, boxed: &mut depth.boxed, below, reference, keep, skip };
        // It is a difference, whose rounding may fall below nothing.
        dispatch(self.level, exclusive).max(0.0)
    }
}

/// What a computation in fewer objectives works with.
struct Below<'a, 'w> {
    depths: &'a mut [Depth],
    four: &'a mut Four,
    level: Level,
    watch: &'a mut Watch<'w>,
}

impl<'w> Below<'_, 'w> {
    /// The same, for a while.
    fn again(&mut self) -> Below<'_, 'w> {
        Below { depths: self.depths, four: self.four, level: self.level, watch: self.watch }
    }
}

/// What [`Slices::exclusive`] computes.
struct Exclusive<'a, 'w> {
    before: &'a mut Set,
    boxed: &'a mut Boxed,
    below: Below<'a, 'w>,
    reference: &'a [f64],
    keep: bool,
    skip: bool,
}

impl Kernel for Exclusive<'_, '_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { before, boxed, mut below, reference, keep, skip } = self;
        boxed.far.clear();
        boxed.far.extend_from_slice(&reference[..before.d()]);
        if !delimit(before, &boxed.corner, &mut boxed.far) {
            return 0.0;
        }
        clip(before, &boxed.far, &boxed.corner, &mut boxed.moved, &mut boxed.worse);
        let volume = if skip { 0.0 } else { left(boxed, &mut below) };
        if keep {
            for &point in boxed.worse.iter().rev() {
                before.swap_remove(point as usize);
            }
            before.push(&boxed.corner);
        }
        volume
    }
}

/// What the points that reach into the box leave of it.
#[inline(always)]
fn left(boxed: &mut Boxed, below: &mut Below<'_, '_>) -> f64 {
    let Boxed { corner, far, moved, sums, clipped, row, .. } = boxed;
    let d = corner.len();
    let whole = extent(far, |k| corner[k]);
    match moved.len() {
        0 => return whole,
        1 => return whole - extent(far, |k| moved.get(0, k)),
        // Fewer objectives take points as they come.
        _ if d <= 4 => std::mem::swap(moved, clipped),
        _ => undominated(moved, sums, row, clipped),
    }
    let sliced = most_shared(clipped, corner);
    clipped.swap_columns(sliced, d - 1);
    corner.swap(sliced, d - 1);
    far.swap(sliced, d - 1);
    let volume = volume(clipped, corner, far, below);
    corner.swap(sliced, d - 1);
    whole - volume
}

/// Copy those of `moved` that none other dominates to `clipped`.
#[inline(always)]
fn undominated(moved: &Set, sums: &mut Vec<(f64, u32)>, row: &mut Vec<f64>, clipped: &mut Set) {
    sums.clear();
    sums.extend((0..moved.len()).map(|point| (0.0, point as u32)));
    for k in 0..moved.d() {
        for (sum, value) in sums.iter_mut().zip(moved.column(k).as_flattened()) {
            sum.0 += value;
        }
    }
    // A dominating point never has the larger sum, as rounding keeps the order.
    sort(sums);
    clipped.clear(moved.d());
    row.resize(moved.d(), 0.0);
    for &(_, point) in &*sums {
        moved.copy_point(point as usize, row);
        if !covers(clipped, row) {
            clipped.push(row);
        }
    }
}

/// The objective in which most points share the corner's value, the last of them.
#[inline(always)]
fn most_shared(clipped: &Set, corner: &[f64]) -> usize {
    let (mut sliced, mut most) = (0, 0);
    for (k, &value) in corner.iter().enumerate() {
        let shared = count(clipped, k, value);
        if shared >= most {
            (sliced, most) = (k, shared);
        }
    }
    sliced
}

/// What `points`, none of which is better than `corner`, or dominates another in five objectives or more, dominate
/// below `far`.
fn volume(points: &Set, corner: &[f64], far: &[f64], below: &mut Below<'_, '_>) -> f64 {
    match points.len() {
        0 => 0.0,
        1 => extent(far, |k| points.get(0, k)),
        2 => {
            let both = extent(far, |k| larger(points.get(0, k), points.get(1, k)));
            extent(far, |k| points.get(0, k)) + extent(far, |k| points.get(1, k)) - both
        }
        _ if points.d() == 3 => below.four.in_space(points, far),
        _ if points.d() == 4 => below.four.volume(points, corner[3], far),
        _ => {
            let (depth, depths) = below.depths.split_first_mut().expect("there is a buffer per number of objectives");
            let below = Below { depths, four: below.four, level: below.level, watch: below.watch };
            sliced(points, corner, far, depth, below)
        }
    }
}

/// As [`volume`], of more points in more objectives.
fn sliced(points: &Set, corner: &[f64], far: &[f64], depth: &mut Depth, mut below: Below<'_, '_>) -> f64 {
    let last = points.d() - 1;
    if points.len() >= LONG && below.watch.stops() {
        return 0.0;
    }
    let Depth { before, sorted, boxed } = depth;
    before.clear(last);
    sorted.clear();
    for point in 0..points.len() {
        let value = points.get(point, last);
        if value > corner[last] {
            sorted.push((value, point as u32));
        } else {
            boxed.corner.clear();
            boxed.corner.extend((0..last).map(|k| points.get(point, k)));
            before.push(&boxed.corner);
        }
    }
    sort(sorted);
    let first = volume(before, &corner[..last], &far[..last], &mut below);
    let mut total = first * (far[last] - corner[last]);
    for (index, &(value, point)) in sorted.iter().enumerate() {
        boxed.corner.clear();
        boxed.corner.extend((0..last).map(|k| points.get(point as usize, k)));
        let keep = index + 1 < sorted.len();
        let below = below.again();
        let exclusive = Exclusive { before, boxed, below, reference: far, keep, skip: false };
        total += dispatch(exclusive.below.level, exclusive) * (far[last] - value);
    }
    total
}

/// The product of the distances to `far`.
#[inline(always)]
fn extent(far: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    let mut product = 1.0;
    for (k, &far) in far.iter().enumerate() {
        product *= far - value(k);
    }
    product
}

/// The larger of two numbers: one instruction where NaN need not be thought of.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}
