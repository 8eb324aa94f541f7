//! Python buffers as slices: the only `unsafe` of this crate.
//!
//! Python checks dtype and contiguity with good messages first (`_arrays.py`); the checks here are what memory safety
//! needs.

use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;

use crate::errors::raise;

/// A C-contiguous buffer that is only read.
pub(crate) struct Input<T: Element>(PyBuffer<T>);

/// A C-contiguous writable buffer that a call fills.
pub(crate) struct Output<T: Element>(PyBuffer<T>);

fn contiguous<T: Element>(object: &Bound<'_, PyAny>) -> PyResult<PyBuffer<T>> {
    let buffer = PyBuffer::<T>::get(object)
        .map_err(|error| raise(object.py(), "DtypeError", format!("array has the wrong dtype: {error}")))?;
    if !buffer.is_c_contiguous() {
        return Err(raise(object.py(), "ShapeError", "array must be C-contiguous".into()));
    }
    Ok(buffer)
}

impl<T: Element> Input<T> {
    /// The elements in C order.
    pub(crate) fn as_slice(&self) -> &[T] {
        if self.0.item_count() == 0 {
            return &[];
        }
        // SAFETY: the buffer is C-contiguous, holds `item_count` elements of `T` and is kept alive by `self`.
        // The caller of the Python function must not write to it from another thread meanwhile, as for any numpy
        // function.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast::<T>(), self.0.item_count()) }
    }
}

impl<T: Element> Output<T> {
    /// The elements in C order, to be filled.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.0.item_count() == 0 {
            return &mut [];
        }
        // SAFETY: the buffer is C-contiguous, writable (checked on extraction), kept alive by `self`, and freshly
        // allocated by our own Python layer, which hands it to one call only.
        unsafe { std::slice::from_raw_parts_mut(self.0.buf_ptr().cast::<T>(), self.0.item_count()) }
    }
}

impl<'py, T: Element> FromPyObject<'_, 'py> for Input<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        contiguous(&object).map(Self)
    }
}

impl<'py, T: Element> FromPyObject<'_, 'py> for Output<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let buffer = contiguous(&object)?;
        if buffer.readonly() {
            return Err(raise(object.py(), "DtypeError", "output array is read-only".into()));
        }
        Ok(Self(buffer))
    }
}
