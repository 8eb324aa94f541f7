//! `nearest`, `nearest_other` and `epsilon`: what the quality indicators are made of.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::indicator::{Distance, Rows, epsilon, nearest, nearest_other};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with the distance of each row of `references` from the nearest of `points`, of the kind `distance`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_nearest(
    py: Python<'_>,
    mut out: Output<f64>,
    points: Input<f64>,
    references: Input<f64>,
    maximize: Vec<bool>,
    distance: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let distance = match distance {
        "worse" => Distance::Worse,
        "better" => Distance::Better,
        "chebyshev" => Distance::Chebyshev,
        "shift" => Distance::Shift,
        _ => Distance::Euclidean,
    };
    let (out, points) = (out.as_mut_slice(), Rows { values: points.as_slice(), maximize: &maximize });
    let references = references.as_slice();
    detached(py, || nearest(out, points, references, distance, threads))
}

/// Fill `out` with the city-block distance of each row from the nearest other row.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_nearest_other(
    py: Python<'_>,
    mut out: Output<f64>,
    points: Input<f64>,
    d: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let maximize = vec![false; d];
    let (out, points) = (out.as_mut_slice(), Rows { values: points.as_slice(), maximize: &maximize });
    detached(py, || nearest_other(out, points, threads))
}

/// The additive or multiplicative epsilon indicator.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_epsilon(
    py: Python<'_>,
    points: Input<f64>,
    references: Input<f64>,
    maximize: Vec<bool>,
    multiplicative: bool,
    threads: Option<NonZeroUsize>,
) -> PyResult<f64> {
    let points = Rows { values: points.as_slice(), maximize: &maximize };
    let references = references.as_slice();
    detached(py, || epsilon(points, references, multiplicative, threads))
}
