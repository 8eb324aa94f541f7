//! Algorithms of paretoserve. Pure Rust: no Python, no CUDA; slices in, slices out.
//!
//! Each module is one part of the package and has the same name at every level
//! (`rust/core/src/pareto`, `rust/py/src/pareto.rs`, `python/paretoserve/pareto`).

pub mod cost;
pub mod error;
pub mod moe;
mod order;
pub mod parallel;
pub mod pareto;
pub mod partition;
pub mod quant;
pub mod random;
pub mod sched;
pub mod sim;
pub mod simd;

pub use error::{Error, Result};
