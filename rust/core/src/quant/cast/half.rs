//! E4M3FN and E5M2 to float32 with AVX2, by way of float16: the instruction that widens float16 takes subnormal numbers
//! as well, whatever a process does to those of float32.
//!
//! An E5M2 code is the upper byte of a float16 number. One of E4M3FN, a bit lower, is 2^-8 times its value.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm256_and_si256, _mm256_andnot_si256, _mm256_castps_si256, _mm256_castsi256_si128,
    _mm256_cmpeq_epi16, _mm256_cmpgt_epi8, _mm256_cvtph_ps, _mm256_extracti128_si256, _mm256_mul_ps, _mm256_or_si256,
    _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_ps, _mm256_setzero_si256,
    _mm256_srai_epi16, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8, _mm256_xor_si256,
};

use crate::quant::FloatFormat;
use crate::quant::format::{E4M3FN, E5M2};
use crate::simd::vector::{load32, put32};
use crate::simd::{Avx2, Fill, bytes_mut, prefetch_ahead, with_features};

/// Codes that are decoded together.
pub(crate) const STEP: usize = 32;

/// A format that decodes by way of float16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByHalf {
    /// E4M3FN.
    E4m3fn,
    /// E5M2.
    E5m2,
}

impl ByHalf {
    pub(crate) fn new(format: &FloatFormat) -> Option<Self> {
        match *format {
            E4M3FN => Some(Self::E4m3fn),
            E5M2 => Some(Self::E5m2),
            _ => None,
        }
    }

    /// The numbers that 32 codes stand for, in order; every NaN is the first quiet one, with its sign.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    pub(crate) fn numbers(self, codes: &[u8; STEP]) -> [__m256; 4] {
        // Unpacking works on each half: the quarters that must come out first go to the lower half's place.
        let codes = _mm256_permute4x64_epi64::<0b11_01_10_00>(load32(codes));
        let halves = match self {
            Self::E4m3fn => unpacked(codes).map(|half| quarter_exponent(half)),
            Self::E5m2 => unpacked(first_nan(codes)),
        };
        let [a, b] = halves.map(|half| [_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half)]);
        let wide = |half: __m128i| match self {
            Self::E4m3fn => _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0)),
            Self::E5m2 => _mm256_cvtph_ps(half),
        };
        [wide(a[0]), wide(a[1]), wide(b[0]), wide(b[1])]
    }
}

/// Codes as the upper bytes of 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn unpacked(codes: __m256i) -> [__m256i; 2] {
    let zero = _mm256_setzero_si256();
    [_mm256_unpacklo_epi8(zero, codes), _mm256_unpackhi_epi8(zero, codes)]
}

/// E4M3FN codes as upper bytes to float16, 2^-8 times their value; NaN becomes the first quiet one.
#[inline]
#[target_feature(enable = "avx2")]
fn quarter_exponent(codes: __m256i) -> __m256i {
    let half = _mm256_and_si256(_mm256_srai_epi16::<1>(codes), _mm256_set1_epi16(0xBF80_u16 as i16));
    let all_ones = _mm256_set1_epi16(0x3F80);
    let nan = _mm256_cmpeq_epi16(_mm256_and_si256(half, all_ones), all_ones);
    _mm256_xor_si256(half, _mm256_and_si256(nan, _mm256_set1_epi16(0x3F80 ^ 0x7E00)))
}

/// E5M2 codes with each NaN as the first quiet one.
#[inline]
#[target_feature(enable = "avx2")]
fn first_nan(codes: __m256i) -> __m256i {
    let all = |byte: i8| _mm256_set1_epi8(byte);
    let nan = _mm256_cmpgt_epi8(_mm256_and_si256(codes, all(0x7F)), all(0x7C));
    let set = _mm256_or_si256(codes, _mm256_and_si256(nan, all(0x7E)));
    _mm256_andnot_si256(_mm256_and_si256(nan, all(1)), set)
}

/// The loop that decodes to float32.
pub(super) struct HalfLoop<'a> {
    pub(super) codes: &'a [u8],
    pub(super) by: ByHalf,
    pub(super) proof: Avx2,
}

impl Fill<f32> for HalfLoop<'_> {
    #[inline(always)]
    fn fill(&self, piece: &mut [f32], offset: usize) {
        let codes = &self.codes[offset..][..piece.len()];
        let (steps, rest) = codes.as_chunks::<STEP>();
        let (outs, tail) = piece.as_chunks_mut::<STEP>();
        for (out, codes) in outs.iter_mut().zip(steps) {
            with_features!(Avx2, self.proof, decode_step::<false>(self.by, out, codes));
        }
        if !rest.is_empty() {
            let (mut last, mut numbers) = ([0; STEP], [0.0; STEP]);
            last[..rest.len()].copy_from_slice(rest);
            with_features!(Avx2, self.proof, decode_step::<false>(self.by, &mut numbers, &last));
            tail.copy_from_slice(&numbers[..rest.len()]);
        }
    }

    #[inline(always)]
    fn fill_around(&self, lines: &mut [f32], offset: usize) -> usize {
        let codes = &self.codes[offset..];
        let outs = lines.as_chunks_mut::<STEP>().0;
        for (index, (out, step)) in outs.iter_mut().zip(codes.as_chunks().0).enumerate() {
            prefetch_ahead(codes, STEP * index, STEP * index + 1);
            with_features!(Avx2, self.proof, decode_step::<true>(self.by, out, step));
        }
        STEP * outs.len()
    }
}

/// `AROUND`: store around the cache.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn decode_step<const AROUND: bool>(by: ByHalf, out: &mut [f32; STEP], codes: &[u8; STEP]) {
    let [a, b, c, d] = by.numbers(codes).map(|numbers| _mm256_castps_si256(numbers));
    if let [first, second] = bytes_mut(out).as_chunks_mut().0 {
        put32(first, a, b, AROUND);
        put32(second, c, d, AROUND);
    }
}
