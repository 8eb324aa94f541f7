//! The comparisons by instructions of AVX-512 and of AVX2.

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi16, _mm256_max_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_packs_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_testz_si256, _mm512_and_si512, _mm512_mask_cmpge_epu8_mask,
    _mm512_mask_cmple_epi16_mask, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi64, _mm512_test_epi64_mask,
};

use super::{BEFORE_LOOK, Cells, Compare, FineCells, Set, Steps, step};
use crate::simd::vector::{load32, load64, store32, store64};
use crate::simd::{Avx2, Avx512, bytes, with_features};

/// Objectives between two looks at whether any lane is left: a look costs as much as a comparison.
const BETWEEN_LOOKS: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct By512(pub(super) Avx512);

impl Compare for By512 {
    #[inline(always)]
    fn not_below(self, columns: &[Cells], row: &[u8]) -> u64 {
        with_features!(Avx512, self.0, not_below_512(columns, row))
    }

    #[inline(always)]
    fn cut(self, objectives: &[Steps], columns: &[Cells], lane: usize) -> Option<Set> {
        with_features!(Avx512, self.0, cut_512(objectives, columns, lane))
    }

    #[inline(always)]
    fn find_not_above(self, columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
        with_features!(Avx512, self.0, find_512(columns, row, from))
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn not_below_512(columns: &[Cells], row: &[u8]) -> u64 {
    let mut mask = u64::MAX;
    for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
        for (column, &own) in columns.iter().zip(row) {
            mask = _mm512_mask_cmpge_epu8_mask(mask, load64(column), _mm512_set1_epi8(own.cast_signed()));
        }
        if mask == 0 {
            break;
        }
    }
    mask
}

#[inline]
#[target_feature(enable = "avx512f")]
fn cut_512(objectives: &[Steps], columns: &[Cells], lane: usize) -> Option<Set> {
    let mut all = _mm512_set1_epi64(-1);
    let (first, others) = objectives.split_at(BEFORE_LOOK.min(objectives.len()));
    for (steps, column) in first.iter().zip(columns) {
        all = _mm512_and_si512(all, load64(&step(steps, column, lane).0));
    }
    if _mm512_test_epi64_mask(all, all) == 0 {
        return None;
    }
    for (steps, column) in others.iter().zip(columns.iter().skip(BEFORE_LOOK)) {
        all = _mm512_and_si512(all, load64(&step(steps, column, lane).0));
    }
    let mut set = Set([0; 64]);
    store64(&mut set.0, all);
    Some(set)
}

/// A search for each small number of objectives, with the row in registers, and one for all others.
macro_rules! find {
    ($name:ident, $of:ident, $features:literal, $not_above:ident) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn $name(columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
            match row.len() {
                2 => $of::<2>(columns, row, from),
                3 => $of::<3>(columns, row, from),
                4 => $of::<4>(columns, row, from),
                d => {
                    for (chunk, columns) in columns.chunks_exact(d).enumerate().skip(from) {
                        let mask = $not_above(columns, row);
                        if mask != 0 {
                            return Some((chunk, mask));
                        }
                    }
                    None
                }
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn $of<const D: usize>(columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
            let row: &[i16; D] = row.first_chunk()?;
            for (chunk, columns) in columns.as_chunks::<D>().0.iter().enumerate().skip(from) {
                let mask = $not_above(columns, row);
                if mask != 0 {
                    return Some((chunk, mask));
                }
            }
            None
        }
    };
}
find!(find_512, find_512_of, "avx512f,avx512bw", not_above_fine_512);
find!(find_256, find_256_of, "avx2", not_above_fine_256);

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn not_above_fine_512(columns: &[FineCells], row: &[i16]) -> u64 {
    let (mut low, mut high) = (u32::MAX, u32::MAX);
    for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
        for (column, &own) in columns.iter().zip(row) {
            let own = _mm512_set1_epi16(own);
            let (cells, _) = bytes(column).as_chunks::<64>();
            low = _mm512_mask_cmple_epi16_mask(low, load64(&cells[0]), own);
            high = _mm512_mask_cmple_epi16_mask(high, load64(&cells[1]), own);
        }
        if low | high == 0 {
            break;
        }
    }
    u64::from(low) | u64::from(high) << 32
}

#[derive(Clone, Copy)]
pub(super) struct By256(pub(super) Avx2);

impl Compare for By256 {
    #[inline(always)]
    fn not_below(self, columns: &[Cells], row: &[u8]) -> u64 {
        with_features!(Avx2, self.0, not_below_256(columns, row))
    }

    #[inline(always)]
    fn cut(self, objectives: &[Steps], columns: &[Cells], lane: usize) -> Option<Set> {
        with_features!(Avx2, self.0, cut_256(objectives, columns, lane))
    }

    #[inline(always)]
    fn find_not_above(self, columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
        with_features!(Avx2, self.0, find_256(columns, row, from))
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn not_below_256(columns: &[Cells], row: &[u8]) -> u64 {
    let mut halves = [_mm256_set1_epi8(-1); 2];
    for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
        for (column, &own) in columns.iter().zip(row) {
            let own = _mm256_set1_epi8(own.cast_signed());
            let (cells, _) = column.as_chunks::<32>();
            for (half, cells) in halves.iter_mut().zip(cells) {
                let cells = load32(cells);
                *half = _mm256_and_si256(*half, _mm256_cmpeq_epi8(_mm256_max_epu8(cells, own), cells));
            }
        }
        if bits(halves) == 0 {
            break;
        }
    }
    bits(halves)
}

#[inline]
#[target_feature(enable = "avx2")]
fn cut_256(objectives: &[Steps], columns: &[Cells], lane: usize) -> Option<Set> {
    let mut halves = [_mm256_set1_epi8(-1); 2];
    let (first, others) = objectives.split_at(BEFORE_LOOK.min(objectives.len()));
    let cut = |halves: [__m256i; 2], steps: &Steps, column: &Cells| {
        let (own, _) = step(steps, column, lane).0.as_chunks::<32>();
        [_mm256_and_si256(halves[0], load32(&own[0])), _mm256_and_si256(halves[1], load32(&own[1]))]
    };
    for (steps, column) in first.iter().zip(columns) {
        halves = cut(halves, steps, column);
    }
    let any = _mm256_or_si256(halves[0], halves[1]);
    if _mm256_testz_si256(any, any) == 1 {
        return None;
    }
    for (steps, column) in others.iter().zip(columns.iter().skip(BEFORE_LOOK)) {
        halves = cut(halves, steps, column);
    }
    let mut set = Set([0; 64]);
    for (own, half) in set.0.as_chunks_mut::<32>().0.iter_mut().zip(halves) {
        store32(own, half);
    }
    Some(set)
}

#[inline]
#[target_feature(enable = "avx2")]
fn not_above_fine_256(columns: &[FineCells], row: &[i16]) -> u64 {
    let mut above = [_mm256_setzero_si256(); 4];
    let mut mask = 0;
    for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
        for (column, &own) in columns.iter().zip(row) {
            let own = _mm256_set1_epi16(own);
            let (cells, _) = bytes(column).as_chunks::<32>();
            for (above, cells) in above.iter_mut().zip(cells) {
                *above = _mm256_or_si256(*above, _mm256_cmpgt_epi16(load32(cells), own));
            }
        }
        // Packing works in halves of the vectors, whose quarters then go back to their places.
        let [first, second, third, fourth] = above;
        let halves = [_mm256_packs_epi16(first, second), _mm256_packs_epi16(third, fourth)];
        mask = !bits(halves.map(|half| _mm256_permute4x64_epi64::<0b11_01_10_00>(half)));
        if mask == 0 {
            break;
        }
    }
    mask
}

#[inline]
#[target_feature(enable = "avx2")]
fn bits(halves: [__m256i; 2]) -> u64 {
    let [low, high] = halves.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
    low | high << 32
}
