//! Bindings of `paretoserve_core::pareto`; documented in `python/paretoserve/pareto`.

pub(crate) mod hypervolume;
pub(crate) mod mask;
mod points;
