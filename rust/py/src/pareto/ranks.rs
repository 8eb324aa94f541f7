//! `ranks`: the layer of each row.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{RankOptions, ranks};
use pyo3::prelude::*;

use super::hypervolume::signaled;
use super::mask::nan_of;
use super::points::Points;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with the layer of each row of `points`, -1 for rows that have none.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn pareto_ranks(
    py: Python<'_>,
    mut out: Output<i32>,
    points: Vec<(Bound<'_, PyAny>, String)>,
    maximize: Vec<bool>,
    nan: &str,
    groups: Option<Input<u32>>,
    num_groups: usize,
    allowed: Option<Input<u8>>,
    stop_after: Option<NonZeroUsize>,
    num_fronts: Option<NonZeroUsize>,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let points = Points::extract(&points)?;
    let table = points.table(py, &maximize)?;
    let options = RankOptions {
        nan: nan_of(nan),
        groups: groups.as_ref().map(Input::as_slice),
        num_groups,
        allowed: allowed.as_ref().map(Input::as_slice),
        stop_after,
        num_fronts,
        threads,
    };
    let out = out.as_mut_slice();
    detached(py, || ranks(out, &table, &options, &signaled))
}
