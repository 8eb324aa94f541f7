//! Transposes in registers: eight vectors of eight words, and eight words of eight nibbles in each lane.

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_and_si256, _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_sll_epi32, _mm256_srl_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::transpose::{Matrix, Piece, Rectangle};
use crate::simd::vector::{load32, store32};
use crate::simd::{Avx2, Level, with_features};

/// Fill `piece` with the transposed words of `source` at `place`; false if that is too small or the CPU too old.
pub(super) fn words<const H: usize, const W: usize>(
    piece: &mut Piece<H, W>,
    source: Matrix<'_>,
    place: Rectangle,
    level: Level,
) -> bool {
    match Avx2::at(level) {
        Some(proof) if place.rows >= 8 && place.cols >= 8 => {
            with_features!(Avx2, proof, words_avx2(piece, source, place));
            true
        }
        _ => false,
    }
}

/// As [`words`], of nibbles.
pub(super) fn nibbles<const H: usize, const W: usize>(
    piece: &mut Piece<H, W>,
    source: Matrix<'_>,
    place: Rectangle,
    orders: (&[u8; 8], &[u8; 8]),
    level: Level,
) -> bool {
    match Avx2::at(level) {
        Some(proof) if place.rows.is_multiple_of(64) && place.cols >= 8 => {
            with_features!(Avx2, proof, nibbles_avx2(piece, source, place, orders));
            true
        }
        _ => false,
    }
}

/// Starts of runs of 8 that cover `0..len`; the last overlaps the one before.
fn eights(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(8).map(move |at| at.min(len - 8))
}

#[target_feature(enable = "avx2")]
fn words_avx2<const H: usize, const W: usize>(piece: &mut Piece<H, W>, source: Matrix<'_>, place: Rectangle) {
    for j in eights(place.cols) {
        for i in eights(place.rows) {
            let rows = std::array::from_fn(|k| load(source, place.col + j + k, place.row + i));
            store(piece, transpose(rows), |k| i + k, j);
        }
    }
}

#[target_feature(enable = "avx2")]
fn nibbles_avx2<const H: usize, const W: usize>(
    piece: &mut Piece<H, W>,
    source: Matrix<'_>,
    place: Rectangle,
    orders: (&[u8; 8], &[u8; 8]),
) {
    for i in (0..place.rows).step_by(64) {
        for j in eights(place.cols) {
            let mut crossed = [[_mm256_setzero_si256(); 8]; 8];
            for (t, crossed) in crossed.iter_mut().enumerate() {
                let row = 8 * (place.col + j + t);
                *crossed = cross(orders.1.map(|k| load(source, row + k as usize, (place.row + i) / 8)));
            }
            for (nibble, &row) in orders.0.iter().enumerate() {
                let rows = std::array::from_fn(|t| crossed[t][nibble]);
                store(piece, transpose(rows), |lane| i + 8 * lane + row as usize, j);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(source: Matrix<'_>, row: usize, col: usize) -> __m256i {
    source.at(row, col).map_or(_mm256_setzero_si256(), |bytes| load32(bytes))
}

#[inline]
#[target_feature(enable = "avx2")]
fn store<const H: usize, const W: usize>(
    piece: &mut Piece<H, W>,
    vectors: [__m256i; 8],
    row: impl Fn(usize) -> usize,
    col: usize,
) {
    for (k, vector) in vectors.into_iter().enumerate() {
        if let Some(target) = piece[row(k)].as_flattened_mut()[4 * col..].first_chunk_mut() {
            store32(target, vector);
        }
    }
}

/// Word `j` of vector `i` becomes word `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(v: [__m256i; 8]) -> [__m256i; 8] {
    let low = |a: usize, b: usize| _mm256_unpacklo_epi32(v[a], v[b]);
    let high = |a: usize, b: usize| _mm256_unpackhi_epi32(v[a], v[b]);
    // Pairs of rows, then fours, within halves of vectors; then the halves change places.
    let v = [low(0, 1), high(0, 1), low(2, 3), high(2, 3), low(4, 5), high(4, 5), low(6, 7), high(6, 7)];
    let low = |a: usize, b: usize| _mm256_unpacklo_epi64(v[a], v[b]);
    let high = |a: usize, b: usize| _mm256_unpackhi_epi64(v[a], v[b]);
    let v = [low(0, 2), high(0, 2), low(1, 3), high(1, 3), low(4, 6), high(4, 6), low(5, 7), high(5, 7)];
    let lower = |k: usize| _mm256_permute2x128_si256(v[k], v[k + 4], 0x20);
    let upper = |k: usize| _mm256_permute2x128_si256(v[k], v[k + 4], 0x31);
    [lower(0), lower(1), lower(2), lower(3), upper(0), upper(1), upper(2), upper(3)]
}

/// In each lane: nibble `j` of vector `i` becomes nibble `i` of vector `j`, by swapping halves, quarters and eighths.
#[inline]
#[target_feature(enable = "avx2")]
fn cross(mut v: [__m256i; 8]) -> [__m256i; 8] {
    for (distance, mask) in [(4_usize, 0x0000_FFFF), (2, 0x00FF_00FF), (1, 0x0F0F_0F0F)] {
        let (mask, bits) = (_mm256_set1_epi32(mask), _mm_cvtsi32_si128(4 * distance as i32));
        for i in (0..8).filter(|i| i & distance == 0) {
            let differ = _mm256_xor_si256(_mm256_srl_epi32(v[i], bits), v[i + distance]);
            let differ = _mm256_and_si256(differ, mask);
            v[i + distance] = _mm256_xor_si256(v[i + distance], differ);
            v[i] = _mm256_xor_si256(v[i], _mm256_sll_epi32(differ, bits));
        }
    }
    v
}
