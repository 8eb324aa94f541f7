//! Bindings of `paretoserve_core::quant`; documented in `python/paretoserve/quant`.

pub(crate) mod allocate;
pub(crate) mod cast;
pub(crate) mod cuda;
pub(crate) mod cuda_runs;
pub(crate) mod error;
pub(crate) mod gguf;
pub(crate) mod group;
pub(crate) mod hadamard;
pub(crate) mod minifloat;
pub(crate) mod mx;
pub(crate) mod nv;
pub(crate) mod pack;
pub(crate) mod planes;
pub(crate) mod quest;
pub(crate) mod scaled;
pub(crate) mod swizzle;
pub(crate) mod transpose;

use std::num::NonZeroUsize;

use paretoserve_core::quant::Rounding;
use paretoserve_core::quant::block::{Nan, Options};
use paretoserve_core::simd;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Run `$body` with `$S` standing for the wide float format called `$dtype`:
/// `by_float!(py, dtype, S => run::<S>(py, out, x))`.
macro_rules! by_float {
    ($py:expr, $dtype:expr, $S:ident => $body:expr) => {
        match $dtype {
            "float32" => {
                type $S = paretoserve_core::quant::F32;
                $body
            }
            "float16" => {
                type $S = paretoserve_core::quant::F16;
                $body
            }
            "bfloat16" => {
                type $S = paretoserve_core::quant::Bf16;
                $body
            }
            other => Err($crate::errors::raise(
                $py,
                "DtypeError",
                format!("array must be float32, float16 or bfloat16, got {other}"),
            )),
        }
    };
}
pub(crate) use by_float;

/// Options of the block formats: elements in a row with and without padding; rounding, seed and what NaN does.
pub(crate) fn options(
    (columns, logical_columns): (usize, usize),
    (rounding, seed, nan): (&str, u64, &str),
    threads: Option<NonZeroUsize>,
) -> PyResult<Options> {
    let rounding = match rounding {
        "rne" => Rounding::NearestEven,
        "half_away" => Rounding::HalfAway,
        "stochastic" => Rounding::Stochastic,
        other => return Err(PyValueError::new_err(format!("`rounding` must be the name of a rounding, got {other}"))),
    };
    let nan = match nan {
        "scale" => Nan::Scale,
        "raise" => Nan::Raise,
        "zero" => Nan::Zero,
        other => return Err(PyValueError::new_err(format!("`nan` must be the name of a policy, got {other}"))),
    };
    Ok(Options { rounding, seed, nan, columns, logical_columns, threads, level: simd::level() })
}
