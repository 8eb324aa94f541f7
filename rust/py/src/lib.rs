//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod errors;

#[pymodule]
mod _native {
}
