//! Runs of numbers that share a float scale: what integer groups, FP8 groups and NF4 have in common.
//!
//! A format fits a scale to a run, the scale is rounded to the dtype in which it is stored, and the codes are computed
//! with that rounded scale. Runs are handled in pieces that stay in the first-level cache; codes are packed there and
//! written around the cache when there are many.

use super::{Nan, Options, finite};
use crate::parallel;
use crate::quant::pack::pack_codes;
use crate::quant::source::{F32, Float};
use crate::simd::{Kernel, STREAM_FROM_BYTES, dispatch, stream};
use crate::{Error, Result};

/// Elements per piece.
pub(super) const PIECE: usize = 4096;

/// Elements that loops handle at once, whatever the vectors' width: the smallest group in use.
pub(crate) const LANES: usize = 32;

/// The bits of infinity: a larger or equal magnitude is not finite.
pub(crate) const INFINITY_BITS: u32 = 0x7F80_0000;

/// A format whose runs have a float scale and perhaps a zero point.
pub trait Scaled: Copy + Send + Sync {
    /// Bits of a code.
    fn bits(&self) -> u32;
    /// The scale of `x`, before it is rounded to its dtype, and the least element or 0; none if `x` is not finite.
    fn fit<S: Float>(&self, x: &[S::Bits]) -> Option<(f32, f32)>;
    /// The zero point under the stored scale.
    fn zero(&self, scale: f32, least: f32) -> u8;
    /// Codes of `x`, whose random words start at that of `key`; `scale` is not 0.
    fn encode<S: Float>(&self, codes: &mut [u8], x: &[S::Bits], scale: f32, zero: u8, options: &Options, key: u64);
    /// The code of 0 where the scale is 0 or NaN.
    fn blank(&self) -> u8;
    /// The numbers that `codes` stand for.
    fn decode<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scale: f32, zero: u8);
}

/// Where a matrix in runs keeps codes, scales and zero points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Elements of the least part whose codes end at a byte: a run, or a row.
    pub(super) elements: usize,
    pub(super) runs: usize,
    pub(super) bytes: usize,
}

impl Unit {
    /// Of `elements` in whole units, how many are packed together: all if no unit ends inside a byte.
    pub(super) fn row(self, bits: u32, elements: usize) -> usize {
        if (self.elements * bits as usize).is_multiple_of(8) { elements } else { self.elements }
    }
}

/// Bytes of a row of `columns` codes of `bits` bits.
pub const fn row_bytes(columns: usize, bits: u32) -> usize {
    (columns * bits as usize).div_ceil(8)
}

fn unit(columns: usize, run: usize, bits: u32) -> Unit {
    let elements = if (run * bits as usize).is_multiple_of(8) { run } else { columns };
    Unit { elements, runs: elements / run, bytes: row_bytes(elements, bits) }
}

/// Units per thread, at least 1.
pub(crate) fn parts(units: usize, threads: usize) -> usize {
    units.div_ceil(threads.max(1)).max(1)
}

/// Check sizes: rows of whole runs, room for codes, scales and zero points. Returns the layout.
pub(super) fn check(
    elements: usize,
    columns: usize,
    run: usize,
    bits: u32,
    lengths: (usize, usize, Option<usize>),
) -> Result<Unit> {
    if run == 0 || columns == 0 || !columns.is_multiple_of(run) || !elements.is_multiple_of(columns) {
        return Err(Error::shape("x", format_args!("(rows, {columns}) in blocks of {run}"), elements));
    }
    let unit = unit(columns, run, bits);
    let (codes, scales, zeros) = lengths;
    let needed = elements / unit.elements * unit.bytes;
    if codes != needed {
        return Err(Error::shape("codes", needed, codes));
    }
    for (argument, length) in [("scales", Some(scales)), ("zeros", zeros)] {
        if let Some(length) = length.filter(|&length| length != elements / run) {
            return Err(Error::shape(argument, elements / run, length));
        }
    }
    Ok(unit)
}

/// Quantize `x`, rows of `options.columns` elements, in runs of `run`. `F` is the dtype of the scales; `zeros` is there
/// for formats with zero points.
pub fn quantize<S: Float, F: Float, K: Scaled>(
    codes: &mut [u8],
    scales: &mut [F::Bits],
    zeros: Option<&mut [u8]>,
    x: &[S::Bits],
    format: K,
    run: usize,
    options: &Options,
) -> Result<()> {
    let lengths = (codes.len(), scales.len(), zeros.as_ref().map(|zeros| zeros.len()));
    let unit = check(x.len(), options.columns, run, format.bits(), lengths)?;
    if options.nan == Nan::Raise {
        refuse_non_finite::<S>(x, options)?;
    }
    let around_cache = codes.len() >= STREAM_FROM_BYTES;
    let each = parts(x.len() / unit.elements, parallel::num_threads(options.threads, size_of_val(x)));
    let mut zero_parts = zeros.map(|zeros| zeros.chunks_mut(each * unit.runs));
    let codes = codes.chunks_mut(each * unit.bytes);
    let scales = scales.chunks_mut(each * unit.runs);
    let work: Vec<_> = x
        .chunks(each * unit.elements)
        .zip(codes.zip(scales))
        .enumerate()
        .map(|(part, (x, (codes, scales)))| {
            let zeros = zero_parts.as_mut().and_then(Iterator::next);
            let first = part * each * unit.elements;
            Quantize::<S, F, K> { codes, scales, zeros, x, format, run, unit, options, first, around_cache }
        })
        .collect();
    parallel::each(work, |part| dispatch(options.level, part));
    Ok(())
}

struct Quantize<'a, S: Float, F: Float, K: Scaled> {
    codes: &'a mut [u8],
    scales: &'a mut [F::Bits],
    zeros: Option<&'a mut [u8]>,
    x: &'a [S::Bits],
    format: K,
    run: usize,
    unit: Unit,
    options: &'a Options,
    /// Index of the first element in the whole matrix.
    first: usize,
    around_cache: bool,
}

impl<S: Float, F: Float, K: Scaled> Kernel for Quantize<'_, S, F, K> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let units = (PIECE / self.unit.elements).max(1);
        let (elements, bits) = (units * self.unit.elements, self.format.bits());
        let runs = units * self.unit.runs;
        let mut buffer = vec![0; elements];
        let mut packed = vec![0; if bits == 8 { 0 } else { units * self.unit.bytes }];
        for (index, codes) in self.codes.chunks_mut(units * self.unit.bytes).enumerate() {
            let x = &self.x[index * elements..self.x.len().min((index + 1) * elements)];
            let buffer = &mut buffer[..x.len()];
            let scales = &mut self.scales[index * runs..][..x.len() / self.run];
            for (at, ((x, buffer), scale)) in
                x.chunks_exact(self.run).zip(buffer.chunks_exact_mut(self.run)).zip(scales).enumerate()
            {
                let key = self.first + index * elements + at * self.run;
                let (stored, zero) = quantize_run::<S, F, K>(buffer, x, self.format, self.options, key);
                *scale = stored;
                if let Some(zeros) = &mut self.zeros {
                    zeros[index * runs + at] = zero;
                }
            }
            let ready = if bits == 8 {
                buffer
            } else {
                let packed = &mut packed[..codes.len()];
                let row = self.unit.row(bits, buffer.len());
                for (row, bytes) in buffer.chunks_exact(row).zip(packed.chunks_exact_mut(row_bytes(row, bits))) {
                    pack_codes(bytes, row, bits, self.options.level);
                }
                packed
            };
            if self.around_cache {
                stream(codes, ready);
            } else {
                codes.copy_from_slice(ready);
            }
        }
    }
}

#[inline(always)]
fn quantize_run<S: Float, F: Float, K: Scaled>(
    codes: &mut [u8],
    x: &[S::Bits],
    format: K,
    options: &Options,
    flat: usize,
) -> (F::Bits, u8) {
    let Some((scale, least)) = format.fit::<S>(x) else {
        return not_finite::<S, F, K>(codes, x, format, options, flat);
    };
    encode_run::<S, F, K>(codes, x, format, (scale, least), options, flat)
}

#[inline(always)]
fn encode_run<S: Float, F: Float, K: Scaled>(
    codes: &mut [u8],
    x: &[S::Bits],
    format: K,
    (scale, least): (f32, f32),
    options: &Options,
    flat: usize,
) -> (F::Bits, u8) {
    // A scale beyond the dtype would decode to infinity and NaN; the largest one saturates the codes instead.
    let stored = F::from_f32(scale.min(F::LARGEST));
    let scale = F::to_f32(stored);
    if scale == 0.0 {
        codes.fill(format.blank());
        return (stored, format.blank());
    }
    let zero = format.zero(scale, least);
    format.encode::<S>(codes, x, scale, zero, options, options.key(flat));
    (stored, zero)
}

/// A run with NaN or infinity: a NaN scale, or the finite numbers that stand for them.
#[cold]
#[inline(never)]
fn not_finite<S: Float, F: Float, K: Scaled>(
    codes: &mut [u8],
    x: &[S::Bits],
    format: K,
    options: &Options,
    flat: usize,
) -> (F::Bits, u8) {
    let clean: Vec<f32> = x.iter().map(|&bits| finite::<S>(S::to_f32(bits))).collect();
    match format.fit::<F32>(&clean) {
        Some(fit) if options.nan == Nan::Zero => encode_run::<F32, F, K>(codes, &clean, format, fit, options, flat),
        _ => {
            codes.fill(format.blank());
            (F::from_f32(f32::NAN), format.blank())
        }
    }
}

/// The largest magnitude of `x` as float32 bits; NaN counts as larger than infinity.
#[inline(always)]
pub(crate) fn largest_bits<S: Float>(x: &[S::Bits]) -> u32 {
    let magnitude = |bits| S::to_f32(bits).to_bits() & 0x7FFF_FFFF;
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0; LANES];
    for chunk in chunks {
        for (lane, &bits) in lanes.iter_mut().zip(chunk) {
            *lane = magnitude(bits).max(*lane);
        }
    }
    let most = lanes.into_iter().fold(0, u32::max);
    rest.iter().fold(most, |most, &bits| most.max(magnitude(bits)))
}

struct Largest<'a, S: Float>(&'a [S::Bits]);

impl<S: Float> Kernel for Largest<'_, S> {
    type Output = u32;
    #[inline(always)]
    fn run(self) -> u32 {
        largest_bits::<S>(self.0)
    }
}

/// An error that names the first element of `x` that is NaN or infinite, if there is one.
pub(crate) fn refuse_non_finite<S: Float>(x: &[S::Bits], options: &Options) -> Result<()> {
    for (index, piece) in x.chunks(PIECE).enumerate() {
        if dispatch(options.level, Largest::<S>(piece)) < INFINITY_BITS {
            continue;
        }
        for (at, &bits) in piece.iter().enumerate() {
            let value = S::to_f32(bits);
            if !value.is_finite() {
                return Err(options.not_finite(index * PIECE + at, value));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_end_inside_a_byte_make_the_row_the_unit() {
        let of = |unit: Unit| (unit.elements, unit.runs, unit.bytes);
        assert_eq!(of(unit(30, 5, 4)), (30, 6, 15));
        assert_eq!(of(unit(30, 10, 4)), (10, 1, 5));
        assert_eq!(of(unit(15, 5, 3)), (15, 3, 6));
    }
}
