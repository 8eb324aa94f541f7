//! Bindings of `paretoserve_core::pareto`; documented in `python/paretoserve/pareto`.

pub(crate) mod archive;
pub(crate) mod attainment;
pub(crate) mod compose;
pub(crate) mod counts;
pub(crate) mod cover;
pub(crate) mod cuda;
pub(crate) mod explain;
pub(crate) mod hull;
pub(crate) mod hypervolume;
pub(crate) mod indicator;
pub(crate) mod mask;
pub(crate) mod noise;
mod points;
pub(crate) mod ranks;
