//! Bindings of `paretoserve_core::cost`.

pub(crate) mod model;
pub(crate) mod step;
