//! The hot loops of integer groups in AVX2: largest magnitude, range, codes. Short groups leave the compiler too little
//! to vectorize, and the reductions between them cost more than the loops.
//!
//! Codes come from products with the rounded reciprocal, as integers with 16 bits of fraction. A product differs from
//! the quotient by less than 4 of its units where codes are not clipped: where none lies nearer than 6 to a tie, both
//! round alike; else the 32 quotients are computed.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_cvtsi128_si32, _mm_max_epi32, _mm_max_epu32, _mm_min_epi32, _mm_shuffle_epi32,
    _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256, _mm256_blend_epi16, _mm256_castps_si256,
    _mm256_castsi256_si128, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extracti128_si256, _mm256_fmadd_ps,
    _mm256_max_epi32, _mm256_max_epu32, _mm256_max_ps, _mm256_min_epi32, _mm256_min_epu8, _mm256_min_epu16,
    _mm256_min_ps, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permutevar8x32_epi32, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi8, _mm256_setr_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srai_epi32, _mm256_srli_epi32, _mm256_subs_epu16,
    _mm256_testz_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::group::Codes;
use crate::simd::vector::{load_f32, store16, store32};
use crate::simd::{bytes_mut, prefetch};

/// Elements that are encoded together.
pub(super) const LANES: usize = 32;

/// What lies nearer than this to a tie is not sure, in units of a product.
pub(super) const NEAR: i16 = 6;

/// Times [`LANES`] that are checked together.
pub(super) const CHECKED: usize = 4;

/// The unit of a product is one of this.
pub(super) const UNITS: f32 = 65536.0;

/// Scales with which products are as exact as supposed.
const ORDINARY: std::ops::Range<f32> = 1e-30..1e30;

/// The largest float16. As a scale it may be too small for its run, and products may overflow.
const TOO_SMALL: f32 = 65504.0;

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
    let (fours, rest) = x.as_chunks::<4>();
    let mut largest = largest_lanes(fours);
    for x in rest {
        largest = _mm256_max_epu32(largest, magnitudes(x));
    }
    reduce!(largest, _mm_max_epu32) as u32
}

/// The largest of each vector. Reduced side by side: one after the other would take three times the steps.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn largest_of_four([a, b, c, d]: [__m256i; 4]) -> [f32; 4] {
    let low = _mm256_max_epu32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let high = _mm256_max_epu32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    let all = _mm256_max_epu32(_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high));
    let four = _mm_max_epu32(_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
    let mut largest = [0.0; 4];
    if let Some(bytes) = bytes_mut(&mut largest).first_chunk_mut() {
        store16(bytes, four);
    }
    largest
}

/// The largest magnitudes in each of the 8 lanes of four vectors.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes_of([a, b, c, d]: &[[f32; 8]; 4]) -> __m256i {
    let (low, high) = (_mm256_max_epu32(magnitudes(a), magnitudes(b)), _mm256_max_epu32(magnitudes(c), magnitudes(d)));
    _mm256_max_epu32(low, high)
}

/// The largest magnitudes in each of the 8 lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn largest_lanes(x: &[[[f32; 8]; 4]]) -> __m256i {
    let mut low = _mm256_setzero_si256();
    let mut high = _mm256_setzero_si256();
    for [a, b, c, d] in x {
        low = _mm256_max_epu32(low, _mm256_max_epu32(magnitudes(a), magnitudes(b)));
        high = _mm256_max_epu32(high, _mm256_max_epu32(magnitudes(c), magnitudes(d)));
    }
    _mm256_max_epu32(low, high)
}

#[inline]
#[target_feature(enable = "avx2")]
fn magnitudes(x: &[f32; 8]) -> __m256i {
    _mm256_and_si256(_mm256_set1_epi32(0x7FFF_FFFF), _mm256_castps_si256(load_f32(x)))
}

/// The least and greatest of 0 and the numbers in `x` in the order of `super::group::ordered`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn range(x: &[[f32; 8]]) -> (i32, i32) {
    let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for eight in x {
        let bits = _mm256_castps_si256(load_f32(eight));
        let key = _mm256_xor_si256(bits, _mm256_srli_epi32::<1>(_mm256_srai_epi32::<31>(bits)));
        low = _mm256_min_epi32(low, key);
        high = _mm256_max_epi32(high, key);
    }
    (reduce!(low, _mm_min_epi32), reduce!(high, _mm_max_epi32))
}

/// What the codes of a group are computed with, in vectors.
struct Group {
    scale: __m256,
    /// Units per element.
    inverse: __m256,
    /// Makes codes start at 0, so that they are packed without loss, and rounds: in units. [`NEAR`] is added, so that
    /// what is near a tie on either side has a small fraction.
    start: __m256,
    least: __m256,
    most: __m256,
    /// `start` without rounding.
    up: __m256i,
    /// The largest code when codes start at 0.
    top: __m256i,
    /// Takes `up` back and adds the offset.
    down: __m256i,
}

impl Group {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(by: Codes) -> Self {
        let up = -by.least as i16;
        let (top, down) = by.ends();
        Self {
            scale: _mm256_set1_ps(by.scale),
            inverse: _mm256_set1_ps(UNITS / by.scale),
            start: _mm256_set1_ps(by.start()),
            least: _mm256_set1_ps(by.least),
            most: _mm256_set1_ps(by.most),
            up: _mm256_set1_epi16(up),
            top: _mm256_set1_epi8(top as i8),
            down: _mm256_set1_epi8(down as i8),
        }
    }
}

impl Codes {
    /// What is added to a product, in units: makes codes start at 0, rounds, and see [`Group::start`].
    #[inline(always)]
    pub(super) fn start(&self) -> f32 {
        (0.5 - self.least) * UNITS + f32::from(NEAR)
    }

    /// The largest code when codes start at 0, and what is then added to them, wrapping around.
    #[inline(always)]
    pub(super) fn ends(&self) -> (u8, u8) {
        ((self.most - self.least) as u8, (i16::from(self.offset) + self.least as i16) as u8)
    }
}

/// Whether products with the reciprocal of `scale` are as exact as supposed.
#[inline(always)]
fn is_ordinary(scale: f32) -> bool {
    ORDINARY.contains(&scale) && scale.to_bits() != TOO_SMALL.to_bits()
}

/// As [`is_ordinary`], of all.
#[inline(always)]
pub(super) fn all_ordinary(scales: &[f32]) -> bool {
    scales.iter().fold(true, |all, &scale| all & is_ordinary(scale))
}

/// The codes of `x`.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn encode(codes: &mut [[u8; LANES]], x: &[[f32; LANES]], by: Codes, ahead: &[u8]) {
    let group = Group::new(by);
    if by.bounded && is_ordinary(by.scale) {
        encode_run(codes, x, &group, ahead);
    } else {
        divide(codes, x, &group);
    }
}

/// As [`encode`], by quotients.
#[cold]
#[target_feature(enable = "avx2")]
pub(super) fn divide_run(codes: &mut [[u8; LANES]], x: &[[f32; LANES]], by: Codes) {
    divide(codes, x, &Group::new(by));
}

/// The codes of quotients.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn divide(codes: &mut [[u8; LANES]], x: &[[f32; LANES]], group: &Group) {
    for (codes, x) in codes.iter_mut().zip(x) {
        divide_lanes(codes, x, group);
    }
}

/// The largest magnitudes of runs of `run` times [`LANES`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn largest_of_each(largest: &mut [f32], x: &[[[f32; 8]; 4]], run: usize) {
    let (fours, rest) = largest.as_chunks_mut::<4>();
    let (together, alone) = x.split_at(fours.len() * 4 * run);
    if run == 1 {
        for (largest, [a, b, c, d]) in fours.iter_mut().zip(together.as_chunks().0) {
            *largest = largest_of_four([lanes_of(a), lanes_of(b), lanes_of(c), lanes_of(d)]);
        }
    } else {
        for (largest, x) in fours.iter_mut().zip(together.chunks_exact(4 * run)) {
            let of = |index: usize| largest_lanes(&x[index * run..][..run]);
            *largest = largest_of_four([of(0), of(1), of(2), of(3)]);
        }
    }
    for (largest, x) in rest.iter_mut().zip(alone.chunks_exact(run)) {
        *largest = f32::from_bits(largest_bits(x.as_flattened()));
    }
}

/// The codes of runs of `run` times [`LANES`] under scales, one each; false if those are not ordinary.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn encode_each(
    codes: &mut [[u8; LANES]],
    x: &[[f32; LANES]],
    scales: &[f32],
    run: usize,
    by: Codes,
    ahead: &[u8],
) -> bool {
    if !all_ordinary(scales) {
        return false;
    }
    let mut group = Group::new(by);
    let mut ahead = ahead.chunks_exact(4 * LANES * run);
    for ((codes, x), &scale) in codes.chunks_exact_mut(run).zip(x.chunks_exact(run)).zip(scales) {
        prefetch(ahead.next().unwrap_or(&[]));
        group.inverse = _mm256_set1_ps(UNITS / scale);
        let mut distance = _mm256_set1_epi16(-1);
        for (codes, x) in codes.iter_mut().zip(x) {
            distance = _mm256_min_epu16(distance, encode_lanes(codes, x, &group));
        }
        if is_unsure(distance) {
            divide_run(codes, x, Codes { scale, ..by });
        }
    }
    true
}

/// The codes of what shares a scale. A check covers several vectors: a branch for each would cost as much as they do.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn encode_run(codes: &mut [[u8; LANES]], x: &[[f32; LANES]], group: &Group, ahead: &[u8]) {
    let mut ahead = ahead.chunks(CHECKED * LANES * 4);
    for (codes, x) in codes.chunks_mut(CHECKED).zip(x.chunks(CHECKED)) {
        prefetch(ahead.next().unwrap_or(&[]));
        let mut distance = _mm256_set1_epi16(-1);
        for (codes, x) in codes.iter_mut().zip(x) {
            distance = _mm256_min_epu16(distance, encode_lanes(codes, x, group));
        }
        if is_unsure(distance) {
            divide(codes, x, group);
        }
    }
}

/// Whether a product may lie beyond a tie that its quotient does not reach, or the other way around.
#[inline]
#[target_feature(enable = "avx2")]
fn is_unsure(distance: __m256i) -> bool {
    let unsure = _mm256_subs_epu16(_mm256_set1_epi16(2 * NEAR), distance);
    _mm256_testz_si256(unsure, unsure) == 0
}

/// The codes of `x`, unless what is returned, distances to ties plus [`NEAR`], says that they are not sure.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn encode_lanes(codes: &mut [u8; LANES], x: &[f32; LANES], group: &Group) -> __m256i {
    let (eights, _) = x.as_chunks::<8>();
    let (first, first_fraction) = products(&eights[0], &eights[1], group);
    let (second, second_fraction) = products(&eights[2], &eights[3], group);
    let sort = _mm256_setr_epi8(
        0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15,
    );
    store(codes, _mm256_shuffle_epi8(_mm256_packus_epi16(first, second), sort), group);
    _mm256_min_epu16(first_fraction, second_fraction)
}

/// Codes from 0 on, not clipped, and what rounding cut off, of two vectors in turns.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn products(even: &[f32; 8], odd: &[f32; 8], group: &Group) -> (__m256i, __m256i) {
    let even = _mm256_cvtps_epi32(_mm256_fmadd_ps(load_f32(even), group.inverse, group.start));
    let odd = _mm256_cvtps_epi32(_mm256_fmadd_ps(load_f32(odd), group.inverse, group.start));
    let whole = _mm256_blend_epi16::<0xAA>(_mm256_srli_epi32::<16>(even), odd);
    (whole, _mm256_blend_epi16::<0xAA>(even, _mm256_slli_epi32::<16>(odd)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn divide_lanes(codes: &mut [u8; LANES], x: &[f32; LANES], group: &Group) {
    let (eights, _) = x.as_chunks::<8>();
    let mut whole = [_mm256_setzero_si256(); 4];
    for (whole, x) in whole.iter_mut().zip(eights) {
        let quotient = _mm256_div_ps(load_f32(x), group.scale);
        *whole = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(quotient, group.least), group.most));
    }
    let low = _mm256_add_epi16(_mm256_packs_epi32(whole[0], whole[1]), group.up);
    let high = _mm256_add_epi16(_mm256_packs_epi32(whole[2], whole[3]), group.up);
    store(codes, _mm256_packus_epi16(low, high), group);
}

/// Store codes that start at 0. Packing worked on halves: put the fours in order.
#[inline]
#[target_feature(enable = "avx2")]
fn store(codes: &mut [u8; LANES], packed: __m256i, group: &Group) {
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let bytes = _mm256_min_epu8(_mm256_permutevar8x32_epi32(packed, order), group.top);
    store32(codes, _mm256_add_epi8(bytes, group.down));
}
