//! Binding of `paretoserve_core::quant::allocate`.

use paretoserve_core::quant::allocate::{Method, Problem, allocate};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `choice` with the format of each group; returns cost, score, bound and multiplier.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_allocate(
    py: Python<'_>,
    mut choice: Output<i64>,
    costs: Input<f64>,
    scores: Input<f64>,
    formats: usize,
    budget: f64,
    method: &str,
) -> PyResult<(f64, f64, f64, f64)> {
    let problem = Problem { costs: costs.as_slice(), scores: scores.as_slice(), formats, budget };
    let method = match method {
        "dp" => Method::Exact,
        "greedy" => Method::Greedy,
        _ => Method::Lagrangian,
    };
    let found = detached(py, || allocate(&problem, method))?;
    for (out, format) in choice.as_mut_slice().iter_mut().zip(&found.choice) {
        *out = *format as i64;
    }
    Ok((found.cost, found.score, found.bound, found.multiplier))
}
