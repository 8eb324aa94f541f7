//! Bindings of `paretoserve_core::quant::block::nv`; documented in `python/paretoserve/quant/_nv.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::block::four_six::Measure;
use paretoserve_core::quant::block::nv::{self, Format, Global};
use paretoserve_core::quant::block::nv_tiles;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{by_float, options};
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `codes` and `scales` with the NV blocks of `x`, whose rows have `columns` elements; returns the tensor's scale.
/// With `tiles`, the rows of a matrix, 16 rows share their scales.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one parameter per argument of the Python function")]
pub(crate) fn quant_nv_quantize(
    py: Python<'_>,
    mut codes: Output<u8>,
    mut scales: Output<u8>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    format: &str,
    amax: Option<f32>,
    global_scale: Option<f32>,
    four_over_six: Option<&str>,
    tiles: Option<usize>,
    columns: (usize, usize),
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<f32> {
    let format = format_of(format)?;
    let global = global_scale.map_or(amax.map_or(Global::Find, Global::Amax), Global::Scale);
    let four_six = four_over_six.map(|name| {
        let unknown = || PyValueError::new_err(format!("`four_over_six` must be the name of a measure, got {name}"));
        Measure::named(name).ok_or_else(unknown)
    });
    let four_six = four_six.transpose()?;
    let options = options(columns, rounding, threads)?;
    let (codes, scales) = (codes.as_mut_slice(), scales.as_mut_slice());
    by_float!(py, dtype, S => {
        let x: Input<_> = x.extract()?;
        detached(py, || match tiles {
            None => nv::quantize::<S>(codes, scales, x.as_slice(), format, global, four_six, &options),
            Some(rows) => nv_tiles::quantize::<S>(codes, scales, x.as_slice(), format, global, rows, &options),
        })
    })
}

/// Fill `out` with the numbers of NV blocks.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn quant_nv_dequantize(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    dtype: &str,
    codes: Input<u8>,
    scales: Input<u8>,
    global_scale: f32,
    format: &str,
    columns: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let format = format_of(format)?;
    let options = options((columns, columns), ("rne", 0, "scale"), threads)?;
    let (codes, scales) = (codes.as_slice(), scales.as_slice());
    by_float!(py, dtype, S => {
        let mut out: Output<_> = out.extract()?;
        let out = out.as_mut_slice();
        detached(py, || nv::dequantize::<S>(out, codes, scales, global_scale, format, &options))
    })
}

fn format_of(name: &str) -> PyResult<Format> {
    Format::named(name).ok_or_else(|| PyValueError::new_err(format!("`fmt` must be an NV format, got {name}")))
}
