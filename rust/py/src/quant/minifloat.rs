//! Bindings of `quant::block::minifloat`; documented in `python/paretoserve/quant/_minifloat.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::Float;
use paretoserve_core::quant::block::minifloat::Minifloat;
use paretoserve_core::quant::block::{Options, descale, scaled};
use paretoserve_core::simd;
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::{by_float, options};
use crate::arrays::{Input, Output};
use crate::errors::{detached, to_python};

fn format(py: Python<'_>, element: &str) -> PyResult<Minifloat> {
    Minifloat::new(element).map_err(|error| to_python(py, &error))
}

/// Quantize `x` (rows of `columns`) in runs of `run` elements; `dtypes` are those of `x` and of the scales.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
pub(crate) fn quant_minifloat_quantize(
    py: Python<'_>,
    mut codes: Output<u8>,
    scales: &Bound<'_, PyAny>,
    x: &Bound<'_, PyAny>,
    dtypes: (&str, &str),
    element: &str,
    run: usize,
    columns: (usize, usize),
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (format, options) = (format(py, element)?, options(columns, rounding, threads)?);
    let codes = codes.as_mut_slice();
    by_float!(py, dtypes.0, S => by_float!(py, dtypes.1, F => {
        quantize::<S, F>(py, codes, scales, x, format, run, &options)
    }))
}

fn quantize<S: Float<Bits: Element>, F: Float<Bits: Element>>(
    py: Python<'_>,
    codes: &mut [u8],
    scales: &Bound<'_, PyAny>,
    x: &Bound<'_, PyAny>,
    format: Minifloat,
    run: usize,
    options: &Options,
) -> PyResult<()> {
    let mut scales: Output<F::Bits> = scales.extract()?;
    let x: Input<S::Bits> = x.extract()?;
    let (scales, x) = (scales.as_mut_slice(), x.as_slice());
    detached(py, || scaled::quantize::<S, F, Minifloat>(codes, scales, None, x, format, run, options))
}

/// Dequantize into `out` (rows of `columns`): the inverse of `quant_minifloat_quantize`.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "one per argument, owned as extracted")]
pub(crate) fn quant_minifloat_dequantize(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    codes: Input<u8>,
    scales: &Bound<'_, PyAny>,
    dtypes: (&str, &str),
    element: &str,
    run: usize,
    columns: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let format = format(py, element)?;
    by_float!(py, dtypes.0, S => by_float!(py, dtypes.1, F => {
        dequantize::<S, F>(py, out, codes.as_slice(), scales, format, (run, columns), threads)
    }))
}

fn dequantize<S: Float<Bits: Element>, F: Float<Bits: Element>>(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    codes: &[u8],
    scales: &Bound<'_, PyAny>,
    format: Minifloat,
    (run, columns): (usize, usize),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let mut out: Output<S::Bits> = out.extract()?;
    let scales: Input<F::Bits> = scales.extract()?;
    let (out, scales) = (out.as_mut_slice(), scales.as_slice());
    detached(py, || {
        let level = simd::level();
        descale::dequantize::<S, F, Minifloat>(out, codes, scales, None, format, run, columns, threads, level)
    })
}
