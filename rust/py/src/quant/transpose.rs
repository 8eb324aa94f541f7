//! Bindings of `paretoserve_core::quant::layout::transpose`; documented in `python/paretoserve/quant/layout`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::layout::transpose::{AWQ_ORDER, PLAIN_ORDER, nibbles, words};
use paretoserve_core::simd;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `out` with the transpose of `source`, rows of `cols` 4-byte words; both as bytes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_transpose_words(
    py: Python<'_>,
    mut out: Output<u8>,
    source: Input<u8>,
    cols: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, source) = (out.as_mut_slice(), source.as_slice());
    detached(py, || words(out, source, cols, threads, simd::level()))
}

/// Fill `out` with the transpose of `source`, rows of `cols` words of eight nibbles, of which `source` (`from_awq`) or
/// else
/// `out` is in the order of AWQ; both as bytes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_transpose_nibbles(
    py: Python<'_>,
    mut out: Output<u8>,
    source: Input<u8>,
    cols: usize,
    from_awq: bool,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, source) = (out.as_mut_slice(), source.as_slice());
    let orders = if from_awq { (&AWQ_ORDER, &PLAIN_ORDER) } else { (&PLAIN_ORDER, &AWQ_ORDER) };
    detached(py, || nibbles(out, source, cols, orders, threads, simd::level()))
}
