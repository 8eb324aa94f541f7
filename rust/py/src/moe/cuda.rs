//! Bindings of `paretoserve_cuda::moe`: addresses and sizes in, launches on the caller's stream.

use paretoserve_cuda::moe::remap::{Remap, remap};
use paretoserve_cuda::moe::spill::{ALL, Spill, scratch_bytes, spill};
use paretoserve_cuda::moe::split::{Split, split};
use pyo3::prelude::*;

use super::CostRow;
use crate::cuda::At;

/// Bytes of scratch that `cuda_moe_spill` needs.
#[pyfunction]
pub(crate) fn cuda_moe_spill_scratch(num_experts: u32, num_ranks: u32) -> u64 {
    scratch_bytes(num_experts, num_ranks)
}

/// Fill a plan; `addresses` are those of outcome, transfers, quota, loads, scratch, counts and tables.
///
/// `sizes` are experts, ranks, ranks per node and rows of counts; `limits` most transfers in and out, the smallest
/// piece and most tokens.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per kind of option")]
pub(crate) fn cuda_moe_spill(
    py: Python<'_>,
    at: At,
    addresses: [u64; 7],
    sizes: [u32; 4],
    wide: bool,
    tolerance: Option<u32>,
    limits: (u32, u32, u64, u64),
    relay: bool,
    model: Option<CostRow>,
) -> PyResult<()> {
    let (max_in, max_out, min_tokens, most_tokens) = limits;
    let options = Spill {
        sizes,
        wide,
        tolerance: tolerance.unwrap_or(ALL),
        most: [max_in, max_out],
        relay,
        min_tokens,
        most_tokens,
        cost: model,
    };
    at.launch(py, |at| spill(at, addresses, options))
}

/// Bytes of scratch that `cuda_moe_split` needs; `sizes` are experts, ranks and copies.
#[pyfunction]
pub(crate) fn cuda_moe_split_scratch(sizes: [u32; 3]) -> u64 {
    paretoserve_cuda::moe::split::scratch_bytes(sizes)
}

/// Fill a split; `addresses` are those of status, quota, loads, scratch, counts and tables.
///
/// `sizes` are columns and rows of counts; `times` as `MoeSplitter.times` returns them.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per kind of option")]
pub(crate) fn cuda_moe_split(
    py: Python<'_>,
    at: At,
    addresses: [u64; 6],
    sizes: [u32; 2],
    wide: bool,
    active: bool,
    times: Option<[u64; 5]>,
    most_tokens: u64,
) -> PyResult<()> {
    at.launch(py, |at| split(at, addresses, Split { sizes, wide, active, times, most_tokens }))
}

/// Bytes of scratch that `cuda_moe_remap` needs; `sizes` are ids, experts and columns.
#[pyfunction]
pub(crate) fn cuda_moe_remap_scratch(sizes: (u64, u32, u32)) -> u64 {
    of(sizes, false).scratch_bytes()
}

/// Fill ids; `addresses` are those of out, scratch, ids, quota, targets (0 for none) and start (0 for none).
#[pyfunction]
pub(crate) fn cuda_moe_remap(
    py: Python<'_>,
    at: At,
    addresses: [u64; 6],
    sizes: (u64, u32, u32),
    wide: bool,
) -> PyResult<()> {
    at.launch(py, |at| remap(at, addresses, of(sizes, wide)))
}

fn of((count, num_experts, columns): (u64, u32, u32), wide: bool) -> Remap {
    Remap { count, num_experts, columns, wide }
}
