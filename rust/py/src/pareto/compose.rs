//! `compose`: the front of all ways to choose one option per stage.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{ComposeOptions, Operator, compose};
use pyo3::prelude::*;
use pyo3::types::PyByteArray;

use super::hypervolume::signaled;
use crate::arrays::Input;
use crate::errors::detached;

/// Values (float64), choices (int64) and bound: the bytes of arrays, whose size is not known before.
type CompositionBytes<'py> = (Bound<'py, PyByteArray>, Bound<'py, PyByteArray>, Vec<f64>);

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
    let values = PyByteArray::new_with(py, size_of_val(found.values.as_slice()), |bytes| {
        for (bytes, value) in bytes.as_chunks_mut().0.iter_mut().zip(&found.values) {
            *bytes = value.to_ne_bytes();
        }
        Ok(())
    })?;
    let choices = PyByteArray::new_with(py, found.choices_bytes(), |bytes| {
        detached(py, || {
            found.choices(bytes);
            Ok(())
        })
    })?;
    Ok((values, choices, found.bound))
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
