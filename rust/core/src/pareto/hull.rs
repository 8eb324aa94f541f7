//! The lower hull of a front of two objectives, exact for any float64.
//!
//! Andrew's monotone chain (1979). The turn of three points is first computed in float64 with its error bound, and only
//! if that leaves its sign open, exactly, as a sum of sixteen numbers without rounding (Shewchuk 1997).

use crate::error::{Error, Result};

/// The bound on the error of `turn` in float64, as a share of the two products (Shewchuk's `ccwerrboundA`).
const ERROR_SHARE: f64 = (3.0 + 16.0 * EPSILON) * EPSILON;
/// Half the distance from 1 to the next number.
const EPSILON: f64 = f64::EPSILON / 2.0;

/// A sum and what rounding took from it (Knuth).
fn two_sum(a: f64, b: f64) -> [f64; 2] {
    let sum = a + b;
    let of_b = sum - a;
    [sum, (a - (sum - of_b)) + (b - of_b)]
}

/// A product and what rounding took from it.
fn two_product(a: f64, b: f64) -> [f64; 2] {
    let product = a * b;
    [product, a.mul_add(b, -product)]
}

/// The sign of a sum, exactly: numbers that do not overlap, smallest first, grow by one term after the other.
fn sign_of_sum(terms: &[f64]) -> f64 {
    let mut parts: Vec<f64> = Vec::with_capacity(terms.len());
    for &term in terms {
        let mut carry = term;
        for part in &mut parts {
            let [sum, rest] = two_sum(carry, *part);
            (*part, carry) = (rest, sum);
        }
        parts.push(carry);
    }
    parts.into_iter().rev().find(|&part| part != 0.0).unwrap_or(0.0)
}

/// Positive if the way from `a` over `b` to `c` turns left, 0 if it is straight.
fn turn(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    let (left, right) = ((b[0] - a[0]) * (c[1] - a[1]), (b[1] - a[1]) * (c[0] - a[0]));
    let determinant = left - right;
    if determinant.abs() > ERROR_SHARE * (left.abs() + right.abs()) {
        return determinant;
    }
    let mut terms = [0.0; 16];
    let mut next = 0;
    for (one, other, sign) in [((b[0], a[0]), (c[1], a[1]), 1.0), ((b[1], a[1]), (c[0], a[0]), -1.0)] {
        for x in two_sum(one.0, -one.1) {
            for y in two_sum(other.0, -other.1) {
                terms[next..next + 2].copy_from_slice(&two_product(sign * x, y));
                next += 2;
            }
        }
    }
    sign_of_sum(&terms)
}

/// The places of the corners of the lower hull of points whose `x` rise, in that order.
///
/// Exact unless a product of two differences, or its rounding error, leaves the range of float64: the caller scales. A
/// point on a line between two corners is none. O(n).
///
/// # Errors
/// If the lengths differ.
pub fn hull(x: &[f64], y: &[f64]) -> Result<Vec<u32>> {
    if x.len() != y.len() {
        return Err(Error::shape("y", format!("({},)", x.len()), format!("({},)", y.len())));
    }
    let point = |place: u32| [x[place as usize], y[place as usize]];
    let mut corners: Vec<u32> = Vec::new();
    for place in 0..x.len() as u32 {
        while let [.., first, last] = corners[..]
            && turn(point(first), point(last), point(place)) <= 0.0
        {
            corners.pop();
        }
        corners.push(place);
    }
    Ok(corners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_are_no_corners() {
        assert_eq!(hull(&[0.0, 1.0, 2.0, 3.0], &[3.0, 2.0, 1.0, 0.0]).unwrap(), [0, 3]);
        assert_eq!(hull(&[0.0, 1.0, 2.0, 3.0], &[3.0, 1.0, 1.5, 0.0]).unwrap(), [0, 1, 3]);
        assert_eq!(hull(&[], &[]).unwrap(), [] as [u32; 0]);
    }

    #[test]
    fn one_unit_in_the_last_place_decides() {
        let x = [0.1, 0.2, 0.3];
        // In fractions of what these floats are, the middle is on the line at the number before 0.2.
        let line = 0.2_f64.next_down();
        for (middle, corners) in [(0.2, 2), (line, 2), (line.next_down(), 3), (0.2_f64.next_up(), 2)] {
            assert_eq!(hull(&x, &[0.3, middle, 0.1]).unwrap().len(), corners, "{middle}");
        }
        let big = 9_007_199_254_740_991.0;
        assert_eq!(hull(&[0.0, 1.0, big], &[big, big - 1.0, 0.0]).unwrap(), [0, 2]);
        assert_eq!(hull(&[0.0, 1.0, big], &[big, big - 2.0, 0.0]).unwrap(), [0, 1, 2]);
    }
}
