//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod cost;
mod cuda;
mod errors;
mod sim;
mod pareto;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cost::model::Model;
    #[pymodule_export]
    use super::cost::step::StepTime;
    #[pymodule_export]
    use super::cuda::{cuda_devices, cuda_is_available};
    #[pymodule_export]
    use super::sim::simulate;
    use super::pareto::pareto_mask;
}
