//! Bindings of `paretoserve_core::quant::pack`; documented in `python/paretoserve/quant/pack.py`.

use std::num::NonZeroUsize;

use paretoserve_core::quant::pack::{Coding, Order, Packing, pack, unpack};
use paretoserve_core::simd;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

fn packing(bits: u32, order: &str, word: usize, coding: &str) -> Packing {
    Packing {
        bits,
        order: if order == "msb" { Order::Msb } else { Order::Lsb },
        word_bytes: word / 8,
        coding: match coding {
            "offset" => Coding::Offset,
            "twos" => Coding::Twos,
            _ => Coding::Unsigned,
        },
    }
}

/// Fill `out` with the rows of `x`, of `cols` numbers each, packed in `bits` bits; both as bytes.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn quant_pack_bits(
    py: Python<'_>,
    mut out: Output<u8>,
    x: Input<u8>,
    cols: usize,
    bits: u32,
    order: &str,
    word: usize,
    coding: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, x, packing) = (out.as_mut_slice(), x.as_slice(), packing(bits, order, word, coding));
    detached(py, || pack(out, x, cols, &packing, threads, simd::level()))
}

/// Fill `out`, rows of `cols` numbers, from rows packed in `bits` bits; both as bytes.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn quant_unpack_bits(
    py: Python<'_>,
    mut out: Output<u8>,
    packed: Input<u8>,
    cols: usize,
    bits: u32,
    order: &str,
    word: usize,
    coding: &str,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let (out, packed, packing) = (out.as_mut_slice(), packed.as_slice(), packing(bits, order, word, coding));
    detached(py, || unpack(out, packed, cols, &packing, threads, simd::level()))
}
