//! Bindings of `quant::block::quest`; documented in `python/paretoserve/quant/_mx.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::block::Element;
use paretoserve_core::quant::block::quest::{PowerRounding, Quest, quantize};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{by_float, options};
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `codes` and `scales` with the MX blocks of `x` under scales of `ratio` root mean squares.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
pub(crate) fn quant_mx_quest(
    py: Python<'_>,
    mut codes: Output<u8>,
    mut scales: Output<u8>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    element: &str,
    rule: (&str, f32),
    columns: (usize, usize),
    rounding: (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let Some(element) = Element::of_mx(element) else {
        return Err(PyValueError::new_err(format!("`fmt` must have a known element, got {element}")));
    };
    let power = match rule.0 {
        "quest_floor" => PowerRounding::Floor,
        "quest_ceil" => PowerRounding::Ceil,
        _ => PowerRounding::Round,
    };
    let (quest, options) = (Quest { ratio: rule.1, power }, options(columns, rounding, threads)?);
    let (codes, scales) = (codes.as_mut_slice(), scales.as_mut_slice());
    by_float!(py, dtype, S => {
        let x: Input<_> = x.extract()?;
        detached(py, || quantize::<S>(codes, scales, x.as_slice(), element, quest, &options))
    })
}
