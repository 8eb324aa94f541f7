//! Launches of the kernels of `moe`, one file per file of kernels: names, arguments in order, size of the grid.
//!
//! Addresses come first, outputs before inputs; 0 stands for an array that is left out.

pub mod remap;
pub mod spill;
pub mod split;
