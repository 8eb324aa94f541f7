//! Bindings of `paretoserve_cuda::pareto`: addresses and sizes in, a launch on the caller's stream.

use paretoserve_cuda::pareto::beaten::{Beating, beaten};
use paretoserve_cuda::pareto::keys::{Column, DTYPES, keys};
use paretoserve_cuda::pareto::members::members;
use paretoserve_cuda::pareto::ranks::ranks;
use pyo3::prelude::*;

use crate::cuda::At;
use crate::errors::{detached_cuda, raise};

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
    detached_cuda(py, || keys(at.stream(), addresses, column, wide))
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
    detached_cuda(py, || beaten(at.stream(), addresses, sizes, d, order, wide))
}

/// Add to counts how often each row is on the front of a sample; `addresses` are counts, rows that take part, keys.
///
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
    detached_cuda(py, || members(at.stream(), addresses, sizes, d, wide))
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
    detached_cuda(py, || ranks(at.stream(), addresses, n, d, wide))
}
