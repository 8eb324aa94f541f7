//! Blocks to float32 with AVX2: the codes of 16 elements become signed bytes, which are widened and multiplied.
//!
//! Multiplications and additions stay apart, so that the numbers are those of the portable loops.

use std::arch::x86_64::{
    __m128i, __m256, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cvtsi32_si128, _mm_or_si128, _mm_set_epi64x,
    _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi64x, _mm_shuffle_epi8, _mm_slli_epi16, _mm_srli_epi16, _mm_sub_epi8,
    _mm_unpackhi_epi64, _mm_unpacklo_epi64, _mm256_add_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtph_ps,
    _mm256_mul_ps, _mm256_set1_ps,
};

use super::fp4::{DOUBLED, half_e8m0, half_ue4m3};
use super::half;
use super::k::six_bit_scales;
use crate::simd::vector::{load16, put_f32};

/// 16 bytes of `block` from `at` on.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(block: &[u8], at: usize) -> __m128i {
    block[at..].first_chunk().map_or_else(|| _mm_set1_epi8(0), |bytes| load16(bytes))
}

/// The float16 number at byte `at`, in every lane.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn scale(block: &[u8], at: usize) -> __m256 {
    _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes([block[at], block[at + 1]])))
}

#[inline]
#[target_feature(enable = "avx2")]
fn low(bytes: __m128i) -> __m128i {
    _mm_and_si128(bytes, _mm_set1_epi8(15))
}

#[inline]
#[target_feature(enable = "avx2")]
fn high(bytes: __m128i) -> __m128i {
    low(_mm_srli_epi16(bytes, 4))
}

/// Signed bytes to numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn numbers(codes: __m128i) -> [__m256; 2] {
    let upper = _mm_unpackhi_epi64(codes, codes);
    [codes, upper].map(|each| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(each)))
}

/// Store 16 codes times `scale` at element `at`.
#[inline]
#[target_feature(enable = "avx2")]
fn put<const AROUND: bool>(out: &mut [f32], at: usize, codes: __m128i, scale: __m256) {
    let parts = out[at..at + 16].as_chunks_mut::<8>().0;
    for (part, numbers) in parts.iter_mut().zip(numbers(codes)) {
        put_f32(part, _mm256_mul_ps(numbers, scale), AROUND);
    }
}

/// Store 16 codes times `scale` plus `offset` at element `at`.
#[inline]
#[target_feature(enable = "avx2")]
fn put_sum<const AROUND: bool>(out: &mut [f32], at: usize, codes: __m128i, scale: __m256, offset: __m256) {
    let parts = out[at..at + 16].as_chunks_mut::<8>().0;
    for (part, numbers) in parts.iter_mut().zip(numbers(codes)) {
        put_f32(part, _mm256_add_ps(_mm256_mul_ps(numbers, scale), offset), AROUND);
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q4_0<const AROUND: bool>(blocks: &[[u8; 18]], out: &mut [[f32; 32]]) {
    let eight = _mm_set1_epi8(8);
    for (block, out) in blocks.iter().zip(out) {
        let (d, codes) = (scale(block, 0), bytes(block, 2));
        put::<AROUND>(out, 0, _mm_sub_epi8(low(codes), eight), d);
        put::<AROUND>(out, 16, _mm_sub_epi8(high(codes), eight), d);
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q4_1<const AROUND: bool>(blocks: &[[u8; 20]], out: &mut [[f32; 32]]) {
    for (block, out) in blocks.iter().zip(out) {
        let (d, m, codes) = (scale(block, 0), scale(block, 2), bytes(block, 4));
        put_sum::<AROUND>(out, 0, low(codes), d, m);
        put_sum::<AROUND>(out, 16, high(codes), d, m);
    }
}

/// Bytes that are all ones where a bit of the 16 in `word` is 0.
#[inline]
#[target_feature(enable = "avx2")]
fn clear(word: u16) -> __m128i {
    let spread = _mm_shuffle_epi8(_mm_cvtsi32_si128(i32::from(word)), _mm_set_epi64x(0x0101_0101_0101_0101, 0));
    let bits = _mm_set1_epi64x(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, -128_i8 as u8]));
    _mm_cmpeq_epi8(_mm_and_si128(spread, bits), _mm_set1_epi8(0))
}

/// The two words of fifth bits at byte `at`, as masks.
#[inline]
#[target_feature(enable = "avx2")]
fn clear_fifth(block: &[u8], at: usize) -> [__m128i; 2] {
    [at, at + 2].map(|at| clear(u16::from_le_bytes([block[at], block[at + 1]])))
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q5_0<const AROUND: bool>(blocks: &[[u8; 22]], out: &mut [[f32; 32]]) {
    // Without its fifth bit a code is 16 less: the upper four bits set, as a signed byte.
    let sign = _mm_set1_epi8(-16);
    for (block, out) in blocks.iter().zip(out) {
        let (d, codes, [first, second]) = (scale(block, 0), bytes(block, 6), clear_fifth(block, 2));
        put::<AROUND>(out, 0, _mm_or_si128(low(codes), _mm_and_si128(first, sign)), d);
        put::<AROUND>(out, 16, _mm_or_si128(high(codes), _mm_and_si128(second, sign)), d);
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q5_1<const AROUND: bool>(blocks: &[[u8; 24]], out: &mut [[f32; 32]]) {
    let fifth = _mm_set1_epi8(16);
    for (block, out) in blocks.iter().zip(out) {
        let (d, m, codes) = (scale(block, 0), scale(block, 2), bytes(block, 8));
        let [first, second] = clear_fifth(block, 4);
        put_sum::<AROUND>(out, 0, _mm_or_si128(low(codes), _mm_andnot_si128(first, fifth)), d, m);
        put_sum::<AROUND>(out, 16, _mm_or_si128(high(codes), _mm_andnot_si128(second, fifth)), d, m);
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q8_0<const AROUND: bool>(blocks: &[[u8; 34]], out: &mut [[f32; 32]]) {
    for (block, out) in blocks.iter().zip(out) {
        let d = scale(block, 0);
        put::<AROUND>(out, 0, bytes(block, 2), d);
        put::<AROUND>(out, 16, bytes(block, 18), d);
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn mxfp4<const AROUND: bool>(blocks: &[[u8; 17]], out: &mut [[f32; 32]]) {
    let table = load16(&DOUBLED.map(|value| value as u8));
    for (block, out) in blocks.iter().zip(out) {
        let (d, codes) = (_mm256_set1_ps(half_e8m0(block[0])), bytes(block, 1));
        put::<AROUND>(out, 0, _mm_shuffle_epi8(table, low(codes)), d);
        put::<AROUND>(out, 16, _mm_shuffle_epi8(table, high(codes)), d);
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn nvfp4<const AROUND: bool>(blocks: &[[u8; 36]], out: &mut [[f32; 64]]) {
    let table = load16(&DOUBLED.map(|value| value as u8));
    for (block, out) in blocks.iter().zip(out) {
        for pair in 0..2 {
            // Two parts of 16, whose low nibbles are 8 elements and whose high nibbles are the 8 after them.
            let codes = bytes(block, 4 + 16 * pair);
            let (low, high) = (low(codes), high(codes));
            let parts = [_mm_unpacklo_epi64(low, high), _mm_unpackhi_epi64(low, high)];
            for (part, codes) in parts.into_iter().enumerate() {
                let d = _mm256_set1_ps(half_ue4m3(block[2 * pair + part]));
                put::<AROUND>(out, 32 * pair + 16 * part, _mm_shuffle_epi8(table, codes), d);
            }
        }
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q4_k<const AROUND: bool>(blocks: &[[u8; 144]], out: &mut [[f32; 256]]) {
    for (block, out) in blocks.iter().zip(out) {
        let factors = factors(block);
        for pair in 0..4 {
            let ((s0, m0), (s1, m1)) = (factors[2 * pair], factors[2 * pair + 1]);
            for half in 0..2 {
                let (codes, at) = (bytes(block, 16 + 32 * pair + 16 * half), 64 * pair + 16 * half);
                put_sum::<AROUND>(out, at, low(codes), _mm256_set1_ps(s0), _mm256_set1_ps(m0));
                put_sum::<AROUND>(out, at + 32, high(codes), _mm256_set1_ps(s1), _mm256_set1_ps(m1));
            }
        }
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q5_k<const AROUND: bool>(blocks: &[[u8; 176]], out: &mut [[f32; 256]]) {
    let fifth = _mm_set1_epi8(16);
    for (block, out) in blocks.iter().zip(out) {
        let factors = factors(block);
        let mut upper = [bytes(block, 16), bytes(block, 32)];
        for pair in 0..4 {
            let ((s0, m0), (s1, m1)) = (factors[2 * pair], factors[2 * pair + 1]);
            for (half, upper) in upper.iter_mut().enumerate() {
                let (codes, at) = (bytes(block, 48 + 32 * pair + 16 * half), 64 * pair + 16 * half);
                let first = _mm_and_si128(_mm_slli_epi16(*upper, 4), fifth);
                let second = _mm_and_si128(_mm_slli_epi16(*upper, 3), fifth);
                *upper = _mm_srli_epi16(*upper, 2);
                put_sum::<AROUND>(out, at, _mm_or_si128(low(codes), first), _mm256_set1_ps(s0), _mm256_set1_ps(m0));
                put_sum::<AROUND>(
                    out,
                    at + 32,
                    _mm_or_si128(high(codes), second),
                    _mm256_set1_ps(s1),
                    _mm256_set1_ps(m1),
                );
            }
        }
    }
}

/// Scales and negated minimums of the eight parts of a `Q4_K` or `Q5_K` block.
#[inline(always)]
fn factors(block: &[u8]) -> [(f32, f32); 8] {
    let (d, dmin) = (half(block, 0), half(block, 2));
    six_bit_scales(&block[4..16]).map(|(s, m)| (d * s, -(dmin * m)))
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn q6_k<const AROUND: bool>(blocks: &[[u8; 210]], out: &mut [[f32; 256]]) {
    let (offset, two_bits) = (_mm_set1_epi8(32), _mm_set1_epi8(0x30));
    for (block, out) in blocks.iter().zip(out) {
        let d = half(block, 208);
        for piece in 0..4 {
            // 16 columns of one of two halves: four quarters 32 elements apart share the bytes of upper bits.
            let (h, l) = (piece / 2, piece % 2);
            let upper = bytes(block, 128 + 32 * h + 16 * l);
            let lower = [bytes(block, 64 * h + 16 * l), bytes(block, 64 * h + 32 + 16 * l)];
            let codes = [
                _mm_or_si128(low(lower[0]), _mm_and_si128(_mm_slli_epi16(upper, 4), two_bits)),
                _mm_or_si128(low(lower[1]), _mm_and_si128(_mm_slli_epi16(upper, 2), two_bits)),
                _mm_or_si128(high(lower[0]), _mm_and_si128(upper, two_bits)),
                _mm_or_si128(high(lower[1]), _mm_and_si128(_mm_srli_epi16(upper, 2), two_bits)),
            ];
            for (g, codes) in codes.into_iter().enumerate() {
                let s = d * f32::from(block[192 + 8 * h + 2 * g + l] as i8);
                put::<AROUND>(out, 128 * h + 32 * g + 16 * l, _mm_sub_epi8(codes, offset), _mm256_set1_ps(s));
            }
        }
    }
}
