//! A piecewise-linear function of one variable, compiled once and read in every simulated step.
//!
//! Between knots it interpolates linearly, which is exact for `a + b x`, the shape of most operators away from their
//! launch cost. Below the first knot it is constant (a kernel never gets cheaper than its launch); above the last it
//! continues with the mean slope of its upper half, because the slope of one last segment is mostly measurement noise.

use crate::{Error, Result};

/// A piecewise-linear function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    knots: Vec<f64>,
    values: Vec<f64>,
    end_slope: f64,
}

impl Curve {
    /// A curve through (`knots`, `values`); knots must increase strictly, all numbers be finite and values not
    /// negative.
    pub fn new(knots: Vec<f64>, values: Vec<f64>) -> Result<Self> {
        if knots.is_empty() || knots.len() != values.len() {
            let got = format!("{} knots and {} values", knots.len(), values.len());
            return Err(Error::shape("knots", "(n,) with n >= 1, as many as values", got));
        }
        check_axis("knots", &knots)?;
        if let Some(value) = values.iter().find(|value| !value.is_finite() || **value < 0.0) {
            return Err(Error::value("values", "finite and not negative", value));
        }
        let (last, middle) = (knots.len() - 1, (knots.len() - 1) / 2);
        let rise = values[last] - values[middle];
        let end_slope = if last > middle { (rise / (knots[last] - knots[middle])).max(0.0) } else { 0.0 };
        Ok(Self { knots, values, end_slope })
    }

    /// The curve of `value` at each of `knots`.
    pub fn sample(knots: &[f64], value: impl FnMut(f64) -> f64) -> Result<Self> {
        Self::new(knots.to_vec(), knots.iter().copied().map(value).collect())
    }

    /// The sum of `count` times each curve, on the union of their knots; without curves the zero function.
    pub fn sum(terms: &[(f64, &Self)]) -> Result<Self> {
        let mut knots: Vec<f64> = terms.iter().flat_map(|(_, curve)| curve.knots.iter().copied()).collect();
        if knots.is_empty() {
            return Ok(Self::default());
        }
        knots.sort_by(f64::total_cmp);
        knots.dedup();
        Self::sample(&knots, |x| terms.iter().map(|(count, curve)| count * curve.at(x)).sum())
    }

    /// The value at `x`; the default curve is zero everywhere.
    pub fn at(&self, x: f64) -> f64 {
        let Some((&last, &first)) = self.knots.last().zip(self.knots.first()) else { return 0.0 };
        if x <= first {
            return self.values[0];
        }
        if x >= last {
            return self.values[self.values.len() - 1] + self.end_slope * (x - last);
        }
        let i = self.knots.partition_point(|knot| *knot <= x);
        let (x0, x1, y0, y1) = (self.knots[i - 1], self.knots[i], self.values[i - 1], self.values[i]);
        y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    }

    /// Where the slope changes.
    pub fn knots(&self) -> &[f64] {
        &self.knots
    }
}

/// Refuse an axis that is empty, does not increase strictly or is not finite.
pub(crate) fn check_axis(argument: &'static str, axis: &[f64]) -> Result<()> {
    if axis.is_empty() {
        return Err(Error::shape(argument, "(n,) with n >= 1", "(0,)"));
    }
    if let Some(bad) = axis.iter().find(|x| !x.is_finite()) {
        return Err(Error::value(argument, "finite", bad));
    }
    match axis.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(Error::value(argument, "strictly increasing", format!("{} before {}", pair[0], pair[1]))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_and_continues() {
        let curve = Curve::new(vec![1.0, 2.0, 4.0], vec![10.0, 20.0, 40.0]).unwrap();
        for (x, y) in [(0.0, 10.0), (1.0, 10.0), (1.5, 15.0), (3.0, 30.0), (4.0, 40.0), (8.0, 80.0)] {
            assert!((curve.at(x) - y).abs() < 1e-12, "at {x}");
        }
    }

    #[test]
    fn sums_on_the_union_of_knots() {
        let a = Curve::new(vec![0.0, 10.0], vec![0.0, 10.0]).unwrap();
        let b = Curve::new(vec![0.0, 5.0, 10.0], vec![0.0, 0.0, 5.0]).unwrap();
        let sum = Curve::sum(&[(2.0, &a), (1.0, &b)]).unwrap();
        for x in [0.0, 2.5, 5.0, 7.0, 10.0, 20.0] {
            assert!((sum.at(x) - 2.0 * a.at(x) - b.at(x)).abs() <= 1e-9 || x > 10.0, "at {x}");
        }
        assert!(Curve::sum(&[]) == Ok(Curve::default()));
    }

    #[test]
    fn refuses_broken_knots_and_values() {
        assert!(Curve::new(vec![], vec![]).is_err());
        assert!(Curve::new(vec![1.0, 1.0], vec![1.0, 2.0]).is_err());
        assert!(Curve::new(vec![1.0, f64::NAN], vec![1.0, 2.0]).is_err());
        assert!(Curve::new(vec![1.0, 2.0], vec![1.0, -2.0]).is_err());
        assert!(Curve::new(vec![1.0], vec![f64::INFINITY]).is_err());
    }
}
