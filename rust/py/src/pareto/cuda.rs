//! Bindings of `paretoserve_cuda::pareto`: addresses and sizes in, a launch on the caller's stream.

use paretoserve_cuda::pareto::beaten::{Beating, beaten};
use paretoserve_cuda::pareto::draws::{Draws, Origin, draws};
use paretoserve_cuda::pareto::keys::{Column, DTYPES, keys};
use paretoserve_cuda::pareto::members::members;
use paretoserve_cuda::pareto::ranks::ranks;
use paretoserve_cuda::pareto::rays::{Rays, powers};
use pyo3::prelude::*;

use crate::cuda::At;
use crate::errors::raise;

/// Fill keys from a column, and zeros in `alive` (0 for none) where it is NaN; `addresses` in this order.
///
/// `shape` is the number of rows and the distance between them.
#[pyfunction]
pub(crate) fn cuda_pareto_keys(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    dtype: &str,
    shape: [u64; 2],
    maximize: bool,
    wide: bool,
) -> PyResult<()> {
    let Some(dtype) = DTYPES.iter().position(|&name| name == dtype) else {
        return Err(raise(py, "DtypeError", format!("`points` must be real numbers, got {dtype}")));
    };
    let column = Column { dtype: dtype as u32, n: shape[0], stride: shape[1], maximize };
    at.launch(py, |at| keys(at, addresses, column, wide))
}

/// Mark the rows that others beat; `addresses` are those of the marks, the rows and the others.
///
/// `sizes` are the numbers of rows and of others, and how many of the others are looked at.
#[pyfunction]
pub(crate) fn cuda_pareto_beaten(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    sizes: [u64; 3],
    d: u32,
    order: &str,
    wide: bool,
) -> PyResult<()> {
    let order = match order {
        "by_order" => Beating::ByOrder,
        "by_order_even" => Beating::ByOrderEven,
        _ => Beating::Strictly,
    };
    at.launch(py, |at| beaten(at, addresses, sizes, d, order, wide))
}

/// Add to counts how often each row is on the front of a sample.
///
/// `addresses` are those of the counts, of the rows that take part (0 for all), and of the keys.
/// `sizes` are rows and samples.
#[pyfunction]
pub(crate) fn cuda_pareto_members(
    py: Python<'_>,
    at: At,
    addresses: [u64; 3],
    sizes: [u64; 2],
    d: u32,
    wide: bool,
) -> PyResult<()> {
    at.launch(py, |at| members(at, addresses, sizes, d, wide))
}

/// Fill ranks, 0 before, of `n` sorted rows; `addresses` are those of ranks and keys.
#[pyfunction]
pub(crate) fn cuda_pareto_ranks(
    py: Python<'_>,
    at: At,
    addresses: [u64; 2],
    n: u64,
    d: u32,
    wide: bool,
) -> PyResult<()> {
    at.launch(py, |at| ranks(at, addresses, n, d, wide))
}

/// Fill wide keys of draws; `addresses` are those of keys, values, spread, offsets (0 for none) and directions.
///
/// `sizes` are rows, number of the first draw, number of draws, and objectives.
#[pyfunction]
pub(crate) fn cuda_pareto_draws(
    py: Python<'_>,
    at: At,
    addresses: [u64; 5],
    sizes: (u64, u64, u64, u32),
    kind: &str,
    quantile: f64,
    seed: u64,
) -> PyResult<()> {
    let origin = match kind {
        "normal" => Origin::Normal,
        "joint" => Origin::Joint,
        "mean" => Origin::Mean,
        "median" => Origin::Median,
        _ => Origin::Quantile(quantile),
    };
    let (n, first, samples, d) = sizes;
    at.launch(py, |at| draws(at, addresses, Draws { origin, sizes: [n, first, samples], d, seed }))
}

/// Add powers of the lengths of rays to sums; `addresses` are those of sums, lengths, distances, orders, multipliers
/// and shifts.
///
/// `sizes` are the number of points, of objectives and of items; `rays` the first of each item, and how many.
#[pyfunction]
pub(crate) fn cuda_pareto_powers(
    py: Python<'_>,
    at: At,
    addresses: [u64; 6],
    sizes: (u64, u32, u32),
    rays: [u32; 2],
) -> PyResult<()> {
    let (n, d, items) = sizes;
    at.launch(py, |at| powers(at, addresses, Rays { n, d, items, rays }))
}
