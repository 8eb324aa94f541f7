//! Bindings of the fronts of noisy points.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::noise::{Draws, Source, Statistic, dominance, informative, membership, normal_dominance};
use paretoserve_core::{Error, Result};
use pyo3::prelude::*;

use super::hypervolume::signaled;
use super::mask::nan_of;
use crate::arrays::{Input, Output};
use crate::errors::{detached, to_python};

/// Where draws come from, as Python hands it over: kind, values, what goes with them, offsets, statistic and seed.
#[derive(FromPyObject)]
pub(crate) struct Origin {
    kind: String,
    values: Input<f64>,
    spread: Option<Input<f64>>,
    offsets: Option<Input<i64>>,
    quantile: Option<f64>,
    seed: u64,
    num_rows: usize,
    num_draws: usize,
    maximize: Vec<bool>,
    nan: String,
    threads: Option<NonZeroUsize>,
}

impl Origin {
    fn draws(&self) -> Result<Draws<'_>> {
        let (values, seed) = (self.values.as_slice(), self.seed);
        let missing = |argument| Error::value(argument, "given", "None");
        let spread = |argument| self.spread.as_ref().map(Input::as_slice).ok_or_else(|| missing(argument));
        let source = match self.kind.as_str() {
            "normal" => Source::Normal { mean: values, std: spread("std")?, seed },
            "joint" => Source::Joint { mean: values, root: spread("cov")?, seed },
            "measured" => {
                let offsets = self.offsets.as_ref().map(Input::as_slice).ok_or_else(|| missing("offsets"))?;
                let statistic = match self.quantile {
                    None => Statistic::Mean,
                    // Below every share: the middle, which is no interpolation.
                    Some(share) if share < 0.0 => Statistic::Median,
                    Some(share) => Statistic::Quantile(share),
                };
                Source::Measured { values, offsets, statistic, seed }
            }
            _ => Source::Samples(values),
        };
        Ok(Draws {
            source,
            num_rows: self.num_rows,
            num_draws: self.num_draws,
            maximize: &self.maximize,
            nan: nan_of(&self.nan),
            threads: self.threads,
            stop: &signaled,
        })
    }
}

/// Refuse draws that are not allowed, as every function of draws does.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn pareto_check_draws(py: Python<'_>, origin: Origin) -> PyResult<()> {
    let draws = origin.draws().map_err(|error| to_python(py, &error))?;
    detached(py, || draws.check())
}

/// Count per row the draws on whose front it is.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn pareto_membership(
    py: Python<'_>,
    mut counts: Output<i64>,
    origin: Origin,
    groups: Option<Input<u32>>,
    num_groups: usize,
) -> PyResult<()> {
    let draws = origin.draws().map_err(|error| to_python(py, &error))?;
    let groups = groups.as_ref().map(|codes| (codes.as_slice(), num_groups));
    let counts = counts.as_mut_slice();
    detached(py, || membership(counts, &draws, groups))
}

/// Count for each of `rows` and each of `others` the draws in which the row dominates the other.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn pareto_dominance(
    py: Python<'_>,
    mut counts: Output<i64>,
    origin: Origin,
    rows: Input<u32>,
    others: Input<u32>,
) -> PyResult<()> {
    let draws = origin.draws().map_err(|error| to_python(py, &error))?;
    let (rows, others) = (rows.as_slice(), others.as_slice());
    let counts = counts.as_mut_slice();
    detached(py, || dominance(counts, &draws, rows, others))
}

/// The probability for each of `rows` and each of `others` that the row dominates the other, all values normal.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn pareto_normal_dominance(
    py: Python<'_>,
    mut out: Output<f64>,
    mean: Input<f64>,
    std: Input<f64>,
    maximize: Vec<bool>,
    rows: Input<u32>,
    others: Input<u32>,
) -> PyResult<()> {
    let (mean, std, rows, others) = (mean.as_slice(), std.as_slice(), rows.as_slice(), others.as_slice());
    let out = out.as_mut_slice();
    detached(py, || normal_dominance(out, mean, std, &maximize, rows, others))
}

/// Fill `gain` with the doubt that one more measurement of each row is expected to take away.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn pareto_informative(
    py: Python<'_>,
    mut gain: Output<f64>,
    mut counts: Output<i64>,
    origin: Origin,
    measured: Input<f64>,
) -> PyResult<()> {
    let draws = origin.draws().map_err(|error| to_python(py, &error))?;
    let (gain, counts, measured) = (gain.as_mut_slice(), counts.as_mut_slice(), measured.as_slice());
    detached(py, || informative(gain, counts, &draws, measured))
}
