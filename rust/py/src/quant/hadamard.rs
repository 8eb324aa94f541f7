//! Bindings of `quant::block::hadamard`; documented in `python/paretoserve/quant/hadamard.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::Float;
use paretoserve_core::quant::block::hadamard::{Options, hadamard};
use paretoserve_core::simd;
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::by_float;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Rotate runs of `size` elements of `x` into `out`, both of `dtype`.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "one per argument, owned as extracted")]
pub(crate) fn quant_hadamard(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    size: usize,
    signs: Option<Vec<f32>>,
    inverse: bool,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let options = Options { size, signs: signs.as_deref(), inverse, threads, level: simd::level() };
    by_float!(py, dtype, S => run::<S>(py, out, x, &options))
}

fn run<S: Float<Bits: Element>>(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    x: &Bound<'_, PyAny>,
    options: &Options<'_>,
) -> PyResult<()> {
    let mut out: Output<S::Bits> = out.extract()?;
    let x: Input<S::Bits> = x.extract()?;
    let (out, x) = (out.as_mut_slice(), x.as_slice());
    detached(py, || hadamard::<S>(out, x, options))
}
