//! Runs of numbers that share a float scale, back to numbers: the inverse of [`super::scaled`].

use std::num::NonZeroUsize;

use super::scaled::{PIECE, Scaled, Unit, check, parts, row_bytes};
use crate::quant::pack::unpack_codes;
use crate::quant::source::Float;
use crate::simd::{Kernel, Level, STREAM_FROM_BYTES, dispatch, stream};
use crate::{Result, parallel};

/// Dequantize: the inverse of [`quantize`]; `level` and `threads` as there.
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
    let around_cache = size_of_val(out) >= STREAM_FROM_BYTES;
    let each = parts(out.len() / unit.elements, parallel::num_threads(threads, size_of_val(out)));
    let mut zero_parts = zeros.map(|zeros| zeros.chunks(each * unit.runs));
    let codes = codes.chunks(each * unit.bytes).zip(scales.chunks(each * unit.runs));
    let work: Vec<_> = out
        .chunks_mut(each * unit.elements)
        .zip(codes)
        .map(|(out, (codes, scales))| {
            let zeros = zero_parts.as_mut().and_then(Iterator::next);
            Dequantize::<S, F, K> { out, codes, scales, zeros, format, run, unit, level, around_cache }
        })
        .collect();
    parallel::each(work, |part| dispatch(level, part));
    Ok(())
}

struct Dequantize<'a, S: Float, F: Float, K: Scaled> {
    out: &'a mut [S::Bits],
    codes: &'a [u8],
    scales: &'a [F::Bits],
    zeros: Option<&'a [u8]>,
    format: K,
    run: usize,
    unit: Unit,
    level: Level,
    around_cache: bool,
}

impl<S: Float, F: Float, K: Scaled> Kernel for Dequantize<'_, S, F, K> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let units = (PIECE / self.unit.elements).max(1);
        let (elements, bits) = (units * self.unit.elements, self.format.bits());
        let runs = units * self.unit.runs;
        let mut unpacked = vec![0; if bits == 8 { 0 } else { elements }];
        let mut buffer = vec![S::Bits::default(); if self.around_cache { elements } else { 0 }];
        for (index, out) in self.out.chunks_mut(elements).enumerate() {
            let packed = &self.codes[index * units * self.unit.bytes..];
            let codes = if bits == 8 {
                &packed[..out.len()]
            } else {
                let unpacked = &mut unpacked[..out.len()];
                let row = self.unit.row(bits, out.len());
                for (row, bytes) in unpacked.chunks_exact_mut(row).zip(packed.chunks(row_bytes(row, bits))) {
                    unpack_codes(row, bytes, bits, self.level);
                }
                unpacked
            };
            let target = if self.around_cache { &mut buffer[..out.len()] } else { &mut *out };
            let both = target.chunks_exact_mut(self.run).zip(codes.chunks_exact(self.run));
            for (at, (target, codes)) in both.enumerate() {
                let scale = F::to_f32(self.scales[index * runs + at]);
                let zero = self.zeros.map_or(0, |zeros| zeros[index * runs + at]);
                self.format.decode::<S>(target, codes, scale, zero);
            }
            if self.around_cache {
                stream(out, &buffer[..out.len()]);
            }
        }
    }
}
