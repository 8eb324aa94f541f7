//! The CUDA side of paretoserve: finds, compiles, caches and launches its kernels. Knows no Python and no framework.
//!
//! On cudarc's raw driver interface and NVRTC, both loaded at run time: everything here answers on a machine without
//! them. A kernel goes from its file (`catalog`) through the compiler (`nvrtc`, `compile`) and the cache on disk
//! (`cache`) to the device (`launch`).

pub mod arch;
pub mod cache;
pub mod catalog;
pub mod compile;
mod context;
mod digest;
pub mod driver;
pub mod error;
pub mod launch;
pub mod moe;
mod nvrtc;
pub mod pareto;
pub mod quant;

pub use arch::Arch;
pub use driver::{Device, devices, is_available};
pub use error::{Error, Result};
