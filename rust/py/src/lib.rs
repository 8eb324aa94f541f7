//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod cuda;
mod errors;
mod pareto;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cuda::{cuda_devices, cuda_is_available};
    #[pymodule_export]
    use super::pareto::pareto_mask;
}
