//! Bindings of `paretoserve_core::quant::planes`; documented in `python/paretoserve/quant/planes.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::planes::{Planes, pack, unpack};
use paretoserve_core::simd;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with the bit planes of `codes`: `FlexQ` with `chunk` rows in a chunk, else ABQ; both as bytes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_pack_planes(
    py: Python<'_>,
    mut out: Output<u8>,
    codes: Input<u8>,
    rows: usize,
    bits: usize,
    chunk: Option<usize>,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, codes) = (out.as_mut_slice(), codes.as_slice());
    detached(py, || pack(out, codes, &Planes { bits, rows, chunk }, threads, simd::level()))
}

/// Fill `out` with the codes of bit planes; both as bytes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_unpack_planes(
    py: Python<'_>,
    mut out: Output<u8>,
    planes: Input<u8>,
    rows: usize,
    bits: usize,
    chunk: Option<usize>,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, planes) = (out.as_mut_slice(), planes.as_slice());
    detached(py, || unpack(out, planes, &Planes { bits, rows, chunk }, threads, simd::level()))
}
