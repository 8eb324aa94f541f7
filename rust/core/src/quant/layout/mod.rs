//! Where the bytes of a quantized tensor lie in the files that engines read.
//!
//! [`gguf`] decodes and encodes the blocks of llama.cpp; [`nibbles`] moves 4-bit codes between the orders in use;
//! [`transpose`] goes between weights packed along inputs and along outputs, as GPTQ and AWQ do; [`swizzle`] lays
//! scales out for tensor cores.

pub mod gguf;
pub mod nibbles;
pub mod swizzle;
pub mod transpose;
#[cfg(target_arch = "x86_64")]
mod transpose_x86;
