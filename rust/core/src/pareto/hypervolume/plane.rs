//! One and two objectives: sort by the first and add up the strips that each point adds.

use super::order::sorted;
use super::region::Region;

/// The length that the best value spans.
pub(super) fn line(region: &Region) -> f64 {
    let least = region.columns[0].iter().fold(f64::INFINITY, |least, &value| least.min(value));
    (region.reference[0] - least).max(0.0)
}

/// The area of two objectives: one positive strip per point that has the best second value so far.
pub(super) fn area(region: &Region) -> f64 {
    let ys = &region.columns[1];
    let mut area = 0.0;
    sweep(&sorted(&region.columns[0], |index| ys[index]), &region.reference, |x, y, top| {
        area += (region.reference[0] - x) * (top - y);
    });
    area
}

/// Call `step(x, y, top)` for each step of the staircase of sorted points; `top` is the second value of the step
/// before.
fn sweep(sorted: &[(f64, f64)], reference: &[f64], mut step: impl FnMut(f64, f64, f64)) {
    let mut top = reference[1];
    let mut points = sorted.iter().copied().peekable();
    while let Some((x, mut y)) = points.next() {
        while let Some(&(_, other)) = points.peek().filter(|next| next.0 == x) {
            y = y.min(other);
            points.next();
        }
        if y < top {
            step(x, y, top);
            top = y;
        }
    }
}

/// What each point alone dominates of a line.
pub(super) fn line_contributions(region: &Region) -> Vec<f64> {
    let sorted = sorted(&region.columns[0], |index| index as u32);
    let mut contributions = vec![0.0; region.len()];
    if let Some(&(least, point)) = sorted.first() {
        contributions[point as usize] = sorted.get(1).map_or(region.reference[0], |next| next.0) - least;
    }
    contributions
}

/// What each point alone dominates of the plane: the strips between its neighbors on the staircase that no point behind
/// it reaches.
pub(super) fn contributions(region: &Region) -> Vec<f64> {
    let (ys, reference) = (&region.columns[1], &region.reference);
    let mut sorted = sorted(&region.columns[0], |index| (ys[index], index as u32));
    for run in sorted.chunk_by_mut(|a, b| a.0 == b.0) {
        run.sort_by(|a, b| a.1.0.total_cmp(&b.1.0));
    }
    let mut contributions = vec![0.0; sorted.len()];
    let (mut left, mut ceiling) = (0, reference[1]);
    while let Some(&(x, (y, point))) = sorted.get(left) {
        if y >= ceiling {
            left += 1;
            continue;
        }
        let (mut area, mut start, mut top, mut next) = (0.0, x, ceiling, left + 1);
        while let Some(&(other_x, (other_y, _))) = sorted.get(next).filter(|other| other.1.0 >= y) {
            if other_y < top {
                area += (other_x - start) * (top - y);
                (start, top) = (other_x, other_y);
            }
            next += 1;
        }
        area += (sorted.get(next).map_or(reference[0], |other| other.0) - start) * (top - y);
        contributions[point as usize] = area;
        (left, ceiling) = (next, y);
    }
    contributions
}

/// The steps of a staircase, ready for what further points would add to it.
pub(super) struct Staircase {
    /// The steps by their first value, which rises; the second falls.
    steps: Vec<(f64, f64)>,
    reference: [f64; 2],
}

impl Staircase {
    pub(super) fn new(region: &Region) -> Self {
        let ys = &region.columns[1];
        let mut steps = Vec::new();
        sweep(&sorted(&region.columns[0], |index| ys[index]), &region.reference, |x, y, _| steps.push((x, y)));
        Self { steps, reference: [region.reference[0], region.reference[1]] }
    }

    /// The area that a point adds: a binary search and the steps that it dominates.
    pub(super) fn improvement(&self, [x, y]: [f64; 2]) -> f64 {
        let first = self.steps.partition_point(|step| step.0 < x);
        let (mut area, mut start) = (0.0, x);
        let mut top = first.checked_sub(1).map_or(self.reference[1], |before| self.steps[before].1);
        for &(right, below) in &self.steps[first..] {
            if top <= y {
                return area;
            }
            area += (right - start) * (top - y);
            (start, top) = (right, below);
        }
        area + (self.reference[0] - start) * (top - y).max(0.0)
    }
}
