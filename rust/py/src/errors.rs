//! Core error to Python exception: the only such place. The classes live in `paretoserve/errors.py`.

use paretoserve_core::Error;
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;

/// The exception that tells Python about `error`.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    match error {
        Error::Shape { .. } => raise(py, "ShapeError", error.to_string()),
        Error::Value { .. } => PyValueError::new_err(error.to_string()),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
    }
}

/// An exception of the class `name` in `paretoserve.errors`.
pub(crate) fn raise(py: Python<'_>, name: &str, message: String) -> PyErr {
    let class = py.import("paretoserve.errors").and_then(|module| module.getattr(name));
    match class.and_then(|class| class.call1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

/// As `detached`, for work of the CUDA side.
pub(crate) fn detached_cuda<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> paretoserve_cuda::Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| match error {
        paretoserve_cuda::Error::UnknownArch { nvrtc: None, .. } | paretoserve_cuda::Error::TooLarge { .. } => {
            PyValueError::new_err(error.to_string())
        }
        error if error.is_of_the_compiler() => raise(py, "CompileError", error.to_string()),
        error => raise(py, "DeviceError", error.to_string()),
    })
}

/// Run `work` without the interpreter lock and map its error: every binding does its work through here.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> paretoserve_core::Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| to_python(py, &error))
}
