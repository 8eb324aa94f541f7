//! The CUDA side of paretoserve, on cudarc's raw driver interface. Knows no Python and no framework.
//!
//! The driver library is loaded at run time: everything here answers on a machine without one.

pub mod catalog;
pub mod driver;

pub use driver::{Device, Error, devices, is_available};
