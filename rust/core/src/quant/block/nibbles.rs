//! Blocks of 4-bit codes back to numbers: a table of 16 values, looked up in vector registers, times the scales.
//!
//! All 16 values are exact in bfloat16, whose bytes are looked up; that is also the upper half of float32.

use super::Element;
use super::sink::{PIECE, Sink};
use crate::quant::source::Float;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, with_features};
use crate::simd::{Level, STREAM_FROM_BYTES, fence};

/// Codes that are decoded together.
const STEP: usize = 64;

/// What the codes and scales of a tensor mean.
pub(crate) struct FromNibbles {
    /// The value of each code.
    values: [f32; 16],
    /// The value of each scale.
    scales: [f32; 256],
    /// Times this, last.
    global: f32,
    /// Codes that share a scale: 16, or 32 where scales are powers of two.
    group: usize,
    level: Level,
}

impl FromNibbles {
    pub(crate) fn new(element: &Element, scale: impl Fn(u8) -> f32, global: f32, group: usize, level: Level) -> Self {
        let values = std::array::from_fn(|code| element.decode(code as u8));
        Self { values, scales: std::array::from_fn(|byte| scale(byte as u8)), global, group, level }
    }

    /// Fill `out`, which is whole groups.
    pub(crate) fn run<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scales: &[u8]) {
        let large = size_of_val(out) >= STREAM_FROM_BYTES;
        if !large {
            return self.piece::<S, false>(out, codes, scales);
        }
        if out.as_ptr().addr().is_multiple_of(16) {
            self.piece::<S, true>(out, codes, scales);
            return fence();
        }
        let total = out.len();
        let mut sink = Sink::new(out, total);
        for (codes, scales) in codes.chunks(PIECE / 2).zip(scales.chunks(PIECE / self.group)) {
            self.piece::<S, false>(sink.next(2 * codes.len()), codes, scales);
        }
        sink.finish();
    }

    /// `AROUND`: write whole lines around the cache.
    fn piece<S: Float, const AROUND: bool>(&self, out: &mut [S::Bits], codes: &[u8], scales: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = Avx2::at(self.level) {
            use x86::piece;
            let whole = out.len() / STEP * STEP;
            let (head, tail) = out.split_at_mut(whole);
            with_features!(Avx2, proof, piece::<S, AROUND>(self, head, codes, scales));
            self.plain::<S>(tail, &codes[whole / 2..], &scales[whole / self.group..]);
            return;
        }
        self.plain::<S>(out, codes, scales);
    }

    /// The slow and obvious way.
    fn plain<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scales: &[u8]) {
        let groups = out.chunks_mut(self.group).zip(codes.chunks(self.group / 2)).zip(scales);
        for ((out, codes), &scale) in groups {
            let scale = self.scales[usize::from(scale)];
            for (pair, &byte) in out.chunks_mut(2).zip(codes) {
                for (out, code) in pair.iter_mut().zip([byte & 15, byte >> 4]) {
                    *out = S::from_f32(self.values[usize::from(code)] * scale * self.global);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, _MM_FROUND_TO_NEAREST_INT, _mm_set1_epi16, _mm_set1_ps, _mm256_add_epi16, _mm256_add_epi32,
        _mm256_and_si256, _mm256_andnot_si256, _mm256_broadcastsi128_si256, _mm256_castps_si256, _mm256_castsi256_ps,
        _mm256_cmpeq_epi16, _mm256_cvtps_ph, _mm256_mul_ps, _mm256_packus_epi32, _mm256_permute2x128_si256,
        _mm256_permute4x64_epi64, _mm256_set_m128, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
        _mm256_srli_epi32, _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpacklo_epi8, _mm256_unpacklo_epi16,
    };

    use super::{FromNibbles, STEP};
    use crate::quant::source::Float;
    use crate::simd::vector::{load16, load32, put32};
    use crate::simd::{bytes_mut, prefetch_ahead};

    /// The bytes of the bfloat16 values of all codes.
    #[derive(Clone, Copy)]
    struct Tables {
        low: __m256i,
        high: __m256i,
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn tables(values: &[f32; 16]) -> Tables {
        let byte = |shift: u32| {
            let bytes = values.map(|value| (value.to_bits() >> shift) as u8);
            _mm256_broadcastsi128_si256(load16(&bytes))
        };
        Tables { low: byte(16), high: byte(24) }
    }

    /// The bfloat16 values of 64 codes: elements 0-7, 8-15, 16-23, 24-31 in the lower halves, 32 on in the upper ones.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn look_up(codes: &[u8; 32], tables: Tables) -> [__m256i; 4] {
        let (codes, mask) = (load32(codes), _mm256_set1_epi8(15));
        let (even, odd) = (_mm256_and_si256(codes, mask), _mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask));
        let join = |indices| {
            let (low, high) = (_mm256_shuffle_epi8(tables.low, indices), _mm256_shuffle_epi8(tables.high, indices));
            (_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high))
        };
        let (a, b) = join(_mm256_unpacklo_epi8(even, odd));
        let (c, d) = join(_mm256_unpackhi_epi8(even, odd));
        [a, b, c, d]
    }

    /// Decode whole steps.
    #[target_feature(enable = "avx2,f16c")]
    pub(super) fn piece<S: Float, const AROUND: bool>(
        from: &FromNibbles,
        out: &mut [S::Bits],
        codes: &[u8],
        scales: &[u8],
    ) {
        let tables = tables(&from.values);
        let brain = const { S::NAME.as_bytes()[0] == b'b' };
        let per_step = STEP / from.group;
        let (steps, _) = codes.as_chunks::<{ STEP / 2 }>();
        let steps = steps.iter().zip(scales.chunks_exact(per_step)).enumerate();
        for (out, (index, (step, scales))) in out.chunks_exact_mut(STEP).zip(steps) {
            if AROUND {
                prefetch_ahead(codes, STEP / 2 * index, STEP / 2 * index + 1);
            }
            let values = look_up(step, tables);
            let (out, _) = bytes_mut(out).as_chunks_mut::<64>();
            match *scales {
                [first, second] if brain && (3..=252).contains(&first) && (3..=252).contains(&second) => {
                    shift_exponents::<AROUND>(out, values, first, second);
                }
                [first, second] => multiply::<S, AROUND>(out, values, from, [first, first, second, second]),
                [a, b, c, d] => multiply::<S, AROUND>(out, values, from, [a, b, c, d]),
                _ => {}
            }
        }
    }

    /// Store bfloat16 values times powers of two, under which they stay normal: add to their exponents.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn shift_exponents<const AROUND: bool>(out: &mut [[u8; 64]], values: [__m256i; 4], first: u8, second: u8) {
        let exponent = |byte: u8| _mm_set1_epi16((i16::from(byte) - 127) << 7);
        let add = _mm256_set_m128i(exponent(second), exponent(first));
        let shifted = values.map(|value| {
            let magnitude = _mm256_and_si256(value, _mm256_set1_epi16(0x7FFF));
            let zero = _mm256_cmpeq_epi16(magnitude, _mm256_setzero_si256());
            _mm256_add_epi16(value, _mm256_andnot_si256(zero, add))
        });
        if let [first, second] = out {
            store_halves::<AROUND>(first, second, shifted);
        }
    }

    /// Store vectors whose lower halves come first, together, then the upper ones.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_halves<const AROUND: bool>(first: &mut [u8; 64], second: &mut [u8; 64], [a, b, c, d]: [__m256i; 4]) {
        let lower = |a, b| _mm256_permute2x128_si256::<0x20>(a, b);
        let upper = |a, b| _mm256_permute2x128_si256::<0x31>(a, b);
        put32(first, lower(a, b), lower(c, d), AROUND);
        put32(second, upper(a, b), upper(c, d), AROUND);
    }

    /// Store values times their scales, one for each 16, times the tensor's, rounded to `S`.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn multiply<S: Float, const AROUND: bool>(
        out: &mut [[u8; 64]],
        values: [__m256i; 4],
        from: &FromNibbles,
        scales: [u8; 4],
    ) {
        let [f0, f1, f2, f3] = scales.map(|scale| _mm_set1_ps(from.scales[usize::from(scale)]));
        let (even, odd) = (_mm256_set_m128(f2, f0), _mm256_set_m128(f3, f1));
        // 16 is the group of formats that have a scale of the tensor.
        let (is_global, global) = (from.group == 16, _mm256_set1_ps(from.global));
        let wide = |value: __m256i, factor: __m256| {
            let zero = _mm256_setzero_si256();
            let one = |half| {
                let scaled = _mm256_mul_ps(_mm256_castsi256_ps(half), factor);
                if is_global { _mm256_mul_ps(scaled, global) } else { scaled }
            };
            (one(_mm256_unpacklo_epi16(zero, value)), one(_mm256_unpackhi_epi16(zero, value)))
        };
        let [a, b, c, d] = values;
        let quads = [wide(a, even), wide(b, even), wide(c, odd), wide(d, odd)];
        match out {
            [first, second, third, fourth] => {
                let [a, b, c, d] = quads.map(|(low, high)| [_mm256_castps_si256(low), _mm256_castps_si256(high)]);
                store_halves::<AROUND>(first, third, [a[0], a[1], b[0], b[1]]);
                store_halves::<AROUND>(second, fourth, [c[0], c[1], d[0], d[1]]);
            }
            [first, second] => {
                let narrowed = quads.map(|(low, high)| narrow::<S>(low, high));
                store_halves::<AROUND>(first, second, narrowed);
            }
            _ => {}
        }
    }

    /// Round two vectors to a 16-bit format and join them, half by half. No NaN has a payload that rounding overflows.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    pub(in crate::quant::block) fn narrow<S: Float>(low: __m256, high: __m256) -> __m256i {
        if const { S::NAME.as_bytes()[0] == b'b' } {
            let round = |value: __m256| {
                let bits = _mm256_castps_si256(value);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
                _mm256_srli_epi32::<16>(sum)
            };
            return _mm256_packus_epi32(round(low), round(high));
        }
        let half = |value| _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
        let joined = _mm256_set_m128i(half(high), half(low));
        _mm256_permute4x64_epi64::<0b11_01_10_00>(joined)
    }
}
