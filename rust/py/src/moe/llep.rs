//! The published rule of least-loaded expert parallelism.

use paretoserve_core::moe::spill::llep::{Repairs, llep};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Expert, rank, first token and end of each range.
type RangeRow = (u32, u32, u64, u64);

/// Fill `loads`; returns the ranges and how often merging, keeping at home and lowering the least piece changed
/// something.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn moe_llep(
    py: Python<'_>,
    mut loads: Output<u64>,
    counts: Input<u64>,
    num_local: usize,
    capacity: u64,
    minimum: u64,
    merge: bool,
    keep_home: bool,
    min_piece: bool,
) -> PyResult<(Vec<RangeRow>, (u64, u64, u64))> {
    let (loads, counts) = (loads.as_mut_slice(), counts.as_slice());
    detached(py, || {
        let (ranges, changed) =
            llep(loads, counts, num_local, capacity, minimum, Repairs { merge, keep_home, min_piece })?;
        let rows = ranges.iter().map(|range| (range.expert, range.rank, range.start, range.end)).collect();
        Ok((rows, (changed.merged, changed.kept_home, changed.lowered)))
    })
}
