//! Bindings of `quant::block::group`; documented in `python/paretoserve/quant/_group.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::Float;
use paretoserve_core::quant::block::group::{Integers, ScaleRule};
use paretoserve_core::quant::block::{descale, scaled};
use paretoserve_core::simd;
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::{by_float, options};
use crate::arrays::{Input, Output};
use crate::errors::{detached, to_python};

/// How integers are read: width, zero points, and the rule of their scale with `QuEST`'s clip.
type Kind = (u32, bool, String, f32);

fn integers(py: Python<'_>, (bits, asymmetric, rule, clip): Kind) -> PyResult<Integers> {
    let rule = match rule.as_str() {
        "full" => ScaleRule::Full,
        "quest" => ScaleRule::Rms(clip),
        _ => ScaleRule::Amax,
    };
    Integers::new(bits, asymmetric, rule).map_err(|error| to_python(py, &error))
}

/// Quantize `x` (rows of `columns`) in groups of `group` elements.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
pub(crate) fn quant_group_quantize(
    py: Python<'_>,
    codes: Output<u8>,
    scales: &Bound<'_, PyAny>,
    zeros: Option<Output<u8>>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    scale_dtype: &str,
    kind: Kind,
    group: usize,
    columns: (usize, usize),
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let integers = integers(py, kind)?;
    let options = options(columns, rounding, threads)?;
    by_float!(py, dtype, S => by_float!(py, scale_dtype, F => {
        let run = Run { codes, zeros, group, integers, options };
        run.quantize::<S, F>(py, scales, x)
    }))
}

struct Run {
    codes: Output<u8>,
    zeros: Option<Output<u8>>,
    group: usize,
    integers: Integers,
    options: paretoserve_core::quant::block::Options,
}

impl Run {
    fn quantize<S: Float<Bits: Element>, F: Float<Bits: Element>>(
        mut self,
        py: Python<'_>,
        scales: &Bound<'_, PyAny>,
        x: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let mut scales: Output<F::Bits> = scales.extract()?;
        let x: Input<S::Bits> = x.extract()?;
        let (codes, scales) = (self.codes.as_mut_slice(), scales.as_mut_slice());
        let (zeros, x) = (self.zeros.as_mut().map(Output::as_mut_slice), x.as_slice());
        let (integers, group, options) = (self.integers, self.group, self.options);
        detached(py, || scaled::quantize::<S, F, Integers>(codes, scales, zeros, x, integers, group, &options))
    }
}

/// Dequantize into `out` (rows of `columns`): the inverse of `quant_group_quantize`.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "one per argument, owned as extracted")]
pub(crate) fn quant_group_dequantize(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    codes: Input<u8>,
    scales: &Bound<'_, PyAny>,
    zeros: Option<Input<u8>>,
    dtype: &str,
    scale_dtype: &str,
    kind: Kind,
    group: usize,
    columns: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let integers = integers(py, kind)?;
    let sizes = (group, columns, threads);
    by_float!(py, dtype, S => by_float!(py, scale_dtype, F => {
        dequantize::<S, F>(py, out, &codes, scales, zeros.as_ref(), integers, sizes)
    }))
}

fn dequantize<S: Float<Bits: Element>, F: Float<Bits: Element>>(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    codes: &Input<u8>,
    scales: &Bound<'_, PyAny>,
    zeros: Option<&Input<u8>>,
    integers: Integers,
    (group, columns, threads): (usize, usize, Option<NonZeroUsize>),
) -> PyResult<()> {
    let mut out: Output<S::Bits> = out.extract()?;
    let scales: Input<F::Bits> = scales.extract()?;
    let (out, codes, scales) = (out.as_mut_slice(), codes.as_slice(), scales.as_slice());
    let zeros = zeros.map(Input::as_slice);
    detached(py, || {
        let level = simd::level();
        descale::dequantize::<S, F, Integers>(out, codes, scales, zeros, integers, group, columns, threads, level)
    })
}
