//! Bindings of `paretoserve_core::quant::layout::{gguf, nibbles}`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::Float;
use paretoserve_core::quant::layout::gguf::{self, Type};
use paretoserve_core::quant::layout::nibbles::{self, Blocks};
use paretoserve_core::simd;
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::by_float;
use crate::arrays::{Input, Output};
use crate::errors::{detached, raise};

/// Fill `out` (`dtype`) with the numbers in the GGUF blocks `data` of type `kind`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_gguf_decode(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    dtype: &str,
    data: Input<u8>,
    kind: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let kind = parse(py, kind)?;
    by_float!(py, dtype, S => decode::<S>(py, out.extract()?, &data, kind, threads))
}

fn decode<S: Float<Bits: Element>>(
    py: Python<'_>,
    mut out: Output<S::Bits>,
    data: &Input<u8>,
    kind: Type,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, data) = (out.as_mut_slice(), data.as_slice());
    detached(py, || gguf::decode::<S>(out, data, kind, threads, simd::level()))
}

/// Fill `out` with the GGUF blocks of type `kind` of `x` (`dtype`), in rows of `columns`.
#[pyfunction]
pub(crate) fn quant_gguf_encode(
    py: Python<'_>,
    out: Output<u8>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    columns: usize,
    kind: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let kind = parse(py, kind)?;
    by_float!(py, dtype, S => encode::<S>(py, out, &x.extract()?, columns, kind, threads))
}

fn encode<S: Float<Bits: Element>>(
    py: Python<'_>,
    mut out: Output<u8>,
    x: &Input<S::Bits>,
    columns: usize,
    kind: Type,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, x) = (out.as_mut_slice(), x.as_slice());
    detached(py, || gguf::encode::<S>(out, x, columns, kind, threads, simd::level()))
}

fn parse(py: Python<'_>, kind: &str) -> PyResult<Type> {
    Type::parse(kind).ok_or_else(|| raise(py, "UnknownNameError", format!("`kind` is no GGUF type: {kind}")))
}

/// Take the GGUF blocks `data` apart into `scales` and `codes`, the even element below.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_gguf_split(
    py: Python<'_>,
    mut scales: Output<u8>,
    mut codes: Output<u8>,
    data: Input<u8>,
    kind: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let blocks = apart(py, kind)?;
    let (scales, codes, data) = (scales.as_mut_slice(), codes.as_mut_slice(), data.as_slice());
    detached(py, || nibbles::split(scales, codes, data, blocks, threads, simd::level()))
}

/// Put `scales` and `codes` together into the GGUF blocks `data`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_gguf_join(
    py: Python<'_>,
    mut data: Output<u8>,
    scales: Input<u8>,
    codes: Input<u8>,
    kind: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let blocks = apart(py, kind)?;
    let (data, scales, codes) = (data.as_mut_slice(), scales.as_slice(), codes.as_slice());
    detached(py, || nibbles::join(data, scales, codes, blocks, threads, simd::level()))
}

fn apart(py: Python<'_>, kind: &str) -> PyResult<Blocks> {
    Blocks::parse(kind).ok_or_else(|| raise(py, "UnknownNameError", format!("`kind` has no scales apart: {kind}")))
}

/// Fill `out` with `codes`, the nibbles of every byte exchanged.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_swap_nibbles(
    py: Python<'_>,
    mut out: Output<u8>,
    codes: Input<u8>,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, codes) = (out.as_mut_slice(), codes.as_slice());
    detached(py, || nibbles::swap(out, codes, threads, simd::level()))
}
