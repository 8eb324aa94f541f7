//! Binding of the archive. State sits behind a mutex, so that calls from several threads take turns.

#![expect(clippy::doc_markdown, reason = "the docstrings of a Python class, in numpydoc")]

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use paretoserve_core::pareto::{Archive, ArchiveOptions, Counters};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::hypervolume::signaled;
use crate::arrays::{Input, Output, read_floats};
use crate::errors::{detached, raise, to_python};

/// Points that none of the others dominates; see `paretoserve.pareto.Archive`.
#[pyclass(frozen, subclass, module = "paretoserve._native")]
pub(crate) struct ParetoArchive {
    archive: Mutex<Archive>,
    num_objectives: usize,
}

/// Objectives that fit on the stack.
const FEW: usize = 8;

impl ParetoArchive {
    fn lock(&self) -> MutexGuard<'_, Archive> {
        // A call that panicked is a bug that was raised already; the others may go on.
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Run a short call; only if another thread holds the archive, wait without the interpreter lock.
    fn quick<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Archive) -> paretoserve_core::Result<T> + Send,
    ) -> PyResult<T> {
        match self.archive.try_lock() {
            Ok(mut archive) => work(&mut archive).map_err(|error| to_python(py, &error)),
            Err(TryLockError::Poisoned(poisoned)) => {
                work(&mut poisoned.into_inner()).map_err(|error| to_python(py, &error))
            }
            Err(TryLockError::WouldBlock) => detached(py, || work(&mut self.lock())),
        }
    }
}

/// The id of a point: any whole number of 64 bits.
fn whole_number(id: &Bound<'_, PyAny>) -> PyResult<i64> {
    let class = || Ok::<_, PyErr>(id.get_type().name()?.to_string());
    let overflows = |error: &PyErr| error.is_instance_of::<PyOverflowError>(id.py());
    match id.extract::<i64>() {
        Ok(number) if !id.is_instance_of::<PyBool>() => Ok(number),
        Err(error) if overflows(&error) => {
            // Python does not write out the very largest.
            let got = id.str().map_or_else(|_| "a larger one".into(), |text| text.to_string());
            Err(PyValueError::new_err(format!("`id` must be from -2^63 to 2^63 - 1, got {got:.60}")))
        }
        _ => Err(raise(id.py(), "DtypeError", format!("`id` must be a whole number or None, got {}", class()?))),
    }
}

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
impl ParetoArchive {
    #[new]
    fn new(
        py: Python<'_>,
        maximize: Vec<bool>,
        keep_all: bool,
        eps: Option<Vec<f64>>,
        capacity: Option<usize>,
        reference: Option<Vec<f64>>,
    ) -> PyResult<Self> {
        let num_objectives = maximize.len();
        Archive::new(ArchiveOptions { maximize, keep_all, eps, capacity, reference })
            .map(|archive| Self { archive: Mutex::new(archive), num_objectives })
            .map_err(|error| to_python(py, &error))
    }

    /// Offer one point and say whether it is a member now.
    ///
    /// Parameters
    /// ----------
    /// point : sequence of d numbers, or an array of shape (d,)
    ///     Fastest as a list or tuple of floats.
    /// id : int, optional
    ///     Any whole number of 64 bits; None takes the number of points offered before.
    ///
    /// Returns
    /// -------
    /// kept : bool
    ///     False if a member dominates it, if an equal one is there and `keep` is "first", or if it went at once
    ///     because the archive was full.
    ///
    /// Raises
    /// ------
    /// ShapeError, DtypeError
    ///     If `point` is not d real numbers or `id` no whole number.
    /// ValueError
    ///     If a number is NaN, or 64 bits do not hold `id`.
    ///
    /// Notes
    /// -----
    /// O(log m) for two objectives and m members, above that a search in a tree of boxes. A full archive with a
    /// `capacity` takes O(d m log m).
    ///
    /// Examples
    /// --------
    /// >>> archive = Archive(2)
    /// >>> archive.add([1.0, 2.0]), archive.add([2.0, 2.0], id=7)
    /// (True, False)
    #[pyo3(signature = (point, id=None))]
    fn add(&self, py: Python<'_>, point: &Bound<'_, PyAny>, id: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let id = id.map(whole_number).transpose()?;
        let mut few = [0.0; FEW];
        let mut many = Vec::new();
        let values = if let Some(values) = few.get_mut(..self.num_objectives) {
            values
        } else {
            many.resize(self.num_objectives, 0.0);
            &mut many
        };
        if read_floats(point, values) {
            return self.quick(py, |archive| archive.add(values, id));
        }
        let row = py.import("paretoserve.pareto.archive")?.getattr("as_point")?.call1((point, self.num_objectives))?;
        let row: Input<f64> = row.extract()?;
        let values = row.as_slice();
        self.quick(py, |archive| archive.add(values, id))
    }

    /// Fill `kept` with 1 for the rows of `points` that are members at the end.
    fn offer(
        &self,
        py: Python<'_>,
        mut kept: Output<u8>,
        points: Input<f64>,
        ids: Option<Input<i64>>,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<()> {
        let (kept, points) = (kept.as_mut_slice(), points.as_slice());
        let ids = ids.as_ref().map(Input::as_slice);
        detached(py, || self.lock().add_many(kept, points, ids, threads))
    }

    /// Fill `out` with 1 for the rows of `points` that some member dominates.
    fn mark_dominated(&self, py: Python<'_>, mut out: Output<u8>, points: Input<f64>) -> PyResult<()> {
        let (out, points) = (out.as_mut_slice(), points.as_slice());
        detached(py, || self.lock().dominated(out, points))
    }

    /// Fill in points, ids and how many points had been offered before each, best first; false if there are more or
    /// fewer members by now than there is room for.
    fn members(
        &self,
        py: Python<'_>,
        mut points: Output<f64>,
        mut ids: Output<i64>,
        mut serials: Output<i64>,
    ) -> PyResult<bool> {
        let (points, ids, serials) = (points.as_mut_slice(), ids.as_mut_slice(), serials.as_mut_slice());
        detached(py, || {
            let (own_points, own_ids, own_serials) = self.lock().front();
            let fits = own_ids.len() == ids.len();
            if fits {
                points.copy_from_slice(&own_points);
                ids.copy_from_slice(&own_ids);
                for (out, serial) in serials.iter_mut().zip(own_serials) {
                    *out = serial as i64;
                }
            }
            Ok(fits)
        })
    }

    /// Number of members.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.quick(py, |archive| Ok(archive.len()))
    }

    /// Return the volume between the members and `ref`.
    ///
    /// Returns
    /// -------
    /// volume : float
    ///     0 when there is no member; members that are not better than `ref` everywhere add nothing.
    ///
    /// Raises
    /// ------
    /// ValueError
    ///     If the archive was made without `ref`.
    ///
    /// Notes
    /// -----
    /// Up to four objectives it is kept up to date by `add` once it was asked for; above that, and after batches, it is
    /// computed when it is asked for. It may differ from that of `front` in the last digits, within 1e-12 of it.
    ///
    /// Examples
    /// --------
    /// >>> archive = Archive(2, ref=[4, 4])
    /// >>> archive.add([1.0, 2.0]), archive.hypervolume()
    /// (True, 6.0)
    /// >>> archive.add([2.0, 1.0]), archive.hypervolume()
    /// (True, 8.0)
    fn hypervolume(&self, py: Python<'_>) -> PyResult<f64> {
        detached(py, || self.lock().hypervolume(&signaled))
    }

    /// Points offered, points that became members, and members that went again.
    fn counted(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        self.quick(py, |archive| {
            let Counters { offered, kept, removed } = archive.counters();
            Ok((offered, kept, removed))
        })
    }

    /// Set the counters, as a copy has them.
    fn set_counted(&self, py: Python<'_>, offered: u64, kept: u64, removed: u64) -> PyResult<()> {
        self.quick(py, |archive| {
            archive.set_counters(Counters { offered, kept, removed });
            Ok(())
        })
    }
}
