//! `mask`: which rows no other row dominates.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{Boxes, Grid, Keep, NanPolicy, Options, mask};
use pyo3::prelude::*;

use super::points::Points;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with 1 for the rows of `points` that no other row dominates; return how many rows NaN and bounds left
/// out.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn pareto_mask(
    py: Python<'_>,
    mut out: Output<u8>,
    points: Vec<(Bound<'_, PyAny>, String)>,
    maximize: Vec<bool>,
    keep: &str,
    nan: &str,
    eps: Option<(Vec<f64>, bool)>,
    groups: Option<Input<u32>>,
    num_groups: usize,
    allowed: Option<Input<u8>>,
    threads: Option<NonZeroUsize>,
) -> PyResult<(usize, usize)> {
    let points = Points::extract(&points)?;
    let table = points.table(py, &maximize)?;
    let options = Options {
        keep: keep_of(keep),
        nan: nan_of(nan),
        eps: eps
            .as_ref()
            .map(|(sizes, multiply)| Boxes { sizes, kind: if *multiply { Grid::Multiply } else { Grid::Add } }),
        groups: groups.as_ref().map(Input::as_slice),
        num_groups,
        allowed: allowed.as_ref().map(Input::as_slice),
        threads,
    };
    let out = out.as_mut_slice();
    detached(py, || mask(out, &table, &options)).map(|dropped| (dropped.missing, dropped.outside))
}

/// The policy that Python checked already.
pub(super) fn keep_of(name: &str) -> Keep {
    match name {
        "first" => Keep::First,
        "last" => Keep::Last,
        _ => Keep::All,
    }
}

/// The policy that Python checked already.
pub(super) fn nan_of(name: &str) -> NanPolicy {
    match name {
        "drop" => NanPolicy::Drop,
        "worst" => NanPolicy::Worst,
        _ => NanPolicy::Raise,
    }
}
