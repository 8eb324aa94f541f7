//! The normal distribution function by the rational approximations of W. J. Cody (Math. Comp. 23, 1969), to the last
//! digits of a float64.

#![expect(clippy::excessive_precision, clippy::unreadable_literal, reason = "coefficients as they were published")]

const A: [f64; 5] = [
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
    1.85777706184603153e-1,
];
const B: [f64; 4] = [2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03];
const C: [f64; 9] = [
    5.64188496988670089e-1,
    8.88314979438837594e00,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
    2.15311535474403846e-8,
];
const D: [f64; 8] = [
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
];
const P: [f64; 6] = [
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
    1.63153871373020978e-2,
];
const Q: [f64; 5] = [
    2.56852019228982242e00,
    1.87295284992346047e00,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
];

/// The probability that a standard normal number is at most `x`.
pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// 1 less the error function.
fn erfc(x: f64) -> f64 {
    let y = x.abs();
    if y <= 0.46875 {
        let s = y * y;
        let (mut top, mut bottom) = (A[4] * s, s);
        for i in 0..3 {
            top = (top + A[i]) * s;
            bottom = (bottom + B[i]) * s;
        }
        return 1.0 - x * (top + A[3]) / (bottom + B[3]);
    }
    let tail = if y <= 4.0 {
        let (mut top, mut bottom) = (C[8] * y, y);
        for i in 0..7 {
            top = (top + C[i]) * y;
            bottom = (bottom + D[i]) * y;
        }
        (top + C[7]) / (bottom + D[7])
    } else if y < 27.0 {
        let s = 1.0 / (y * y);
        let (mut top, mut bottom) = (P[5] * s, s);
        for i in 0..4 {
            top = (top + P[i]) * s;
            bottom = (bottom + Q[i]) * s;
        }
        (0.56418958354775628695 - s * (top + P[4]) / (bottom + Q[4])) / y
    } else {
        return if x < 0.0 { 2.0 } else { 0.0 };
    };
    // The square in two parts, so that the exponential loses no digits.
    let head = (y * 16.0).trunc() / 16.0;
    let value = (-head * head).exp() * (-(y - head) * (y + head)).exp() * tail;
    if x < 0.0 { 2.0 - value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (-3.0, 1.349_898_031_630_094_6e-3),
            (-6.5, 4.016_000_583_859_118e-11),
            (-10.0, 7.619_853_024_160_527e-24),
            (0.3, 0.617_911_422_188_952_6),
            (40.0, 1.0),
        ] {
            let own = normal_cdf(x);
            assert!((own - expected).abs() <= 1e-14 * expected, "{x}: {own} {expected}");
        }
        assert!(normal_cdf(f64::NEG_INFINITY).abs() < f64::MIN_POSITIVE);
    }
}
