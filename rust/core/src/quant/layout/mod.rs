//! Where the bytes of a quantized tensor lie in the files that engines read.
//!
//! [`gguf`] decodes and encodes the blocks of llama.cpp; [`nibbles`] moves 4-bit codes between the orders in use.

pub mod gguf;
pub mod nibbles;
