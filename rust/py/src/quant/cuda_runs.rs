//! Bindings of `paretoserve_cuda::quant`: groups, runs and tiles, bit streams, tiles of scales, rotations.

use paretoserve_cuda::quant::bits::{self, Packing};
use paretoserve_cuda::quant::rotate;
use paretoserve_cuda::quant::run::{self, Integers};
use pyo3::prelude::*;

use super::cuda::{Random, block_options, wide};
use crate::cuda::At;

/// Width, number of the scales' dtype, number of the rule.
#[derive(FromPyObject)]
pub(crate) struct Kind(u32, u32, u32);

impl Kind {
    fn integers(&self) -> Integers {
        Integers { bits: self.0, scale_type: self.1, rule: self.2 }
    }
}

/// Width, whether the first code is at the upper end, bytes of a word, number of the coding.
#[derive(FromPyObject)]
pub(crate) struct How(u32, bool, u32, u32);

impl How {
    fn packing(&self) -> Packing {
        Packing { bits: self.0, msb_first: self.1, word_bytes: self.2, coding: self.3 }
    }
}

/// Fill codes, scales and zero points (0 for none) of integers in groups from floats; `addresses` in this order.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_group(
    py: Python<'_>,
    at: At,
    addresses: [u64; 4],
    dtype: &str,
    shape: [u64; 3],
    kind: Kind,
    random: Random,
    nan_is_zero: bool,
) -> PyResult<()> {
    let (wide, options) = (wide(py, dtype)?, block_options(&random, nan_is_zero));
    at.launch(py, |at| run::quantize_group(at, addresses, wide, shape, kind.integers(), options))
}

/// Fill floats from codes, scales and zero points (0 for none) of integers in groups; `addresses` in this order.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_group_dequantize(
    py: Python<'_>,
    at: At,
    addresses: [u64; 4],
    dtype: &str,
    shape: [u64; 3],
    kind: Kind,
) -> PyResult<()> {
    let wide = wide(py, dtype)?;
    at.launch(py, |at| run::dequantize_group(at, addresses, wide, shape, kind.integers()))
}

/// Fill codes and scales of FP8 from floats: runs with `tile` left out, else tiles; `addresses` in this order.
///
/// `shape` is batch, rows, columns; a run is `block[1]` columns, a tile `block`.
#[pyfunction]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_fp8(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    dtype: &str,
    shape: [u64; 3],
    block: [u64; 2],
    powers: bool,
    random: Random,
    nan_is_zero: bool,
) -> PyResult<()> {
    let (wide, options) = (wide(py, dtype)?, block_options(&random, nan_is_zero));
    let [batch, rows, columns] = shape;
    let [tile_rows, tile_columns] = block;
    at.launch(py, |at| {
        if tile_rows > 1 {
            let shape = [batch, rows, columns, tile_rows, tile_columns];
            run::quantize_tiles(at, addresses, wide, shape, powers, options)
        } else {
            let shape = [batch * rows, columns, tile_columns];
            run::quantize_runs(at, addresses, wide, shape, powers, options)
        }
    })
}

/// Fill floats from codes and scales of FP8; `addresses` in this order, sizes as in `cuda_quant_fp8`.
#[pyfunction]
pub(crate) fn cuda_quant_fp8_dequantize(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    dtype: &str,
    shape: [u64; 3],
    block: [u64; 2],
) -> PyResult<()> {
    let wide = wide(py, dtype)?;
    let [batch, rows, columns] = shape;
    let [tile_rows, tile_columns] = block;
    at.launch(py, |at| {
        if tile_rows > 1 {
            let shape = [batch, rows, columns, tile_rows, tile_columns];
            run::dequantize_tiles(at, addresses, wide, shape)
        } else {
            run::dequantize_runs(at, addresses, wide, [batch * rows, columns, tile_columns])
        }
    })
}

/// Pack codes, or unpack with `inverse`; `addresses` are those of the result and the source.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn cuda_quant_pack(
    py: Python<'_>,
    at: At,
    addresses: [u64; 2],
    shape: [u64; 2],
    how: How,
    inverse: bool,
) -> PyResult<()> {
    let work = if inverse { bits::unpack } else { bits::pack };
    at.launch(py, |at| work(at, addresses, shape, how.packing()))
}

/// Put scales into tiles of 128x4, or take them out with `inverse`; `addresses` are those of the result and the source.
#[pyfunction]
pub(crate) fn cuda_quant_swizzle(
    py: Python<'_>,
    at: At,
    addresses: [u64; 2],
    shape: [u64; 2],
    inverse: bool,
) -> PyResult<()> {
    at.launch(py, |at| bits::swizzle(at, addresses, shape, inverse))
}

/// Rotate runs of `n` floats; `addresses` are those of the result, the source, and the signs or 0.
#[pyfunction]
pub(crate) fn cuda_quant_hadamard(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    dtype: &str,
    count: u64,
    n: u32,
    inverse: bool,
) -> PyResult<()> {
    let wide = wide(py, dtype)?;
    at.launch(py, |at| rotate::hadamard(at, addresses, wide, count, n, inverse))
}
