//! `hull` and `supported`: which rows of a front some weights make the best.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::hull::hull;
use paretoserve_core::pareto::supported::{Weights, supported};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// The places of the corners of the lower hull of points whose `x` rise.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_hull(py: Python<'_>, x: Input<f64>, y: Input<f64>) -> PyResult<Vec<u32>> {
    let (x, y) = (x.as_slice(), y.as_slice());
    detached(py, || hull(x, y))
}

/// Fill `out` with 1 for the rows that weights between `low` and `high` make the best, `alone` or with others.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_supported(
    py: Python<'_>,
    mut out: Output<u8>,
    rows: Input<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    alone: bool,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, rows) = (out.as_mut_slice(), rows.as_slice());
    detached(py, || supported(out, rows, Weights { low: &low, high: &high }, alone, threads))
}
