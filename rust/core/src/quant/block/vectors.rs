//! The hot loops of integer groups in AVX2: largest magnitude, range, codes. Short groups leave the compiler too little
//! to vectorize, and the reductions between them cost more than the loops.
//!
//! Codes come from products with the rounded reciprocal. A product differs from the quotient by less than 5e-5, so that
//! where none lies nearer than 1e-4 to a tie, both round alike; else the 32 quotients are computed.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _CMP_GT_OQ, _mm_cvtsi128_si32, _mm_max_epi32, _mm_max_epu32, _mm_min_epi32,
    _mm_shuffle_epi32, _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256, _mm256_andnot_ps, _mm256_castps_si256,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps,
    _mm256_extracti128_si256, _mm256_max_epi32, _mm256_max_epu32, _mm256_max_ps, _mm256_min_epi32, _mm256_min_ps,
    _mm256_movemask_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_packs_epi32, _mm256_packus_epi16,
    _mm256_permutevar8x32_epi32, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setr_epi32, _mm256_setzero_si256, _mm256_srai_epi32, _mm256_srli_epi32, _mm256_sub_ps, _mm256_xor_si256,
};

use super::group::Codes;
use crate::simd::vector::{load_ps, store32};

/// Elements that are encoded together.
pub(super) const LANES: usize = 32;

/// What lies no further than this from an integer is sure.
const SURE: f32 = 0.4999;

/// Scales with which products are as exact as supposed.
const ORDINARY: std::ops::Range<f32> = 1e-30..1e30;

/// One of the four smaller halves that remain when a vector is halved twice.
macro_rules! reduce {
    ($vector:expr, $join:ident) => {{
        let vector: __m256i = $vector;
        let four: __m128i = $join(_mm256_castsi256_si128(vector), _mm256_extracti128_si256::<1>(vector));
        let two = $join(four, _mm_shuffle_epi32::<0x4E>(four));
        _mm_cvtsi128_si32($join(two, _mm_shuffle_epi32::<0xB1>(two)))
    }};
}

/// The largest magnitude of `x`, whole vectors of 8, as bits.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn largest_bits(x: &[[f32; 8]]) -> u32 {
    let magnitude = _mm256_set1_epi32(0x7FFF_FFFF);
    let (mut first, mut second) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    let (pairs, rest) = x.as_chunks::<2>();
    for [low, high] in pairs {
        first = _mm256_max_epu32(first, _mm256_and_si256(magnitude, _mm256_castps_si256(load_ps(low))));
        second = _mm256_max_epu32(second, _mm256_and_si256(magnitude, _mm256_castps_si256(load_ps(high))));
    }
    for one in rest {
        first = _mm256_max_epu32(first, _mm256_and_si256(magnitude, _mm256_castps_si256(load_ps(one))));
    }
    reduce!(_mm256_max_epu32(first, second), _mm_max_epu32) as u32
}

/// The least and greatest of 0 and the numbers in `x` in the order of `super::group::ordered`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn range(x: &[[f32; 8]]) -> (i32, i32) {
    let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for eight in x {
        let bits = _mm256_castps_si256(load_ps(eight));
        let key = _mm256_xor_si256(bits, _mm256_srli_epi32::<1>(_mm256_srai_epi32::<31>(bits)));
        low = _mm256_min_epi32(low, key);
        high = _mm256_max_epi32(high, key);
    }
    (reduce!(low, _mm_min_epi32), reduce!(high, _mm_max_epi32))
}

/// What the codes of a group are computed with, in vectors.
struct Group {
    scale: __m256,
    inverse: __m256,
    least: __m256,
    most: __m256,
    /// Makes codes start at 0, so that they are packed without loss.
    up: __m256i,
    /// Takes that back and adds the offset.
    down: __m256i,
}

impl Group {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(by: Codes) -> Self {
        let up = -by.least as i16;
        Self {
            scale: _mm256_set1_ps(by.scale),
            inverse: _mm256_set1_ps(1.0 / by.scale),
            least: _mm256_set1_ps(by.least),
            most: _mm256_set1_ps(by.most),
            up: _mm256_set1_epi16(up),
            down: _mm256_set1_epi8((i16::from(by.offset) - up) as i8),
        }
    }
}

/// Whether products with the reciprocal of `scale` are as exact as supposed.
#[inline(always)]
pub(super) fn is_ordinary(scale: f32) -> bool {
    ORDINARY.contains(&scale)
}

/// The codes of `x`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn encode(codes: &mut [[u8; LANES]], x: &[[f32; LANES]], by: Codes) {
    let group = Group::new(by);
    for (codes, x) in codes.iter_mut().zip(x) {
        encode_lanes(codes, x, &group, is_ordinary(by.scale));
    }
}

/// The largest magnitudes of runs of `run` vectors of 8.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn largest_of_each(largest: &mut [f32], x: &[[f32; 8]], run: usize) {
    for (largest, x) in largest.iter_mut().zip(x.chunks_exact(run)) {
        *largest = f32::from_bits(largest_bits(x));
    }
}

/// The codes of runs of `run` times [`LANES`] under ordinary scales, one each.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn encode_each(codes: &mut [[u8; LANES]], x: &[[f32; LANES]], scales: &[f32], run: usize, by: Codes) {
    let mut group = Group::new(by);
    for ((codes, x), &scale) in codes.chunks_exact_mut(run).zip(x.chunks_exact(run)).zip(scales) {
        group.scale = _mm256_set1_ps(scale);
        group.inverse = _mm256_set1_ps(1.0 / scale);
        for (codes, x) in codes.iter_mut().zip(x) {
            encode_lanes(codes, x, &group, true);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn encode_lanes(codes: &mut [u8; LANES], x: &[f32; LANES], group: &Group, ordinary: bool) {
    let (eights, _) = x.as_chunks::<8>();
    let x = [load_ps(&eights[0]), load_ps(&eights[1]), load_ps(&eights[2]), load_ps(&eights[3])];
    let mut products = x;
    let mut whole = [_mm256_setzero_si256(); 4];
    let mut unsure = _mm256_set1_ps(0.0);
    for (product, whole) in products.iter_mut().zip(&mut whole) {
        *product = clip(_mm256_mul_ps(*product, group.inverse), group);
        *whole = _mm256_cvtps_epi32(*product);
        let distance = _mm256_sub_ps(*product, _mm256_cvtepi32_ps(*whole));
        let distance = _mm256_andnot_ps(_mm256_set1_ps(-0.0), distance);
        unsure = _mm256_or_ps(unsure, _mm256_cmp_ps::<_CMP_GT_OQ>(distance, _mm256_set1_ps(SURE)));
    }
    if _mm256_movemask_ps(unsure) != 0 || !ordinary {
        for (x, whole) in x.iter().zip(&mut whole) {
            *whole = _mm256_cvtps_epi32(clip(_mm256_div_ps(*x, group.scale), group));
        }
    }
    let low = _mm256_add_epi16(_mm256_packs_epi32(whole[0], whole[1]), group.up);
    let high = _mm256_add_epi16(_mm256_packs_epi32(whole[2], whole[3]), group.up);
    // Packing works on halves: put the fours in order.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    store32(codes, _mm256_add_epi8(bytes, group.down));
}

#[inline]
#[target_feature(enable = "avx2")]
fn clip(values: __m256, group: &Group) -> __m256 {
    _mm256_min_ps(_mm256_max_ps(values, group.least), group.most)
}
