//! Bindings of `paretoserve_core::pareto`; documented in `python/paretoserve/pareto`.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{Keep, NanPolicy, Options, Value, mask};
use pyo3::buffer::Element;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::{detached, raise};

/// Fill `out` with 1 for the rows of `points` (C order, one of the dtypes below) that no other row dominates.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "one parameter per argument of the Python function, owned as pyo3 extracts it"
)]
pub(crate) fn pareto_mask(
    py: Python<'_>,
    out: Output<u8>,
    points: &Bound<'_, PyAny>,
    dtype: &str,
    maximize: Vec<bool>,
    keep: &str,
    nan: &str,
    eps: Option<Vec<f64>>,
    groups: Option<Input<u32>>,
    num_groups: usize,
    allowed: Option<Input<u8>>,
    threads: Option<NonZeroUsize>,
) -> PyResult<()> {
    let options = Options {
        maximize: &maximize,
        keep: match keep {
            "first" => Keep::First,
            "last" => Keep::Last,
            _ => Keep::All,
        },
        nan: match nan {
            "drop" => NanPolicy::Drop,
            "worst" => NanPolicy::Worst,
            _ => NanPolicy::Raise,
        },
        eps: eps.as_deref(),
        groups: groups.as_ref().map(Input::as_slice),
        num_groups,
        allowed: allowed.as_ref().map(Input::as_slice),
        threads,
    };
    match dtype {
        "float64" => run::<f64>(py, out, points, &options),
        "float32" => run::<f32>(py, out, points, &options),
        "int64" => run::<i64>(py, out, points, &options),
        "int32" => run::<i32>(py, out, points, &options),
        "int16" => run::<i16>(py, out, points, &options),
        "int8" => run::<i8>(py, out, points, &options),
        "uint64" => run::<u64>(py, out, points, &options),
        "uint32" => run::<u32>(py, out, points, &options),
        "uint16" => run::<u16>(py, out, points, &options),
        "uint8" => run::<u8>(py, out, points, &options),
        _ => Err(raise(py, "DtypeError", format!("`points` must be real numbers, got {dtype}"))),
    }
}

fn run<T: Value + Element>(
    py: Python<'_>,
    mut out: Output<u8>,
    points: &Bound<'_, PyAny>,
    options: &Options<'_>,
) -> PyResult<()> {
    let points: Input<T> = points.extract()?;
    let (out, points) = (out.as_mut_slice(), points.as_slice());
    detached(py, || mask(out, points, options))
}
