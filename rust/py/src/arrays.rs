//! Python buffers and lists as slices: the only `unsafe` of this crate.
//!
//! Python checks dtype and contiguity with good messages first (`_arrays.py`); the checks here are what memory safety
//! needs.

use pyo3::buffer::{Element, PyBuffer};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::errors::raise;

/// A C-contiguous buffer that is only read.
pub(crate) struct Input<T: Element>(PyBuffer<T>);

/// A buffer of one or two dimensions that is only read, with any strides that are not negative.
pub(crate) struct Strided<T: Element>(PyBuffer<T>);

/// Fill `out` from a list or tuple of as many floats; false if `object` is anything else.
pub(crate) fn read_floats(object: &Bound<'_, PyAny>, out: &mut [f64]) -> bool {
    type Item = unsafe extern "C" fn(*mut ffi::PyObject, ffi::Py_ssize_t) -> *mut ffi::PyObject;
    let (length, item): (_, Item) = if let Ok(list) = object.cast_exact::<PyList>() {
        (list.len(), ffi::PyList_GetItem)
    } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        (tuple.len(), ffi::PyTuple_GetItem)
    } else {
        return false;
    };
    if length != out.len() {
        return false;
    }
    for (index, out) in (0..).zip(out) {
        // SAFETY: `object` is a list or tuple of this class itself, and `index` is below its length. The item is
        // borrowed from it: nothing here runs Python code or lets go of the interpreter lock, so it stays there.
        unsafe {
            let value = item(object.as_ptr(), index);
            if ffi::PyFloat_CheckExact(value) == 0 {
                return false;
            }
            *out = ffi::PyFloat_AsDouble(value);
        }
    }
    true
}

/// A C-contiguous writable buffer that a call fills.
pub(crate) struct Output<T: Element>(PyBuffer<T>);

fn typed<T: Element>(object: &Bound<'_, PyAny>) -> PyResult<PyBuffer<T>> {
    PyBuffer::<T>::get(object)
        .map_err(|error| raise(object.py(), "DtypeError", format!("array has the wrong dtype: {error}")))
}

fn contiguous<T: Element>(object: &Bound<'_, PyAny>) -> PyResult<PyBuffer<T>> {
    let buffer = typed(object)?;
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

impl<T: Element> Strided<T> {
    /// Rows, columns, and the distances between neighbors in elements. One dimension is one column.
    pub(crate) fn layout(&self) -> [usize; 4] {
        let (shape, strides) = (self.0.shape(), self.0.strides());
        let step = |axis: usize| strides[axis] as usize / size_of::<T>();
        if shape.len() == 1 { [shape[0], 1, step(0), 0] } else { [shape[0], shape[1], step(0), step(1)] }
    }

    /// From the first element to the last, with whatever lies between them.
    pub(crate) fn as_slice(&self) -> &[T] {
        let [rows, columns, down, across] = self.layout();
        if rows == 0 || columns == 0 {
            return &[];
        }
        let length = (rows - 1) * down + (columns - 1) * across + 1;
        // SAFETY: the first element is aligned and no stride is negative or a fraction (checked on extraction), so the
        // elements lie between the first and the last one, in one allocation that `self` keeps alive. As for `Input`,
        // nobody may write to it meanwhile.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast::<T>(), length) }
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

impl<'py, T: Element> FromPyObject<'_, 'py> for Strided<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let buffer = typed::<T>(&object)?;
        let size = size_of::<T>() as isize;
        let whole = buffer.strides().iter().all(|&stride| stride >= 0 && stride % size == 0);
        if !whole || !matches!(buffer.dimensions(), 1 | 2) || !buffer.buf_ptr().cast::<T>().is_aligned() {
            let message = "array must have one or two dimensions, be aligned and have no negative strides";
            return Err(raise(object.py(), "ShapeError", message.into()));
        }
        Ok(Self(buffer))
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
