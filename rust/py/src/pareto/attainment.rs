//! `attainment`: what at least so many of several runs reach.

use paretoserve_core::pareto::attainment::attainment;
use pyo3::prelude::*;

use crate::arrays::Input;
use crate::errors::detached;

/// The coordinates of the surfaces of `levels`, one list per level.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_attainment(
    py: Python<'_>,
    rows: Input<f64>,
    runs: Input<u32>,
    d: usize,
    num_runs: usize,
    levels: Vec<u32>,
) -> PyResult<Vec<Vec<f64>>> {
    let (rows, runs) = (rows.as_slice(), runs.as_slice());
    detached(py, || attainment(rows, runs, d, num_runs, &levels))
}
