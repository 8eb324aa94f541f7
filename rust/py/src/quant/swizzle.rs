//! Bindings of `paretoserve_core::quant::layout::swizzle`; documented in `python/paretoserve/quant/swizzle.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::layout::swizzle::{swizzle, unswizzle};
use paretoserve_core::simd;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with the 128x4 tiles of `scales`, a matrix of `cols` columns.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_swizzle_scales(
    py: Python<'_>,
    mut out: Output<u8>,
    scales: Input<u8>,
    cols: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, scales) = (out.as_mut_slice(), scales.as_slice());
    detached(py, || swizzle(out, scales, cols, threads, simd::level()))
}

/// Fill `out`, a matrix of `cols` columns, from 128x4 tiles.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_unswizzle_scales(
    py: Python<'_>,
    mut out: Output<u8>,
    tiled: Input<u8>,
    cols: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, tiled) = (out.as_mut_slice(), tiled.as_slice());
    detached(py, || unswizzle(out, tiled, cols, threads, simd::level()))
}
