//! Volumes that points dominate, and what single points add to them.

use std::num::NonZeroUsize;

use paretoserve_core::Error;
use paretoserve_core::pareto::hypervolume::{
    Method, Options, Sampler, Sampling, contributions, hypervolume, improvements, sampled, subset,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::mask::nan_of;
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Whether a signal asks the call to end.
pub(super) fn signaled() -> bool {
    Python::attach(|py| py.check_signals().is_err())
}

/// As the core takes them: `(reference, maximize, nan, threads)`.
type Settings = (Vec<f64>, Vec<bool>, String, Option<NonZeroUsize>);

fn options<'a>(maximize: &'a [bool], nan: &str, threads: Option<NonZeroUsize>) -> Options<'a> {
    Options { maximize, nan: nan_of(nan), threads, stop: &signaled }
}

/// The volume of `points` (row after row) below a reference: `(volume, rows outside, is exact, relative error)`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_hypervolume(
    py: Python<'_>,
    points: Input<f64>,
    method: &str,
    rel_err: f64,
    seed: u64,
    settings: Settings,
) -> PyResult<(f64, usize, bool, f64)> {
    let (reference, maximize, nan, threads) = &settings;
    let options = options(maximize, nan, *threads);
    let method = match method {
        "exact" => Method::Exact,
        "approx" => Method::Approx,
        _ => Method::Auto,
    };
    let points = points.as_slice();
    let volume = detached(py, || hypervolume(points, reference, method, Sampling { rel_err, seed }, &options))?;
    Ok((volume.value, volume.num_outside, volume.method == Method::Exact, volume.rel_err))
}

/// Sums of a ray in so many.
const LANES: usize = 32;

/// The volume of `points` by sampling, with powers of the lengths of rays that a callable computes: as
/// `pareto_hypervolume`.
///
/// `prepare` gets a list of the bytes of distances, orders, multipliers and shifts; what it returns gets the first ray
/// and the end and returns 32 sums per item, each of every 32nd ray.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_hv_sampled(
    py: Python<'_>,
    points: Input<f64>,
    rel_err: f64,
    seed: u64,
    settings: Settings,
    prepare: Py<PyAny>,
) -> PyResult<(f64, usize, bool, f64)> {
    let (reference, maximize, nan, threads) = &settings;
    let options = options(maximize, nan, *threads);
    let (points, sampling) = (points.as_slice(), Sampling { rel_err, seed });
    let (mut prepared, mut failed) = (None, None);
    let found = detached(py, || {
        sampled(points, reference, sampling, &options, &mut |sampler, rays| {
            let sums: PyResult<Vec<f64>> = Python::attach(|py| {
                let powers = match &prepared {
                    Some(powers) => powers,
                    None => prepared.insert(prepare.call1(py, (parts(py, sampler),))?),
                };
                powers.call1(py, (rays.start, rays.end))?.extract(py)
            });
            let sums = sums.map_err(|error| {
                failed = Some(error);
                Error::Interrupted
            })?;
            Ok(sums.chunks_exact(LANES).map(|lanes| lanes.iter().sum()).collect())
        })
    });
    let volume = found.map_err(|error| failed.unwrap_or(error))?;
    Ok((volume.value, volume.num_outside, volume.method == Method::Exact, volume.rel_err))
}

/// The bytes of distances, orders, multipliers and shifts.
fn parts<'py>(py: Python<'py>, sampler: &Sampler) -> [Bound<'py, PyBytes>; 4] {
    let words = |words: &[u32]| PyBytes::new(py, &words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>());
    let distances: Vec<u32> = sampler.distances.iter().map(|value| value.to_bits()).collect();
    [words(&distances), words(&sampler.orders.concat()), words(&sampler.multipliers), words(&sampler.shifts)]
}

/// Fill `out` with what each row of `points` alone dominates; returns the number of rows outside.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_hv_contributions(
    py: Python<'_>,
    mut out: Output<f64>,
    points: Input<f64>,
    settings: Settings,
) -> PyResult<usize> {
    let (reference, maximize, nan, threads) = &settings;
    let options = options(maximize, nan, *threads);
    let (out, points) = (out.as_mut_slice(), points.as_slice());
    detached(py, || contributions(out, points, reference, &options))
}

/// Fill `out` with what each row of `candidates` adds to `points`; returns the numbers of rows outside.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_hv_improvement(
    py: Python<'_>,
    mut out: Output<f64>,
    points: Input<f64>,
    candidates: Input<f64>,
    settings: Settings,
) -> PyResult<[usize; 2]> {
    let (reference, maximize, nan, threads) = &settings;
    let options = options(maximize, nan, *threads);
    let (out, points, candidates) = (out.as_mut_slice(), points.as_slice(), candidates.as_slice());
    detached(py, || improvements(out, points, candidates, reference, &options))
}

/// At most `k` rows that dominate most: `(rows, volume, optimal, rows outside)`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_hv_subset(
    py: Python<'_>,
    points: Input<f64>,
    k: usize,
    settings: Settings,
) -> PyResult<(Vec<u32>, f64, bool, usize)> {
    let (reference, maximize, nan, threads) = &settings;
    let options = options(maximize, nan, *threads);
    let points = points.as_slice();
    let chosen = detached(py, || subset(points, reference, k, &options))?;
    Ok((chosen.rows, chosen.volume, chosen.optimal, chosen.num_outside))
}
