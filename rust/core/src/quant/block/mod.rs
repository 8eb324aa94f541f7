//! Blocks of numbers that share a scale: MX formats with power-of-two scales, NV formats with two levels.
//!
//! A matrix in C order whose rows are whole blocks is a sequence of blocks, and that is what the loops see: threads get
//! runs of blocks, and rows matter only for the random word of an element and for messages.

pub mod amax;
pub mod descale;
#[cfg(target_arch = "x86_64")]
mod e2m1;
pub mod element;
pub mod four_six;
pub mod fp8;
pub mod group;
pub mod hadamard;
mod lane;
pub mod minifloat;
pub mod mx;
mod mx_loop;
#[cfg(test)]
mod mx_tests;
mod narrow;
mod nibbles;
pub mod nv;
mod nv_loop;
#[cfg(test)]
mod nv_tests;
pub mod nv_tiles;
pub mod peer;
pub mod quest;
pub mod scale;
pub mod scaled;
mod sink;
pub mod table;
pub mod tiles;
#[cfg(target_arch = "x86_64")]
mod vectors;
#[cfg(target_arch = "x86_64")]
mod vectors512;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::num::NonZeroUsize;

use crate::quant::source::Float;
use crate::simd::Level;
use crate::{Error, Result, parallel};

pub use super::format::Rounding;
pub use element::Element;
pub use scale::Rule;

/// What NaN and infinity in the input do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nan {
    /// The scale of their block becomes NaN.
    Scale,
    /// They are an error.
    Raise,
    /// NaN becomes 0 and infinity the largest finite number of the source.
    Zero,
}

/// How to quantize, whatever the format.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How a value between two codes is rounded.
    pub rounding: Rounding,
    /// Key of stochastic rounding.
    pub seed: u64,
    /// What NaN and infinity do.
    pub nan: Nan,
    /// Elements in a row of the input, padding included.
    pub columns: usize,
    /// Elements in a row without padding: what the random words count.
    pub logical_columns: usize,
    /// Threads, or as many as pay.
    pub threads: Option<NonZeroUsize>,
    /// Which CPU features to use.
    pub level: Level,
}

impl Options {
    /// The index that keys the random word of the element at `flat` in the padded matrix.
    #[inline(always)]
    pub fn key(&self, flat: usize) -> u64 {
        if self.columns == self.logical_columns {
            return flat as u64;
        }
        ((flat / self.columns) * self.logical_columns + flat % self.columns) as u64
    }

    /// The error about the element at `flat`.
    #[cold]
    pub fn not_finite(&self, flat: usize, value: f32) -> Error {
        let (row, column) = (flat / self.columns.max(1), flat % self.columns.max(1));
        let hint = "hint: nan=\"scale\" marks the block, nan=\"zero\" replaces the value";
        Error::value("x", "finite", format_args!("{value} in row {row}, column {column}\n{hint}"))
    }
}

/// Check that `length` elements make rows of whole blocks, and that the outputs have room for them.
pub(crate) fn check_sizes(
    length: usize,
    columns: usize,
    block: usize,
    codes: (usize, usize),
    scales: usize,
) -> Result<()> {
    if !columns.is_multiple_of(block) || (length > 0 && (columns == 0 || !length.is_multiple_of(columns))) {
        return Err(Error::shape("x", format_args!("(rows, {columns}) in blocks of {block}"), length));
    }
    let (bytes, per_block) = codes;
    if bytes != length / block * per_block {
        return Err(Error::shape("codes", length / block * per_block, bytes));
    }
    if scales != length / block {
        return Err(Error::shape("scales", length / block, scales));
    }
    Ok(())
}

/// Blocks per part, so that there is one part for each thread that `bytes` are worth.
pub(crate) fn split(blocks: usize, threads: Option<NonZeroUsize>, bytes: usize) -> usize {
    blocks.div_ceil(parallel::num_threads(threads, bytes)).max(1)
}

/// `value`, or what [`Nan::Zero`] puts in its place.
#[inline(always)]
pub(crate) fn finite<S: Float>(value: f32) -> f32 {
    replaced(value, S::LARGEST)
}

/// As [`finite`], where `largest` is that finite number.
#[inline(always)]
fn replaced(value: f32, largest: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(-largest, largest) }
}

/// Write codes of `bits` bits one after the other from the lowest bit of the first byte on.
pub(crate) fn pack(bytes: &mut [u8], codes: &[u8], bits: u32) {
    bytes.fill(0);
    for (index, &code) in codes.iter().enumerate() {
        let at = index * bits as usize;
        let wide = u16::from(code) << (at % 8);
        bytes[at / 8] |= wide as u8;
        if wide > 0xFF {
            bytes[at / 8 + 1] |= (wide >> 8) as u8;
        }
    }
}

/// The inverse of [`pack`].
#[cfg(test)]
pub(crate) fn unpack(codes: &mut [u8], bytes: &[u8], bits: u32) {
    for (index, code) in codes.iter_mut().enumerate() {
        let at = index * bits as usize;
        let next = bytes.get(at / 8 + 1).map_or(0, |&byte| u16::from(byte) << 8);
        *code = (((u16::from(bytes[at / 8]) | next) >> (at % 8)) & ((1 << bits) - 1)) as u8;
    }
}
