//! Bindings of `paretoserve_core::quant::block::mx`; documented in `python/paretoserve/quant/_mx.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::block::peer::Peer;
use paretoserve_core::quant::block::{Element, Rule, mx};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{by_float, options};
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `codes` and `scales` with the MX blocks of `x`, whose rows have `columns` elements.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one parameter per argument of the Python function")]
pub(crate) fn quant_mx_quantize(
    py: Python<'_>,
    mut codes: Output<u8>,
    mut scales: Output<u8>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    element: &str,
    rule: &str,
    peer: Option<&str>,
    columns: (usize, usize),
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let element = element_of(element)?;
    let rule = match rule {
        "floor" => Rule::Floor,
        "rceil" => Rule::Rceil,
        "ceil" => Rule::Ceil,
        "even" => Rule::Even,
        other => return Err(PyValueError::new_err(format!("`scale` must be the name of a rule, got {other}"))),
    };
    let peer = match peer {
        None => None,
        Some("modelopt") => Some(Peer::ModelOpt),
        Some("ggml") => Some(Peer::Ggml),
        Some(other) => return Err(PyValueError::new_err(format!("`rule` must be the name of a peer, got {other}"))),
    };
    let options = options(columns, rounding, threads)?;
    let (codes, scales) = (codes.as_mut_slice(), scales.as_mut_slice());
    by_float!(py, dtype, S => {
        let x: Input<_> = x.extract()?;
        detached(py, || mx::quantize::<S>(codes, scales, x.as_slice(), element, rule, peer, &options))
    })
}

/// Fill `out` with the numbers of MX blocks.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn quant_mx_dequantize(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    dtype: &str,
    codes: Input<u8>,
    scales: Input<u8>,
    element: &str,
    columns: usize,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let element = element_of(element)?;
    let options = options((columns, columns), ("rne", 0, "scale"), threads)?;
    let (codes, scales) = (codes.as_slice(), scales.as_slice());
    by_float!(py, dtype, S => {
        let mut out: Output<_> = out.extract()?;
        let out = out.as_mut_slice();
        detached(py, || mx::dequantize::<S>(out, codes, scales, element, &options))
    })
}

fn element_of(name: &str) -> PyResult<Element> {
    Element::of_mx(name).ok_or_else(|| PyValueError::new_err(format!("`fmt` must have a known element, got {name}")))
}
