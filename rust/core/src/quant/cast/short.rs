//! Nearest codes of the formats that most weights have, with AVX2 in lanes of 16 bits: twice as many at once as float32
//! has lanes.
//!
//! The upper half of a float32 decides with one more bit: whether the lower half is zero. That bit goes to the lowest
//! place, where rounding and comparing see "a bit more than this". Codes of subnormal numbers are the number of
//! thresholds below; the larger of that and what rounding the bits gives is the code.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_and_si256, _mm256_andnot_si256, _mm256_blend_epi16, _mm256_cmpeq_epi16,
    _mm256_cmpgt_epi16, _mm256_max_epi16, _mm256_min_epi16, _mm256_min_epu16, _mm256_or_si256, _mm256_packus_epi16,
    _mm256_permute4x64_epi64, _mm256_permutevar8x32_epi32, _mm256_set1_epi16, _mm256_setr_epi8, _mm256_setr_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srai_epi16, _mm256_srli_epi16,
    _mm256_srli_epi32, _mm256_sub_epi16,
};

use crate::quant::Float;
use crate::simd::vector::{load32, put32};
use crate::simd::{Avx2, Fill, bytes, prefetch_ahead, with_features};

/// Numbers that are encoded together.
const STEP: usize = 64;

/// E4M3FN, saturating; E5M2, saturating or not; E8M0, saturating.
pub(super) const E4M3FN: u8 = 0;
pub(super) const E5M2: u8 = 1;
pub(super) const E5M2_INFINITE: u8 = 2;
pub(super) const POWER: u8 = 3;

/// The loop that encodes as one of the above; `S` is float32 or bfloat16.
pub(super) struct ShortLoop<'a, S: Float, const KIND: u8> {
    pub(super) x: &'a [S::Bits],
    pub(super) proof: Avx2,
}

impl<S: Float, const KIND: u8> Fill<u8> for ShortLoop<'_, S, KIND> {
    #[inline(always)]
    fn fill(&self, piece: &mut [u8], offset: usize) {
        let x = &self.x[offset..][..piece.len()];
        let done = self.steps::<false>(piece, x);
        let rest = &x[done..];
        if !rest.is_empty() {
            let (mut last, mut codes) = ([S::Bits::default(); STEP], [0; STEP]);
            last[..rest.len()].copy_from_slice(rest);
            self.steps::<false>(&mut codes, &last);
            piece[done..].copy_from_slice(&codes[..rest.len()]);
        }
    }

    #[inline(always)]
    fn fill_around(&self, lines: &mut [u8], offset: usize) -> usize {
        self.steps::<true>(lines, &self.x[offset..])
    }
}

impl<S: Float, const KIND: u8> ShortLoop<'_, S, KIND> {
    /// Encode whole steps, and return how many numbers they are.
    #[inline(always)]
    fn steps<const AROUND: bool>(&self, out: &mut [u8], x: &[S::Bits]) -> usize {
        let outs = out.as_chunks_mut::<STEP>().0;
        for (index, (out, step)) in outs.iter_mut().zip(x.as_chunks::<STEP>().0).enumerate() {
            if AROUND {
                let size = size_of_val(step);
                prefetch_ahead(bytes(x), size * index, size * (index + 1));
            }
            with_features!(Avx2, self.proof, encode_step::<S, KIND, AROUND>(out, step));
        }
        STEP * outs.len()
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn encode_step<S: Float, const KIND: u8, const AROUND: bool>(out: &mut [u8; STEP], x: &[S::Bits; STEP]) {
    let (vectors, _) = bytes(x).as_chunks::<32>();
    let half = |half: usize| {
        if size_of::<S::Bits>() == 2 {
            let [first, second] = [0, 1].map(|index| codes::<KIND>(load32(&vectors[2 * half + index])));
            return _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(first, second));
        }
        let pair = |at: usize| codes::<KIND>(upper_halves(load32(&vectors[at]), load32(&vectors[at + 1])));
        in_order(_mm256_packus_epi16(pair(4 * half), pair(4 * half + 2)))
    };
    put32(out, half(0), half(1), AROUND);
}

/// The upper halves of two vectors in turns; the lowest bit is set where the lower half is not zero.
#[inline]
#[target_feature(enable = "avx2")]
fn upper_halves(a: __m256i, b: __m256i) -> __m256i {
    let upper = _mm256_blend_epi16::<0xAA>(_mm256_srli_epi32::<16>(a), b);
    let lower = _mm256_blend_epi16::<0xAA>(a, _mm256_slli_epi32::<16>(b));
    _mm256_or_si256(upper, _mm256_min_epu16(lower, _mm256_set1_epi16(1)))
}

/// Bytes of four vectors, two by two in turns, packed within 128 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order(packed: __m256i) -> __m256i {
    let fours = _mm256_setr_epi8(
        0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15,
    );
    _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(packed, fours), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// The codes of 16 numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn codes<const KIND: u8>(upper: __m256i) -> __m256i {
    match KIND {
        POWER => powers(upper),
        E4M3FN => floats::<3, 8, 0x7E>(upper),
        E5M2 => floats::<2, 4, 0x7B>(upper),
        _ => floats::<2, 4, 0x7C>(upper),
    }
}

/// The upper halves of the thresholds of codes from 1 on: above one a magnitude is nearer to its code than to the code
/// below, or as near where the code is even.
const fn thresholds<const COUNT: usize>(step: f32) -> [i16; COUNT] {
    let mut found = [0; COUNT];
    let mut index = 0;
    while index < COUNT {
        let code = index + 1;
        let middle = ((code as f32 - 0.5) * step).to_bits() >> 16;
        found[index] = middle as i16 - code.is_multiple_of(2) as i16;
        index += 1;
    }
    found
}

/// Codes of E4M3FN or E5M2, by the bits of the mantissa and the number of codes up to the least normal one.
#[inline]
#[target_feature(enable = "avx2")]
fn floats<const MANTISSA: u32, const COUNT: usize, const LARGEST: i16>(upper: __m256i) -> __m256i {
    let all = |value: i16| _mm256_set1_epi16(value);
    let shift = |value| {
        if MANTISSA == 3 { _mm256_srai_epi16::<4>(value) } else { _mm256_srai_epi16::<5>(value) }
    };
    // One exponent below the least normal one, where codes of normal numbers would go on with 0.
    let base = const { (if MANTISSA == 3 { 120 } else { 112 }) << 7 };
    let thresholds = const { thresholds::<COUNT>(if MANTISSA == 3 { 1.0 / 512.0 } else { 1.0 / 65536.0 }) };
    let magnitude = _mm256_and_si256(upper, all(0x7FFF));
    let odd = _mm256_and_si256(shift(magnitude), all(1));
    let half = const { (1 << (6 - MANTISSA)) - 1 };
    let normal = shift(_mm256_add_epi16(_mm256_add_epi16(magnitude, all(half - base)), odd));
    let mut subnormal = _mm256_setzero_si256();
    for threshold in thresholds {
        subnormal = _mm256_sub_epi16(subnormal, _mm256_cmpgt_epi16(magnitude, all(threshold)));
    }
    let finite = _mm256_min_epi16(_mm256_max_epi16(normal, subnormal), all(LARGEST));
    let nan = _mm256_and_si256(_mm256_cmpgt_epi16(magnitude, all(0x7F80)), all(0x7F));
    let sign = _mm256_and_si256(_mm256_srli_epi16::<8>(upper), all(0x80));
    _mm256_or_si256(_mm256_or_si256(finite, nan), sign)
}

/// Codes of E8M0: see [`super::exponent::encode`].
#[inline]
#[target_feature(enable = "avx2")]
fn powers(upper: __m256i) -> __m256i {
    let all = |value: i16| _mm256_set1_epi16(value);
    let magnitude = _mm256_and_si256(upper, all(0x7FFF));
    let half = all(0x40);
    let sum = _mm256_add_epi16(_mm256_add_epi16(magnitude, half), _mm256_cmpeq_epi16(magnitude, half));
    let finite = _mm256_min_epi16(_mm256_srli_epi16::<7>(sum), all(254));
    let limit = _mm256_andnot_si256(_mm256_srai_epi16::<15>(upper), all(0x7F80));
    let nan = _mm256_and_si256(_mm256_cmpgt_epi16(magnitude, limit), all(255));
    _mm256_or_si256(finite, nan)
}
