//! `compose`: the front of all ways to choose one option per stage.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{ComposeOptions, Operator, compose};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::hypervolume::signaled;
use crate::arrays::Input;
use crate::errors::detached;

/// Values (float64), choices (uint32) and bound: the bytes of arrays, whose size is not known before.
type CompositionBytes<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Vec<f64>);

/// The front of all compositions of one row per stage.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn pareto_compose(
    py: Python<'_>,
    stages: Vec<Input<f64>>,
    operators: Vec<String>,
    maximize: Vec<bool>,
    eps: Option<Vec<f64>>,
    relative: bool,
    limit: Option<Vec<f64>>,
    max_rows: Option<usize>,
    threads: Option<NonZeroUsize>,
) -> PyResult<CompositionBytes<'_>> {
    let stages: Vec<&[f64]> = stages.iter().map(Input::as_slice).collect();
    let operators: Vec<Operator> = operators.iter().map(|name| operator_of(name)).collect();
    let (eps, limit) = (eps.as_deref(), limit.as_deref());
    let options = ComposeOptions {
        operators: &operators,
        maximize: &maximize,
        eps,
        relative,
        limit,
        max_rows,
        threads,
        stop: &signaled,
    };
    let found = detached(py, || compose(&stages, &options))?;
    let values: Vec<u8> = found.values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let choices: Vec<u8> = found.choices.iter().flat_map(|choice| choice.to_ne_bytes()).collect();
    Ok((PyBytes::new(py, &values), PyBytes::new(py, &choices), found.bound))
}

/// The operator that Python checked already.
fn operator_of(name: &str) -> Operator {
    match name {
        "max" => Operator::Max,
        "min" => Operator::Min,
        "product" => Operator::Product,
        _ => Operator::Sum,
    }
}
