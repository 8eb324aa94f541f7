//! MXFP4 in 16-bit lanes with AVX2: twice the numbers per instruction.
//!
//! A float32 keeps its upper half, whose lowest bit is set if any bit below it was. The thresholds of the scale rules
//! and of e2m1 have at most two mantissa bits, so that every comparison with them comes out as for the whole number.
//! A scale is a power of two: dividing by it is a subtraction from the exponent.

use std::arch::x86_64::{
    __m256i, _mm_cvtsi128_si32, _mm_max_epu16, _mm_minpos_epu16, _mm_set1_epi16, _mm_xor_si128, _mm256_add_epi16,
    _mm256_and_si256, _mm256_castsi256_si128, _mm256_cmpgt_epi16, _mm256_extracti128_si256, _mm256_max_epu16,
    _mm256_min_epu16, _mm256_or_si256, _mm256_packus_epi16, _mm256_packus_epi32, _mm256_permute4x64_epi64,
    _mm256_permutevar8x32_epi32, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256,
    _mm256_srli_epi16, _mm256_srli_epi32, _mm256_sub_epi16, _mm256_subs_epu16,
};

use super::x86::STEP;
use crate::quant::source::Float;
use crate::simd::bytes;
use crate::simd::vector::load32;

/// The least byte of a scale that can be subtracted; that of a block of zeros counts as this.
const LEAST: u8 = 3;

/// 32 numbers as upper halves of float32. Of float32 the groups of four are in the order 0 2 1 3, 4 6 5 7.
pub(super) type Halves = [__m256i; 2];

/// Read 32 numbers, float32 or bfloat16.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load<S: Float>(x: &[S::Bits]) -> Halves {
    let (vectors, _) = bytes(&x[..STEP]).as_chunks::<32>();
    if size_of::<S::Bits>() == 2 {
        return [load32(&vectors[0]), load32(&vectors[1])];
    }
    let join = |a: &[u8; 32], b: &[u8; 32]| {
        let (a, b, low) = (load32(a), load32(b), _mm256_set1_epi32(0xFFFF));
        let upper = _mm256_packus_epi32(_mm256_srli_epi32::<16>(a), _mm256_srli_epi32::<16>(b));
        let lower = _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
        _mm256_or_si256(upper, _mm256_min_epu16(lower, _mm256_set1_epi16(1)))
    };
    [join(&vectors[0], &vectors[1]), join(&vectors[2], &vectors[3])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn magnitude(halves: __m256i) -> __m256i {
    _mm256_and_si256(halves, _mm256_set1_epi16(0x7FFF))
}

/// The largest magnitude, as bits of a float32.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn largest([a, b]: Halves) -> u32 {
    let most = _mm256_max_epu16(magnitude(a), magnitude(b));
    let most = _mm_max_epu16(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
    // There is an instruction for the least of eight, and none for the most.
    let least = _mm_minpos_epu16(_mm_xor_si128(most, _mm_set1_epi16(-1)));
    ((_mm_cvtsi128_si32(least) as u32 & 0xFFFF) ^ 0xFFFF) << 16
}

/// The codes under the scale `byte`, one per byte in order.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn encode<S: Float>([a, b]: Halves, byte: u8) -> __m256i {
    let less = _mm256_set1_epi16(i16::from(byte.max(LEAST) - LEAST) << 7);
    let codes = _mm256_packus_epi16(encode_16(a, less), encode_16(b, less));
    if size_of::<S::Bits>() == 2 {
        return _mm256_permute4x64_epi64::<0b11_01_10_00>(codes);
    }
    _mm256_permutevar8x32_epi32(codes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// The codes of 16 numbers whose exponents are `less` too large.
#[inline]
#[target_feature(enable = "avx2")]
fn encode_16(halves: __m256i, less: __m256i) -> __m256i {
    // 1/4 has the exponent 1 now. A tie goes to the even code: from the threshold on, or only above it.
    let value = _mm256_subs_epu16(magnitude(halves), less);
    let thresholds = [1 << 7, (2 << 7) + 63, (3 << 7) + 32, (3 << 7) + 95, (4 << 7) + 32, (4 << 7) + 95, (5 << 7) + 32];
    let above = thresholds.into_iter().fold(_mm256_setzero_si256(), |sum, threshold| {
        _mm256_add_epi16(sum, _mm256_cmpgt_epi16(value, _mm256_set1_epi16(threshold)))
    });
    let sign = _mm256_and_si256(_mm256_srli_epi16::<12>(halves), _mm256_set1_epi16(8));
    _mm256_sub_epi16(sign, above)
}
