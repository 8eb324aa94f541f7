//! The operators of a step by name: what a compiled [`StepTime`](super::StepTime) sums up, and what it explains itself
//! with.

use super::curve::Curve;
use super::provenance::Provenance;
use crate::Result;

/// What the time of an operator depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Tokens of the rank's own step.
    Tokens,
    /// Tokens of all data-parallel ranks.
    SharedTokens,
    /// Sequences that sample.
    Sampled,
}

/// All runs of one operator in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// For people.
    pub name: String,
    /// What it depends on.
    pub by: By,
    /// Nanoseconds of all its runs.
    pub curve: Curve,
    /// How the value at each knot was obtained.
    pub provenance: Vec<Provenance>,
}

impl Term {
    /// A term whose knots all have the same provenance.
    pub fn new(name: &str, by: By, curve: Curve, provenance: Provenance) -> Self {
        let provenance = vec![provenance; curve.knots().len()];
        Self { name: name.to_string(), by, curve, provenance }
    }

    /// A term sampled at `knots` from `count` runs of an operator that answers with nanoseconds and their provenance.
    pub fn sample(
        name: &str,
        by: By,
        knots: &[f64],
        count: f64,
        mut time: impl FnMut(f64) -> (f64, Provenance),
    ) -> Result<Self> {
        let (values, provenance) = knots.iter().map(|x| time(*x)).map(|(ns, how)| (count * ns, how)).unzip();
        Ok(Self { name: name.to_string(), by, curve: Curve::new(knots.to_vec(), values)?, provenance })
    }

    /// How the value at `x` was obtained: the worse of its neighbors, and interpolated or fitted where it is no knot.
    pub fn provenance_at(&self, x: f64) -> Provenance {
        let knots = self.curve.knots();
        let upper = knots.partition_point(|knot| *knot < x);
        let Some(exact) = knots.get(upper) else {
            return self.provenance.last().copied().map_or(Provenance::Fitted, |last| last.max(Provenance::Fitted));
        };
        let on_knot = exact.total_cmp(&x).is_eq();
        match self.provenance[upper.saturating_sub(usize::from(!on_knot))..=upper].iter().max() {
            Some(worst) if on_knot => *worst,
            Some(worst) => (*worst).max(if upper == 0 { Provenance::Fitted } else { Provenance::Interpolated }),
            None => Provenance::Fitted,
        }
    }
}

/// The sum of the terms of one kind.
pub(crate) fn sum(terms: &[Term], by: By) -> Result<Curve> {
    let curves: Vec<_> = terms.iter().filter(|term| term.by == by).map(|term| (1.0, &term.curve)).collect();
    Curve::sum(&curves)
}

/// The part of a step's time that one operator takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Name of the operator.
    pub name: String,
    /// Nanoseconds.
    pub ns: f64,
    /// How they were obtained.
    pub provenance: Provenance,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_knots_is_interpolated_and_beyond_is_fitted() {
        let curve = Curve::new(vec![1.0, 2.0, 4.0], vec![1.0; 3]).unwrap();
        let term = Term::new("x", By::Tokens, curve, Provenance::Measured);
        let found = [0.5, 1.0, 1.5, 4.0, 5.0].map(|x| term.provenance_at(x).name());
        assert_eq!(found, ["fitted", "measured", "interpolated", "measured", "fitted"]);
    }
}
