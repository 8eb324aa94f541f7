//! As [`super::vectors`] with AVX-512, for short runs under scales of their own: half the steps.

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_add_epi8, _mm256_max_epu32, _mm256_set1_epi8, _mm512_and_si512,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_castsi512_si256, _mm512_cmplt_epu16_mask, _mm512_cvtepi16_epi8,
    _mm512_cvtps_epi32, _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_max_epi16, _mm512_max_epu32,
    _mm512_min_epi16, _mm512_min_epu16, _mm512_permutex2var_epi16, _mm512_reduce_max_epu32, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
};
use std::slice::{from_mut, from_ref};

use super::group::Codes;
use super::vectors::{LANES, NEAR, UNITS, all_ordinary, divide_run, largest_of_four};
use crate::simd::vector::{load64, store32};
use crate::simd::{bytes, prefetch};

/// Sixteen numbers, `half` of the 32.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(x: &[f32; LANES], half: usize) -> __m512 {
    _mm512_castsi512_ps(load64(&bytes(x).as_chunks().0[half]))
}

/// The larger magnitudes of two halves of 32.
#[inline]
#[target_feature(enable = "avx512f")]
fn magnitudes(x: &[f32; LANES]) -> __m512i {
    let of = |half| _mm512_and_si512(_mm512_set1_epi32(0x7FFF_FFFF), _mm512_castps_si512(load(x, half)));
    _mm512_max_epu32(of(0), of(1))
}

/// The largest magnitudes in each of 8 lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn largest_lanes(x: &[[f32; LANES]]) -> __m256i {
    let largest = x.iter().fold(_mm512_setzero_si512(), |most, x| _mm512_max_epu32(most, magnitudes(x)));
    _mm256_max_epu32(_mm512_castsi512_si256(largest), _mm512_extracti64x4_epi64::<1>(largest))
}

/// The largest magnitude of `x`, whole steps of 64 numbers, as bits.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn largest_bits(x: &[[f32; 2 * LANES]]) -> u32 {
    let mask = _mm512_set1_epi32(0x7FFF_FFFF);
    let mut most = [_mm512_setzero_si512(); 4];
    for x in x {
        let lines = bytes(x).as_chunks().0;
        for (most, line) in most.iter_mut().zip(lines) {
            *most = _mm512_max_epu32(*most, _mm512_and_si512(mask, load64(line)));
        }
    }
    let [a, b, c, d] = most;
    _mm512_reduce_max_epu32(_mm512_max_epu32(_mm512_max_epu32(a, b), _mm512_max_epu32(c, d)))
}

/// The largest magnitudes of runs of `run` times [`LANES`].
#[inline]
#[target_feature(enable = "avx2,avx512f")]
pub(super) fn largest_of_each(largest: &mut [f32], x: &[[f32; LANES]], run: usize) {
    let (fours, rest) = largest.as_chunks_mut::<4>();
    let (together, alone) = x.split_at(4 * run * fours.len());
    if run == 1 {
        for (largest, [a, b, c, d]) in fours.iter_mut().zip(together.as_chunks().0) {
            *largest = largest_of_four([a, b, c, d].map(|x| largest_lanes(from_ref(x))));
        }
    } else {
        for (largest, x) in fours.iter_mut().zip(together.chunks_exact(4 * run)) {
            let of = |index: usize| largest_lanes(&x[index * run..][..run]);
            *largest = largest_of_four([of(0), of(1), of(2), of(3)]);
        }
    }
    for (largest, x) in rest.iter_mut().zip(alone.chunks_exact(run)) {
        [*largest, ..] = largest_of_four([largest_lanes(x); 4]);
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

/// What the codes of all runs are computed with, in vectors: see [`super::vectors`].
struct Group {
    whole: __m512i,
    fraction: __m512i,
    start: __m512,
    top: __m512i,
    down: __m256i,
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
    let vector = |words: &[u16; 32]| -> __m512i { load64(&bytes(words).as_chunks().0[0]) };
    let (top, down) = by.ends();
    let group = Group {
        whole: vector(const { &words(1) }),
        fraction: vector(const { &words(0) }),
        start: _mm512_set1_ps(by.start()),
        top: _mm512_set1_epi16(i16::from(top)),
        down: _mm256_set1_epi8(down as i8),
    };
    if run == 1 {
        // A loop inside the loop would cost as much as what it repeats.
        let mut ahead = ahead.as_chunks::<{ 4 * LANES }>().0.iter();
        for ((codes, x), &scale) in codes.iter_mut().zip(x).zip(scales) {
            prefetch(ahead.next().map_or(&[], |line| &line[..]));
            if is_unsure(encode(codes, x, _mm512_set1_ps(UNITS / scale), &group)) {
                divide_run(from_mut(codes), from_ref(x), Codes { scale, ..by });
            }
        }
        return true;
    }
    let mut ahead = ahead.chunks_exact(4 * LANES * run);
    for ((codes, x), &scale) in codes.chunks_exact_mut(run).zip(x.chunks_exact(run)).zip(scales) {
        prefetch(ahead.next().unwrap_or(&[]));
        let inverse = _mm512_set1_ps(UNITS / scale);
        let mut distance = _mm512_set1_epi16(-1);
        for (codes, x) in codes.iter_mut().zip(x) {
            distance = _mm512_min_epu16(distance, encode(codes, x, inverse, &group));
        }
        if is_unsure(distance) {
            divide_run(codes, x, Codes { scale, ..by });
        }
    }
    true
}

/// Whether a product may lie beyond a tie that its quotient does not reach, or the other way around.
#[inline]
#[target_feature(enable = "avx512bw")]
fn is_unsure(distance: __m512i) -> bool {
    _mm512_cmplt_epu16_mask(distance, _mm512_set1_epi16(2 * NEAR)) != 0
}

/// The codes of `x`, unless what is returned, distances to ties plus [`NEAR`], says that they are not sure.
#[inline]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
fn encode(codes: &mut [u8; LANES], x: &[f32; LANES], inverse: __m512, group: &Group) -> __m512i {
    let product = |half| _mm512_cvtps_epi32(_mm512_fmadd_ps(load(x, half), inverse, group.start));
    let (low, high) = (product(0), product(1));
    // Signed: under a scale that lost its precision quotients may lie beyond both ends.
    let whole = _mm512_max_epi16(_mm512_permutex2var_epi16(low, group.whole, high), _mm512_setzero_si512());
    let clipped = _mm512_min_epi16(whole, group.top);
    store32(codes, _mm256_add_epi8(_mm512_cvtepi16_epi8(clipped), group.down));
    _mm512_permutex2var_epi16(low, group.fraction, high)
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
