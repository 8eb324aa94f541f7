//! Launches of the kernels of `pareto`, one file per file of kernels: names, arguments in order, size of the grid.
//!
//! A table is `d` columns of keys, one after the other, of 32 bits (narrow) or 64 (wide). Addresses come first, outputs
//! before inputs; 0 stands for an array that is left out.

pub mod beaten;
pub mod draws;
pub mod keys;
pub mod members;
pub mod ranks;
pub mod rays;

/// The end of the names of the kernels for keys of 32 or 64 bits.
pub(crate) fn suffix(wide: bool) -> &'static str {
    if wide { "wide" } else { "narrow" }
}
