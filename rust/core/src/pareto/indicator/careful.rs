//! Distances of values so large or so small that their squares would leave the range of float64.
//!
//! Slower than `pairs`: two passes per pair, the first for the largest difference, by which the others are divided.

/// Whether no square of a difference overflows, and none that is not zero comes near to underflow.
///
/// Two different numbers of at least 1e-130 are more than 1e-146 apart.
pub(super) fn squares_are_safe(points: &[f64], references: &[f64]) -> bool {
    points.iter().chain(references).all(|value| {
        let size = value.abs();
        size == 0.0 || (1e-130..=1e150).contains(&size)
    })
}

/// `out[r]` becomes the distance of reference `r` from the nearest point; `worse` counts only what the point is worse
/// by, in the directions that `negate` turns round.
pub(super) fn nearest(out: &mut [f64], points: &[f64], references: &[f64], negate: &[bool], worse: bool) {
    let d = negate.len();
    for (out, reference) in out.iter_mut().zip(references.chunks_exact(d)) {
        *out =
            points.chunks_exact(d).map(|point| length(point, reference, negate, worse)).fold(f64::INFINITY, f64::min);
    }
}

fn length(point: &[f64], reference: &[f64], negate: &[bool], worse: bool) -> f64 {
    // A difference of two large numbers may overflow where half of it does not.
    let factor = if point.iter().chain(reference).any(|value| value.abs() > 1e300) { 0.5 } else { 1.0 };
    let differences = || {
        point.iter().zip(reference).zip(negate).map(|((&point, &reference), &negate)| {
            let difference = point * factor - reference * factor;
            match (worse, negate) {
                (false, _) => difference.abs(),
                (true, false) => difference.max(0.0),
                (true, true) => (-difference).max(0.0),
            }
        })
    };
    let largest = differences().fold(0.0, f64::max);
    if largest == 0.0 {
        return 0.0;
    }
    let sum: f64 = differences().map(|difference| (difference / largest) * (difference / largest)).sum();
    largest * sum.sqrt() / factor
}
