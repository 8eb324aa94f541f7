//! Bindings of `paretoserve_core::moe`; documented in `python/paretoserve/moe`.

pub(crate) mod placement;
