//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod cost;
mod cuda;
mod errors;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cost::{Operators, fit_grid, operator_features};
    #[pymodule_export]
    use super::cuda::{cuda_devices, cuda_is_available};
}
