//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod cost;
mod cuda;
mod errors;
mod pareto;
mod quant;
mod sched;
mod sim;
mod sim_jobs;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cost::model::Model;
    #[pymodule_export]
    use super::cost::operators::{MixedTable, Operators, fit_grid, operator_features};
    #[pymodule_export]
    use super::cost::step::StepTime;
    #[pymodule_export]
    use super::cuda::{cuda_clear_cache, cuda_compile, cuda_devices, cuda_is_available, cuda_kernel_files};
    #[pymodule_export]
    use super::pareto::pareto_mask;
    #[pymodule_export]
    use super::sched::{Scheduler, sched_replay};
    #[pymodule_export]
    use super::sim::simulate;
    #[pymodule_export]
    use super::sim_jobs::sim_jobs;
}
