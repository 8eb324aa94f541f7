//! Numbers in few bits: codes and scales of a tensor, and the bytes in which engines read them.
//!
//! [`format`] specifies every scalar format by a table and a slow obvious conversion; the fast loops are tested against
//! it. [`source`] is what can be quantized: float32, float16, bfloat16. [`random`] feeds stochastic rounding.

pub mod allocate;
pub mod block;
pub mod cast;
pub mod error;
pub mod format;
pub mod layout;
mod numbers;
pub mod pack;
pub mod planes;
pub mod source;

pub use format::{FloatFormat, Rounding, Special};
pub use source::{Bf16, F16, F32, Float};
