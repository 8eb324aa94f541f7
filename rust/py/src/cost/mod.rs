//! Bindings of `paretoserve_core::cost`.

pub(crate) mod model;
