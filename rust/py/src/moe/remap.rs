//! `remap_topk`: router ids to physical ids.

use paretoserve_core::moe::remap::remap;
use pyo3::buffer::Element;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

fn call<T: Element + Copy + Into<i64> + TryFrom<i64> + Send + Sync>(
    py: Python<'_>,
    mut out: Output<T>,
    ids: &Input<T>,
    quota: &Input<i64>,
    targets: Option<&Input<i64>>,
    start: Option<&Input<i64>>,
    num_experts: usize,
) -> PyResult<()> {
    let (out, ids, quota) = (out.as_mut_slice(), ids.as_slice(), quota.as_slice());
    let (targets, start) = (targets.map(Input::as_slice), start.map(Input::as_slice));
    detached(py, || remap(out, ids, quota, targets, start, num_experts))
}

/// Fill `out` with where each token goes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn moe_remap32(
    py: Python<'_>,
    out: Output<i32>,
    ids: Input<i32>,
    quota: Input<i64>,
    targets: Option<Input<i64>>,
    start: Option<Input<i64>>,
    num_experts: usize,
) -> PyResult<()> {
    call(py, out, &ids, &quota, targets.as_ref(), start.as_ref(), num_experts)
}

/// As `moe_remap32`, for 64-bit ids.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn moe_remap64(
    py: Python<'_>,
    out: Output<i64>,
    ids: Input<i64>,
    quota: Input<i64>,
    targets: Option<Input<i64>>,
    start: Option<Input<i64>>,
    num_experts: usize,
) -> PyResult<()> {
    call(py, out, &ids, &quota, targets.as_ref(), start.as_ref(), num_experts)
}
