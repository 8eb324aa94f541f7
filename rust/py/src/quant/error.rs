//! Bindings of `paretoserve_core::quant::error`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::F32;
use paretoserve_core::quant::error::{F64, Number, crest, energy};
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::by_float;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Energies (signal, noise) of `x` and of `x` - `decoded`; `decoded` is float64 beside float64, else float32.
#[pyfunction]
pub(crate) fn quant_energy(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    decoded: &Bound<'_, PyAny>,
    dtype: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<(f64, f64)> {
    if dtype == "float64" {
        return energies::<F64, F64>(py, x, decoded, threads);
    }
    by_float!(py, dtype, S => energies::<S, F32>(py, x, decoded, threads))
}

fn energies<X: Number<Bits: Element>, Y: Number<Bits: Element>>(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    decoded: &Bound<'_, PyAny>,
    threads: Option<NonZeroUsize>,
) -> PyResult<(f64, f64)> {
    let (x, decoded): (Input<X::Bits>, Input<Y::Bits>) = (x.extract()?, decoded.extract()?);
    let (x, decoded) = (x.as_slice(), decoded.as_slice());
    detached(py, || energy::<X, Y>(x, decoded, threads)).map(|energy| (energy.signal, energy.noise))
}

/// Fill `out` with the crest factor of each run of `block` elements of each row of `columns`.
#[pyfunction]
pub(crate) fn quant_crest(
    py: Python<'_>,
    out: Output<f64>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    columns: usize,
    block: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    if dtype == "float64" {
        return crests::<F64>(py, out, x, columns, block, threads);
    }
    by_float!(py, dtype, S => crests::<S>(py, out, x, columns, block, threads))
}

fn crests<X: Number<Bits: Element>>(
    py: Python<'_>,
    mut out: Output<f64>,
    x: &Bound<'_, PyAny>,
    columns: usize,
    block: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let x: Input<X::Bits> = x.extract()?;
    let (out, x) = (out.as_mut_slice(), x.as_slice());
    detached(py, || crest::<X>(out, x, columns, block, threads))
}
