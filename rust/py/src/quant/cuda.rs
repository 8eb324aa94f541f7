//! Bindings of `paretoserve_cuda::quant`: addresses and sizes in, a launch on the caller's stream.

use paretoserve_cuda::quant::block::{self, Matrix, Rotation, ScaleRule};
use paretoserve_cuda::quant::cast::{self, Kind, Options, Rule, Scalar, Special};
use paretoserve_cuda::quant::{Rounding, Wide};
use pyo3::prelude::*;

use super::cast::Format;
use crate::cuda::At;
use crate::errors::raise;

/// Rounding and seed.
#[derive(FromPyObject)]
pub(crate) struct Random(String, u64);

impl Random {
    fn rounding(&self) -> Rounding {
        match self.0.as_str() {
            "half_away" => Rounding::HalfAway,
            "stochastic" => Rounding::Stochastic,
            _ => Rounding::NearestEven,
        }
    }
}

pub(crate) fn wide(py: Python<'_>, dtype: &str) -> PyResult<Wide> {
    match dtype {
        "float32" => Ok(Wide::F32),
        "float16" => Ok(Wide::F16),
        "bfloat16" => Ok(Wide::Bf16),
        other => Err(raise(py, "DtypeError", format!("tensor must be float32, float16 or bfloat16, got {other}"))),
    }
}

fn scalar(format: &Format) -> Scalar {
    let &Format(ref kind, bits, exponent_bits, mantissa_bits, bias, signed, ref special) = format;
    let kind = match kind.as_str() {
        "exponent" => Kind::Exponent,
        "int" => Kind::Signed,
        "uint" => Kind::Unsigned,
        _ => Kind::Float,
    };
    let special = match special.as_str() {
        "ieee" => Special::Ieee,
        "nan" => Special::Nan,
        "nan_at_negative_zero" => Special::NanAtNegativeZero,
        _ => Special::None,
    };
    Scalar { kind, bits, exponent_bits, mantissa_bits, bias, signed, special }
}

/// Fill codes from floats called `dtype`; `addresses` are those of codes, first NaN or 0, and floats.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_encode(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    dtype: &str,
    count: u64,
    format: Format,
    saturate: bool,
    rule: &str,
    random: Random,
) -> PyResult<()> {
    let rule = match rule {
        "ml_dtypes" => Rule::MlDtypes,
        "torch" => Rule::Torch,
        _ => Rule::Paretoserve,
    };
    let options = Options { saturate, rule, rounding: random.rounding(), seed: random.1 };
    let wide = wide(py, dtype)?;
    at.launch(py, |at| cast::encode(at, addresses, wide, count, &scalar(&format), &options))
}

/// Fill floats called `dtype` from codes; `addresses` are those of floats and codes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_decode(
    py: Python<'_>,
    at: At,
    addresses: [u64; 2],
    dtype: &str,
    count: u64,
    format: Format,
) -> PyResult<()> {
    let wide = wide(py, dtype)?;
    at.launch(py, |at| cast::decode(at, addresses, wide, count, &scalar(&format)))
}

/// The matrix: rows, columns, whether blocks lie along columns.
#[derive(FromPyObject)]
pub(crate) struct Shape(u64, u64, bool);

impl Shape {
    fn matrix(&self) -> Matrix {
        Matrix { rows: self.0, columns: self.1, transposed: self.2 }
    }
}

/// Numbers of a run of a rotation, and the address of its signs or 0.
#[derive(FromPyObject, Clone, Copy)]
pub(crate) struct Runs(u32, u64);

impl Runs {
    fn rotation(self) -> Rotation {
        Rotation { n: self.0, signs: self.1 }
    }
}

pub(crate) fn block_options(random: &Random, nan_is_zero: bool) -> block::Options {
    block::Options { rounding: random.rounding(), seed: random.1, nan_is_zero, swizzled: false }
}

/// Fill codes and scales of an MX format from floats called `dtype`; `addresses` in this order.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_mx(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    dtype: &str,
    format: &str,
    shape: Shape,
    rotation: Option<Runs>,
    rule: &str,
    random: Random,
    nan_is_zero: bool,
) -> PyResult<()> {
    let rule = match rule {
        "floor" => ScaleRule::Floor,
        "ceil" => ScaleRule::Ceil,
        "even" => ScaleRule::Even,
        _ => ScaleRule::Rceil,
    };
    let (wide, options) = (wide(py, dtype)?, block_options(&random, nan_is_zero));
    let (matrix, rotation) = (shape.matrix(), rotation.map(Runs::rotation));
    at.launch(py, |at| block::quantize_mx(at, addresses, (format, wide), matrix, rotation, rule, options))
}

/// Fill codes, scales and global scale of an NV format from floats called `dtype` and the given largest magnitude or
/// scale; `addresses` in this order. `choice` is the number of the error by which a block chooses 4 or 6, or 0.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_nv(
    py: Python<'_>,
    at: At,
    addresses: [u64; 5],
    dtype: &str,
    format: &str,
    shape: Shape,
    rotation: Option<Runs>,
    given: (bool, u32),
    random: Random,
    nan_is_zero: bool,
) -> PyResult<()> {
    let (wide, options) = (wide(py, dtype)?, block_options(&random, nan_is_zero));
    let (matrix, rotation) = (shape.matrix(), rotation.map(Runs::rotation));
    at.launch(py, |at| block::quantize_nv(at, addresses, (format, wide), matrix, rotation, given, options))
}

/// Put the largest finite magnitude of floats called `dtype` into a float that holds 0; `addresses` in reverse order.
#[pyfunction]
pub(crate) fn cuda_quant_amax(
    py: Python<'_>,
    at: At,
    addresses: [u64; 2],
    dtype: &str,
    count: u64,
    rotation: Option<Runs>,
    nan_is_zero: bool,
) -> PyResult<()> {
    let (wide, rotation) = (wide(py, dtype)?, rotation.map(Runs::rotation));
    at.launch(py, |at| block::amax(at, addresses, wide, count, rotation, nan_is_zero))
}

/// Fill floats called `dtype` from codes and scales, and the global scale of an NV format; `addresses` in this order.
#[pyfunction]
pub(crate) fn cuda_quant_dequantize(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    global_scale: Option<u64>,
    dtype: &str,
    format: &str,
    shape: (u64, u64),
) -> PyResult<()> {
    let wide = wide(py, dtype)?;
    let (rows, columns) = shape;
    at.launch(py, |at| block::dequantize(at, addresses, global_scale, (format, wide), rows, columns))
}
