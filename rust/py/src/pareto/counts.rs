//! `counts`: how many rows dominate each row, and how many it dominates.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{Keep, Options, counts};
use pyo3::prelude::*;

use super::hypervolume::signaled;
use super::mask::nan_of;
use super::points::Points;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill both outputs with the counts of each row of `points`, -1 for rows that take no part.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn pareto_counts(
    py: Python<'_>,
    mut dominated_by: Output<i64>,
    mut dominates: Output<i64>,
    points: Vec<(Bound<'_, PyAny>, String)>,
    maximize: Vec<bool>,
    nan: &str,
    groups: Option<Input<u32>>,
    num_groups: usize,
    allowed: Option<Input<u8>>,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let points = Points::extract(&points)?;
    let table = points.table(py, &maximize)?;
    let options = Options {
        keep: Keep::All,
        nan: nan_of(nan),
        eps: None,
        groups: groups.as_ref().map(Input::as_slice),
        num_groups,
        allowed: allowed.as_ref().map(Input::as_slice),
        threads,
    };
    let (dominated_by, dominates) = (dominated_by.as_mut_slice(), dominates.as_mut_slice());
    detached(py, || counts(dominated_by, dominates, &table, &options, &signaled))
}
