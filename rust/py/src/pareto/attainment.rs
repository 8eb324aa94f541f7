//! `attainment`: what at least so many of several runs reach.

use paretoserve_core::pareto::attainment::attainment;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::hypervolume::signaled;
use crate::arrays::Input;
use crate::errors::detached;

/// The coordinates of the surfaces of `levels`: for each the bytes of its float64 numbers, row by row.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn pareto_attainment(
    py: Python<'_>,
    rows: Input<f64>,
    runs: Input<u32>,
    d: usize,
    num_runs: usize,
    levels: Vec<u32>,
) -> PyResult<Vec<Bound<'_, PyBytes>>> {
    let (rows, runs) = (rows.as_slice(), runs.as_slice());
    let bytes = |surface: Vec<f64>| surface.into_iter().flat_map(f64::to_ne_bytes).collect::<Vec<u8>>();
    let surfaces = detached(py, || {
        let surfaces = attainment(rows, runs, d, num_runs, &levels, &signaled)?;
        Ok(surfaces.into_iter().map(bytes).collect::<Vec<_>>())
    })?;
    Ok(surfaces.iter().map(|surface| PyBytes::new(py, surface)).collect())
}
