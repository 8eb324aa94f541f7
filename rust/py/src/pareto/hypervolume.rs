//! Volumes that points dominate.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::hypervolume::{Options, hypervolume};
use pyo3::prelude::*;

use super::mask::nan_of;
use crate::arrays::Input;
use crate::errors::detached;

/// Whether a signal asks the call to end.
fn signaled() -> bool {
    Python::attach(|py| py.check_signals().is_err())
}

/// The volume of `points` (row after row) below `reference`, and the number of rows outside.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_hypervolume(
    py: Python<'_>,
    points: Input<f64>,
    reference: Vec<f64>,
    maximize: Vec<bool>,
    nan: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<(f64, usize)> {
    let options = Options { maximize: &maximize, nan: nan_of(nan), threads, stop: &signaled };
    let points = points.as_slice();
    let volume = detached(py, || hypervolume(points, &reference, &options))?;
    Ok((volume.value, volume.num_outside))
}
