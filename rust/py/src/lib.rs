//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod cost;
mod cuda;
mod errors;
mod pareto;
mod sim;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cost::model::Model;
    #[pymodule_export]
    use super::cost::operators::{Operators, fit_grid, operator_features};
    #[pymodule_export]
    use super::cost::step::StepTime;
    #[pymodule_export]
    use super::cuda::{cuda_devices, cuda_is_available};
    #[pymodule_export]
    use super::pareto::pareto_mask;
    #[pymodule_export]
    use super::sim::simulate;
}
