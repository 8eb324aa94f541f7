//! As [`super::vectors`] with AVX-512, for short runs under scales of their own: half the steps.

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_add_epi8, _mm256_max_epu32, _mm256_set1_epi8, _mm512_and_si512,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_castsi512_si256, _mm512_cmplt_epu16_mask, _mm512_cvtepi16_epi8,
    _mm512_cvtps_epi32, _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_max_epi16, _mm512_max_epu32,
    _mm512_min_epi16, _mm512_min_epu16, _mm512_permutex2var_epi16, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_si512,
};

use super::group::Codes;
use super::vectors::{LANES, NEAR, UNITS, all_ordinary, divide_run, largest_of_four};
use crate::simd::vector::{load64, store32};
use crate::simd::{bytes, prefetch_line};

/// Sixteen numbers, `half` of the 32.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(x: &[f32; LANES], half: usize) -> __m512 {
    _mm512_castsi512_ps(load64(&bytes(x).as_chunks().0[half]))
}

/// The largest magnitudes in each of 8 lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn largest_lanes(x: &[[f32; LANES]]) -> __m256i {
    let magnitudes = |x| _mm512_and_si512(_mm512_set1_epi32(0x7FFF_FFFF), _mm512_castps_si512(x));
    let mut largest = _mm512_setzero_si512();
    for x in x {
        let both = _mm512_max_epu32(magnitudes(load(x, 0)), magnitudes(load(x, 1)));
        largest = _mm512_max_epu32(largest, both);
    }
    _mm256_max_epu32(_mm512_castsi512_si256(largest), _mm512_extracti64x4_epi64::<1>(largest))
}

/// The largest magnitudes of runs of `run` times [`LANES`].
#[inline]
#[target_feature(enable = "avx2,avx512f")]
pub(super) fn largest_of_each(largest: &mut [f32], x: &[[f32; LANES]], run: usize) {
    for (largest, x) in largest.chunks_mut(4).zip(x.chunks(4 * run)) {
        let of = |index: usize| largest_lanes(x.chunks_exact(run).nth(index).unwrap_or(&[]));
        let four = largest_of_four([of(0), of(1), of(2), of(3)]);
        largest.copy_from_slice(&four[..largest.len()]);
    }
}

/// Which words of two vectors are taken: the upper ones of the numbers' products are codes, the lower ones fractions.
const fn words(first: u16) -> [u16; 32] {
    let mut words = [0; 32];
    let mut index = 0;
    while index < 32 {
        words[index] = 2 * index as u16 + first;
        index += 1;
    }
    words
}

/// The codes of runs of `run` times [`LANES`] under scales, one each; false if those are not ordinary.
#[inline]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
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
    // In runs of 32 a loop inside the loop would cost as much as what it repeats.
    if run == 1 {
        encode_runs::<1>(codes, x, scales, 1, by, ahead);
    } else {
        encode_runs::<0>(codes, x, scales, run, by, ahead);
    }
    true
}

/// As [`encode_each`], of runs of `RUN`, or `run` if that is 0.
#[inline]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
fn encode_runs<const RUN: usize>(
    codes: &mut [[u8; LANES]],
    x: &[[f32; LANES]],
    scales: &[f32],
    run: usize,
    by: Codes,
    ahead: &[u8],
) {
    let run = if RUN == 0 { run } else { RUN };
    let vector = |words: [u16; 32]| -> __m512i { load64(&bytes(&words).as_chunks().0[0]) };
    let (whole, fraction) = (vector(const { words(1) }), vector(const { words(0) }));
    let (top, down) = by.ends();
    let (top, down) = (_mm512_set1_epi16(i16::from(top)), _mm256_set1_epi8(down as i8));
    let start = _mm512_set1_ps(by.start());
    let unsure = _mm512_set1_epi16(2 * NEAR);
    let runs = codes.chunks_exact_mut(run).zip(x.chunks_exact(run)).zip(scales);
    for (index, ((codes, x), &scale)) in runs.enumerate() {
        let from = index * run * size_of_val(&x[0]);
        for line in 0..2 * run {
            prefetch_line(ahead, from + 64 * line);
        }
        let inverse = _mm512_set1_ps(UNITS / scale);
        let mut distance = _mm512_set1_epi16(-1);
        for (codes, x) in codes.iter_mut().zip(x) {
            let product = |half| _mm512_cvtps_epi32(_mm512_fmadd_ps(load(x, half), inverse, start));
            let (low, high) = (product(0), product(1));
            distance = _mm512_min_epu16(distance, _mm512_permutex2var_epi16(low, fraction, high));
            // Signed: under a scale that lost its precision quotients may lie beyond both ends.
            let whole = _mm512_max_epi16(_mm512_permutex2var_epi16(low, whole, high), _mm512_setzero_si512());
            let clipped = _mm512_min_epi16(whole, top);
            store32(codes, _mm256_add_epi8(_mm512_cvtepi16_epi8(clipped), down));
        }
        if _mm512_cmplt_epu16_mask(distance, unsure) != 0 {
            divide_run(codes, x, Codes { scale, ..by });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use crate::quant::block::group::{Integers, ScaleRule};
    use crate::quant::block::{Nan, Options, Rounding, scaled};
    use crate::quant::{F16, F32};
    use crate::simd::levels;

    #[test]
    fn every_level_gives_the_same_codes_in_short_and_long_runs_also_near_ties_and_under_coarse_scales() {
        const COLUMNS: usize = 2560;
        let mut state = 1_u32;
        let mut x = vec![0.0_f32; 4 * COLUMNS];
        for (index, x) in x.iter_mut().enumerate() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Multiples of half a code, exact and one unit off; then noise; both also under subnormal float16 scales,
            // under which quotients of 8 and of 4 bits lie beyond the ends.
            let half = (((state >> 8) % 509) as i32 - 254) as f32 / 254.0;
            let noise = (state >> 8) as f32 / 8_388_608.0 - 1.0;
            let near = half * [1.0_f32.next_down(), 1.0, 1.0_f32.next_up()][state as usize % 3];
            let row = index / COLUMNS;
            *x = [3.0, 3.0, 1.08e-5, 6e-7][row] * if row.is_multiple_of(2) { near } else { noise };
        }
        for (bits, rule) in [(8, ScaleRule::Amax), (8, ScaleRule::Full), (4, ScaleRule::Amax), (4, ScaleRule::Full)] {
            for (run, asymmetric) in [(32, false), (64, false), (128, false), (COLUMNS, false), (COLUMNS, true)] {
                let Ok(format) = Integers::new(bits, asymmetric, rule) else { continue };
                let bytes = x.len() * bits as usize / 8;
                let all: Vec<_> = levels()
                    .into_iter()
                    .map(|level| {
                        let options = Options {
                            rounding: Rounding::NearestEven,
                            seed: 0,
                            nan: Nan::Scale,
                            columns: COLUMNS,
                            logical_columns: COLUMNS,
                            threads: NonZeroUsize::new(1),
                            level,
                        };
                        let (mut codes, mut scales) = (vec![0; bytes], vec![0; x.len() / run]);
                        let mut zeros = vec![0; x.len() / run];
                        let zeros = asymmetric.then_some(&mut zeros[..]);
                        scaled::quantize::<F32, F16, _>(&mut codes, &mut scales, zeros, &x, format, run, &options)
                            .unwrap();
                        (codes, scales)
                    })
                    .collect();
                assert!(all.iter().all(|each| each == &all[0]), "{bits} {rule:?} {run} {asymmetric}");
            }
        }
    }
}
