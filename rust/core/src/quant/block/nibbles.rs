//! Blocks of 4-bit codes back to numbers: a table of 16 values, looked up in vector registers, times the scales.
//!
//! All 16 values are exact in bfloat16, whose bytes are looked up; that is also the upper half of float32.

use std::marker::PhantomData;

use super::Element;
use crate::quant::source::Float;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, with_features};
use crate::simd::{Level, STREAM_FROM_BYTES, stream};

/// Codes in a piece.
const PIECE: usize = 2048;
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
        let mut buffer = [S::Bits::default(); PIECE];
        let pieces = out.chunks_mut(PIECE).zip(codes.chunks(PIECE / 2)).zip(scales.chunks(PIECE / self.group));
        for ((out, codes), scales) in pieces {
            if large {
                let numbers = &mut buffer[..out.len()];
                self.piece::<S>(numbers, codes, scales);
                stream(out, numbers);
            } else {
                self.piece::<S>(out, codes, scales);
            }
        }
    }

    fn piece<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scales: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = Avx2::at(self.level) {
            use x86::piece;
            let whole = out.len() / STEP * STEP;
            let (head, tail) = out.split_at_mut(whole);
            with_features!(Avx2, proof, piece(PhantomData::<S>, self, head, codes, scales));
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
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, _MM_FROUND_TO_NEAREST_INT, _mm_set1_epi16, _mm_set1_ps, _mm256_add_epi16, _mm256_add_epi32,
        _mm256_and_si256, _mm256_andnot_si256, _mm256_broadcastsi128_si256, _mm256_castps_si256, _mm256_castsi256_ps,
        _mm256_cmpeq_epi16, _mm256_cvtps_ph, _mm256_mul_ps, _mm256_packus_epi32, _mm256_permute2x128_si256,
        _mm256_permute4x64_epi64, _mm256_set_m128, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
        _mm256_srli_epi32, _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpacklo_epi8, _mm256_unpacklo_epi16,
    };

    use std::marker::PhantomData;

    use super::{FromNibbles, STEP};
    use crate::quant::source::Float;
    use crate::simd::bytes_mut;
    use crate::simd::vector::{load16, load32, store32};

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
    pub(super) fn piece<S: Float>(
        _: PhantomData<S>,
        from: &FromNibbles,
        out: &mut [S::Bits],
        codes: &[u8],
        scales: &[u8],
    ) {
        let tables = tables(&from.values);
        let brain = const { S::NAME.as_bytes()[0] == b'b' };
        let per_step = STEP / from.group;
        let (codes, _) = codes.as_chunks::<{ STEP / 2 }>();
        for ((out, codes), scales) in out.chunks_exact_mut(STEP).zip(codes).zip(scales.chunks_exact(per_step)) {
            let values = look_up(codes, tables);
            let (out, _) = bytes_mut(out).as_chunks_mut::<32>();
            match *scales {
                [first, second] if brain && (3..=252).contains(&first) && (3..=252).contains(&second) => {
                    shift_exponents(out, values, first, second);
                }
                [first, second] => multiply::<S>(out, values, from, [first, first, second, second]),
                [a, b, c, d] => multiply::<S>(out, values, from, [a, b, c, d]),
                _ => {}
            }
        }
    }

    /// Store bfloat16 values times powers of two, under which they stay normal: add to their exponents.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn shift_exponents(out: &mut [[u8; 32]], values: [__m256i; 4], first: u8, second: u8) {
        let exponent = |byte: u8| _mm_set1_epi16((i16::from(byte) - 127) << 7);
        let add = _mm256_set_m128i(exponent(second), exponent(first));
        let shifted = values.map(|value| {
            let magnitude = _mm256_and_si256(value, _mm256_set1_epi16(0x7FFF));
            let zero = _mm256_cmpeq_epi16(magnitude, _mm256_setzero_si256());
            _mm256_add_epi16(value, _mm256_andnot_si256(zero, add))
        });
        store_halves(out, shifted);
    }

    /// Store vectors whose lower halves come first, together, then the upper ones.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_halves(out: &mut [[u8; 32]], [a, b, c, d]: [__m256i; 4]) {
        if let [first, second, third, fourth] = out {
            store32(first, _mm256_permute2x128_si256::<0x20>(a, b));
            store32(second, _mm256_permute2x128_si256::<0x20>(c, d));
            store32(third, _mm256_permute2x128_si256::<0x31>(a, b));
            store32(fourth, _mm256_permute2x128_si256::<0x31>(c, d));
        }
    }

    /// Store values times their scales, one for each 16, times the tensor's, rounded to `S`.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn multiply<S: Float>(out: &mut [[u8; 32]], values: [__m256i; 4], from: &FromNibbles, scales: [u8; 4]) {
        let [f0, f1, f2, f3] = scales.map(|scale| _mm_set1_ps(from.scales[usize::from(scale)]));
        let (even, odd) = (_mm256_set_m128(f2, f0), _mm256_set_m128(f3, f1));
        let global = _mm256_set1_ps(from.global);
        let wide = |value: __m256i, factor: __m256| {
            let zero = _mm256_setzero_si256();
            let one = |half| _mm256_mul_ps(_mm256_mul_ps(_mm256_castsi256_ps(half), factor), global);
            (one(_mm256_unpacklo_epi16(zero, value)), one(_mm256_unpackhi_epi16(zero, value)))
        };
        let [a, b, c, d] = values;
        let quads = [wide(a, even), wide(b, even), wide(c, odd), wide(d, odd)];
        if size_of::<S::Bits>() == 4 {
            let (first, second) = out.split_at_mut(4);
            for ((low, high), (a, b)) in first.iter_mut().zip(second).zip(quads) {
                let (a, b) = (_mm256_castps_si256(a), _mm256_castps_si256(b));
                store32(low, _mm256_permute2x128_si256::<0x20>(a, b));
                store32(high, _mm256_permute2x128_si256::<0x31>(a, b));
            }
            return;
        }
        store_halves(out, quads.map(|(low, high)| narrow::<S>(low, high)));
    }

    /// Round two vectors to a 16-bit format and join them, half by half. No NaN has a payload that rounding overflows.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn narrow<S: Float>(low: __m256, high: __m256) -> __m256i {
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
