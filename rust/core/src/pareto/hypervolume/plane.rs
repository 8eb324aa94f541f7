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

/// Call `step(x, y, top)` for each step of the staircase of sorted points; `top` is the second value of the step before.
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
