//! Float32 to blocks with AVX2, one block at a time: the steps of the portable loops on eight elements at once.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GE_OQ, _CMP_GT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_ZERO, _mm_cvtss_f32, _mm_max_ps,
    _mm_max_ss, _mm_min_ps, _mm_min_ss, _mm_movehl_ps, _mm_or_si128, _mm_shuffle_ps, _mm_slli_epi16, _mm256_add_ps,
    _mm256_and_ps, _mm256_and_si256, _mm256_andnot_ps, _mm256_castps_si256, _mm256_castps256_ps128,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_cvttps_epi32, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_max_ps, _mm256_min_epu8, _mm256_min_ps, _mm256_movemask_epi8, _mm256_mul_ps,
    _mm256_or_ps, _mm256_or_si256, _mm256_packs_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_packus_epi32,
    _mm256_permutevar8x32_epi32, _mm256_round_ps, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setr_epi32, _mm256_setzero_si256, _mm256_slli_epi16, _mm256_srli_epi32, _mm256_sub_epi32, _mm256_sub_ps,
};

use super::fp4::MIDPOINTS;
use crate::simd::vector::{load_f32, load32, store16, store32};

/// The smallest and the largest element; anything if one is NaN.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn range(x: &[f32; 32]) -> (f32, f32) {
    let parts = floats(x);
    let low = _mm256_min_ps(_mm256_min_ps(parts[0], parts[1]), _mm256_min_ps(parts[2], parts[3]));
    let high = _mm256_max_ps(_mm256_max_ps(parts[0], parts[1]), _mm256_max_ps(parts[2], parts[3]));
    let low = _mm_min_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps(low, 1));
    let high = _mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps(high, 1));
    let (low, high) = (_mm_min_ps(low, _mm_movehl_ps(low, low)), _mm_max_ps(high, _mm_movehl_ps(high, high)));
    let low = _mm_min_ss(low, _mm_shuffle_ps(low, low, 1));
    let high = _mm_max_ss(high, _mm_shuffle_ps(high, high, 1));
    (_mm_cvtss_f32(low), _mm_cvtss_f32(high))
}

/// The codes min(trunc((x - from) * inverse + offset), most).
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn codes(x: &[f32; 32], from: f32, inverse: f32, offset: f32, most: u8) -> [u8; 32] {
    let (from, inverse, offset) = (_mm256_set1_ps(from), _mm256_set1_ps(inverse), _mm256_set1_ps(offset));
    let whole =
        floats(x).map(|x| _mm256_cvttps_epi32(_mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(x, from), inverse), offset)));
    let mut codes = [0; 32];
    store32(&mut codes, _mm256_min_epu8(bytes(whole), _mm256_set1_epi8(most as i8)));
    codes
}

/// x * inverse to the nearest integer, half away from zero.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn rounded(x: &[f32; 32], inverse: f32, out: &mut [u8; 32]) {
    let (inverse, sign) = (_mm256_set1_ps(inverse), _mm256_set1_ps(-0.0));
    let whole = floats(x).map(|x| {
        let y = _mm256_mul_ps(x, inverse);
        let magnitude = _mm256_andnot_ps(sign, y);
        let whole = _mm256_round_ps(magnitude, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
        let up = _mm256_cmp_ps(_mm256_sub_ps(magnitude, whole), _mm256_set1_ps(0.5), _CMP_GE_OQ);
        let whole = _mm256_add_ps(whole, _mm256_and_ps(up, _mm256_set1_ps(1.0)));
        _mm256_cvttps_epi32(_mm256_or_ps(whole, _mm256_and_ps(sign, y)))
    });
    let pairs = _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3]));
    store32(out, in_order(pairs));
}

/// Put 32 codes into 16 bytes, the second half above the first; of five bits the lower four.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn put_nibbles(codes: &[u8; 32], out: &mut [u8; 16]) {
    let codes = _mm256_and_si256(load32(codes), _mm256_set1_epi8(15));
    let (low, high) = (_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    store16(out, _mm_or_si128(low, _mm_slli_epi16(high, 4)));
}

/// Bit 4 of every code.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn fifth_bits(codes: &[u8; 32]) -> u32 {
    _mm256_movemask_epi8(_mm256_slli_epi16(load32(codes), 3)) as u32
}

/// E2M1 codes by the midpoints times `scale`, ties to the smaller magnitude, no negative zero. `N` is 16 or 32.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn e2m1<const N: usize>(x: &[f32; N], scale: f32) -> [u8; N] {
    let midpoints = MIDPOINTS.map(|midpoint| _mm256_set1_ps(midpoint * scale));
    let mut parts = [_mm256_setzero_si256(); 4];
    for (part, x) in parts.iter_mut().zip(x.as_chunks::<8>().0) {
        let x = load_f32(x);
        let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
        let code = midpoints.iter().fold(_mm256_setzero_si256(), |code, &midpoint| {
            _mm256_sub_epi32(code, _mm256_castps_si256(_mm256_cmp_ps(magnitude, midpoint, _CMP_GT_OQ)))
        });
        let sign = _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(x), 28), _mm256_set1_epi32(8));
        *part = _mm256_or_si256(code, _mm256_and_si256(sign, _mm256_cmpgt_epi32(code, _mm256_setzero_si256())));
    }
    let mut codes = [0; 32];
    store32(&mut codes, bytes(parts));
    std::array::from_fn(|at| codes[at])
}

#[inline]
#[target_feature(enable = "avx2")]
fn floats(x: &[f32; 32]) -> [__m256; 4] {
    let parts = x.as_chunks::<8>().0;
    std::array::from_fn(|part| load_f32(&parts[part]))
}

/// 32-bit numbers from 0 to 255 to bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(parts: [__m256i; 4]) -> __m256i {
    let (low, high) = (_mm256_packus_epi32(parts[0], parts[1]), _mm256_packus_epi32(parts[2], parts[3]));
    in_order(_mm256_packus_epi16(low, high))
}

/// What two rounds of packing left in the order of 128-bit halves.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order(packed: __m256i) -> __m256i {
    _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}
