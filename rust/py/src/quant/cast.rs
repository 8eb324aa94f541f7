//! Bindings of `paretoserve_core::quant::cast`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::cast::{Integer, NanPolicy, Options, Rule, Scalar, convert, copy, decode, encode};
use paretoserve_core::quant::{Float, FloatFormat, Rounding, Special};
use pyo3::buffer::Element;
use pyo3::prelude::*;

use super::by_float;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// A scalar format as Python sends it: kind, bits, exponent bits, mantissa bits, bias, signed, special codes.
#[derive(FromPyObject)]
pub(crate) struct Format(
    pub(crate) String,
    pub(crate) u32,
    pub(crate) u32,
    pub(crate) u32,
    pub(crate) i32,
    pub(crate) bool,
    pub(crate) String,
);

impl Format {
    fn scalar(&self) -> Scalar {
        let &Self(ref kind, bits, exponent_bits, mantissa_bits, bias, signed, ref special) = self;
        match kind.as_str() {
            "int" | "uint" => Scalar::Integer(Integer { bits, signed: kind == "int" }),
            "exponent" => Scalar::Exponent,
            _ => {
                let special = match special.as_str() {
                    "ieee" => Special::Ieee,
                    "nan" => Special::Nan,
                    "nan_at_negative_zero" => Special::NanAtNegativeZero,
                    _ => Special::None,
                };
                Scalar::Float(FloatFormat { exponent_bits, mantissa_bits, bias, signed, special })
            }
        }
    }
}

/// The rounding called `name`.
pub(crate) fn rounding(name: &str) -> Rounding {
    match name {
        "half_away" => Rounding::HalfAway,
        "stochastic" => Rounding::Stochastic,
        _ => Rounding::NearestEven,
    }
}

/// Fill `out` with the codes of `x`, floats called `dtype`.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn quant_encode(
    py: Python<'_>,
    out: Output<u8>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    format: Format,
    saturate: bool,
    rounding: &str,
    seed: u64,
    nan: &str,
    rule: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let options = Options {
        saturate,
        rounding: self::rounding(rounding),
        seed,
        nan: if nan == "zero" { NanPolicy::Zero } else { NanPolicy::Raise },
        rule: match rule {
            "ml_dtypes" => Rule::MlDtypes,
            "torch" => Rule::Torch,
            _ => Rule::Paretoserve,
        },
        threads,
    };
    by_float!(py, dtype, S => run_encode::<S>(py, out, x, format.scalar(), &options))
}

fn run_encode<S: Float<Bits: Element>>(
    py: Python<'_>,
    mut out: Output<u8>,
    x: &Bound<'_, PyAny>,
    format: Scalar,
    options: &Options,
) -> PyResult<()> {
    let x: Input<S::Bits> = x.extract()?;
    let (out, x) = (out.as_mut_slice(), x.as_slice());
    detached(py, || encode::<S>(out, x, format, options))
}

/// Fill `out`, floats called `dtype`, with what `codes` stand for.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
pub(crate) fn quant_decode(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    codes: Input<u8>,
    dtype: &str,
    format: Format,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    by_float!(py, dtype, T => {
        let mut out: Output<<T as Float>::Bits> = out.extract()?;
        let (out, codes) = (out.as_mut_slice(), codes.as_slice());
        detached(py, || decode::<T>(out, codes, format.scalar(), threads))
    })
}

/// Fill `out`, floats called `to`, with `x`, floats called `dtype`.
#[pyfunction]
pub(crate) fn quant_convert(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    x: &Bound<'_, PyAny>,
    dtype: &str,
    to: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    if dtype == to {
        return by_float!(py, dtype, S => {
            let x: Input<<S as Float>::Bits> = x.extract()?;
            let mut out: Output<<S as Float>::Bits> = out.extract()?;
            let (out, x) = (out.as_mut_slice(), x.as_slice());
            detached(py, || copy(out, x, threads))
        });
    }
    by_float!(py, dtype, S => by_float!(py, to, T => {
        let x: Input<<S as Float>::Bits> = x.extract()?;
        let mut out: Output<<T as Float>::Bits> = out.extract()?;
        let (out, x) = (out.as_mut_slice(), x.as_slice());
        detached(py, || convert::<S, T>(out, x, threads))
    }))
}
