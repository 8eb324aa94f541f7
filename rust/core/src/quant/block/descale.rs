//! Runs of numbers that share a float scale, back to numbers: the inverse of [`super::scaled`].

use std::num::NonZeroUsize;

use super::scaled::{Scaled, Unit, check, parts};
use super::sink::{PIECE, Sink, Unpacker};
use crate::quant::numbers::Numbers;
use crate::quant::source::Float;
use crate::simd::{Kernel, Level, dispatch};
use crate::{Result, parallel};

/// Dequantize rows of `columns` elements in runs of `run`: the inverse of [`super::scaled::quantize`].
#[expect(clippy::too_many_arguments, reason = "outputs, inputs, sizes, options")]
pub fn dequantize<S: Float, F: Float, K: Scaled>(
    out: &mut [S::Bits],
    codes: &[u8],
    scales: &[F::Bits],
    zeros: Option<&[u8]>,
    format: K,
    run: usize,
    columns: usize,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let lengths = (codes.len(), scales.len(), zeros.map(<[u8]>::len));
    let unit = check(out.len(), columns, run, format.bits(), lengths)?;
    let each = parts(out.len() / unit.elements, parallel::num_threads(threads, size_of_val(out)));
    dequantize_parts::<S, K>(out, codes, F::numbers(scales), zeros, format, run, unit, each, level);
    Ok(())
}

/// Dequantize parts of `each` units on threads. Not generic over the dtype of the scales, which would be three copies.
#[expect(clippy::too_many_arguments, reason = "outputs, inputs, sizes, options")]
fn dequantize_parts<S: Float, K: Scaled>(
    out: &mut [S::Bits],
    codes: &[u8],
    scales: Numbers<'_>,
    zeros: Option<&[u8]>,
    format: K,
    run: usize,
    unit: Unit,
    each: usize,
    level: Level,
) {
    let (total, format) = (out.len(), format.at(level));
    let mut zero_parts = zeros.map(|zeros| zeros.chunks(each * unit.runs));
    let inputs = codes.chunks(each * unit.bytes).zip(scales.chunks(each * unit.runs));
    let work: Vec<_> = out
        .chunks_mut(each * unit.elements)
        .zip(inputs)
        .map(|(out, (codes, scales))| {
            let zeros = zero_parts.as_mut().and_then(Iterator::next);
            Dequantize::<S, K> { out, codes, scales, zeros, format, run, unit, level, total }
        })
        .collect();
    parallel::each(work, |part| dispatch(level, part));
}

struct Dequantize<'a, S: Float, K: Scaled> {
    out: &'a mut [S::Bits],
    codes: &'a [u8],
    scales: Numbers<'a>,
    zeros: Option<&'a [u8]>,
    format: K,
    run: usize,
    unit: Unit,
    level: Level,
    /// Elements of the whole output.
    total: usize,
}

impl<S: Float, K: Scaled> Kernel for Dequantize<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (bits, elements) = (self.format.bits(), self.out.len());
        // Codes that follow each other without gaps are one row to the unpacker.
        let (row, row_bytes) =
            if self.unit.dense { (elements, self.codes.len().max(1)) } else { (self.unit.elements, self.unit.bytes) };
        let mut sink = Sink::new(self.out, self.total);
        let mut index = 0;
        for packed in self.codes.chunks(row_bytes) {
            let mut codes = Unpacker::new(packed, row, bits, self.level);
            for _ in 0..row / self.unit.elements {
                for from in (0..self.unit.elements).step_by(self.run) {
                    let scale = self.scales.get(index);
                    let zero = self.zeros.map_or(0, |zeros| zeros[index]);
                    let end = self.unit.elements.min(from + self.run);
                    for at in (from..end).step_by(PIECE) {
                        let count = PIECE.min(end - at);
                        self.format.decode::<S>(sink.next(count), codes.next(count), scale, zero);
                    }
                    index += 1;
                }
            }
        }
        sink.finish();
    }
}
