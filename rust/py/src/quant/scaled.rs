//! Bindings of blocks with float32 scales: `quant::block::{table, fp8, tiles}`; documented in
//! `python/paretoserve/quant`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::block::fp8::Fp8;
use paretoserve_core::quant::block::scaled::Scaled;
use paretoserve_core::quant::block::table::Table;
use paretoserve_core::quant::block::tiles::{self, Tiling};
use paretoserve_core::quant::block::{Options, descale, scaled};
use paretoserve_core::quant::{F32, Float};
use paretoserve_core::simd;
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::{by_float, options};
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Quantize rows of `x` in runs of `run`: NF4 without `powers`, else FP8 and whether its scales are powers of two.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
pub(crate) fn quant_scaled_quantize(
    py: Python<'_>,
    mut codes: Output<u8>,
    mut scales: Output<f32>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    powers: Option<bool>,
    run: usize,
    columns: (usize, usize),
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let options = options(columns, rounding, threads)?;
    let outputs = (codes.as_mut_slice(), scales.as_mut_slice());
    by_float!(py, dtype, S => match powers {
        Some(powers) => quantize::<S, _>(py, outputs, x, Fp8 { powers }, run, &options),
        None => quantize::<S, _>(py, outputs, x, Table, run, &options),
    })
}

fn quantize<S: Float<Bits: Element>, K: Scaled>(
    py: Python<'_>,
    (codes, scales): (&mut [u8], &mut [f32]),
    x: &Bound<'_, PyAny>,
    format: K,
    run: usize,
    options: &Options,
) -> PyResult<()> {
    let x: Input<S::Bits> = x.extract()?;
    let x = x.as_slice();
    detached(py, || scaled::quantize::<S, F32, K>(codes, scales, None, x, format, run, options))
}

/// Dequantize into rows of `out`: the inverse of `quant_scaled_quantize`.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "one per argument, owned as extracted")]
pub(crate) fn quant_scaled_dequantize(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    dtype: &str,
    codes: Input<u8>,
    scales: Input<f32>,
    powers: Option<bool>,
    run: usize,
    columns: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let inputs = (codes.as_slice(), scales.as_slice());
    by_float!(py, dtype, S => match powers {
        Some(powers) => dequantize::<S, _>(py, out, inputs, Fp8 { powers }, (run, columns), threads),
        None => dequantize::<S, _>(py, out, inputs, Table, (run, columns), threads),
    })
}

fn dequantize<S: Float<Bits: Element>, K: Scaled>(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    (codes, scales): (&[u8], &[f32]),
    format: K,
    (run, columns): (usize, usize),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let mut out: Output<S::Bits> = out.extract()?;
    let out = out.as_mut_slice();
    detached(py, || {
        let level = simd::level();
        descale::dequantize::<S, F32, K>(out, codes, scales, None, format, run, columns, threads, level)
    })
}

/// Quantize matrices of `rows` by `columns` to FP8 in tiles of `block`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
pub(crate) fn quant_tiles_quantize(
    py: Python<'_>,
    mut codes: Output<u8>,
    mut scales: Output<f32>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    powers: bool,
    block: (usize, usize),
    rows: usize,
    columns: usize,
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let options = options((columns, columns), rounding, threads)?;
    let tiling = Tiling { rows, columns, tile_rows: block.0, tile_columns: block.1 };
    let (codes, scales) = (codes.as_mut_slice(), scales.as_mut_slice());
    by_float!(py, dtype, S => {
        let x: Input<_> = x.extract()?;
        detached(py, || tiles::quantize::<S>(codes, scales, x.as_slice(), Fp8 { powers }, &tiling, &options))
    })
}

/// Dequantize tiles into matrices: the inverse of `quant_tiles_quantize`.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "one per argument, owned as extracted")]
pub(crate) fn quant_tiles_dequantize(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    dtype: &str,
    codes: Input<u8>,
    scales: Input<f32>,
    block: (usize, usize),
    rows: usize,
    columns: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let tiling = Tiling { rows, columns, tile_rows: block.0, tile_columns: block.1 };
    let format = Fp8 { powers: false };
    by_float!(py, dtype, S => {
        let mut out: Output<_> = out.extract()?;
        let (out, codes, scales) = (out.as_mut_slice(), codes.as_slice(), scales.as_slice());
        detached(py, || tiles::dequantize::<S>(out, codes, scales, format, &tiling, threads, simd::level()))
    })
}
