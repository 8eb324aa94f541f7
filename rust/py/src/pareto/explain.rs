//! `explain`: which rows dominate one row.

use paretoserve_core::pareto::{Keep, Options, dominators};
use pyo3::prelude::*;

use super::mask::nan_of;
use super::points::Points;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with 1 for the rows of `points` that dominate row `index`; return whether that row takes part.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn pareto_dominators(
    py: Python<'_>,
    mut out: Output<u8>,
    points: Vec<(Bound<'_, PyAny>, String)>,
    maximize: Vec<bool>,
    index: usize,
    nan: &str,
    groups: Option<Input<u32>>,
    num_groups: usize,
    allowed: Option<Input<u8>>,
) -> PyResult<bool> {
    let points = Points::extract(&points)?;
    let table = points.table(py, &maximize)?;
    let options = Options {
        keep: Keep::All,
        nan: nan_of(nan),
        eps: None,
        groups: groups.as_ref().map(Input::as_slice),
        num_groups,
        allowed: allowed.as_ref().map(Input::as_slice),
        threads: None,
    };
    let out = out.as_mut_slice();
    detached(py, || dominators(out, &table, index, &options))
}
