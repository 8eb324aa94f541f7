//! Bindings of `paretoserve_core::cost`.

pub(crate) mod model;
pub(crate) mod operators;
pub(crate) mod step;
