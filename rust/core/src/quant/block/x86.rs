//! Steps of the loops over blocks with AVX2 intrinsics: eight numbers at a time, as in [`super::lane`], which says why
//! it works.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_extract_epi32,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu32, _mm256_max_ps, _mm256_min_epu8, _mm256_min_ps,
    _mm256_mul_ps, _mm256_or_si256, _mm256_packs_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_packus_epi32,
    _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_permutevar8x32_epi32, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi8, _mm256_setr_epi32, _mm256_shuffle_epi8,
    _mm256_shuffle_epi32, _mm256_slli_epi32, _mm256_srl_epi16, _mm256_srl_epi32, _mm256_sub_epi32,
};

use super::lane::Encode;
use crate::quant::source::Float;
use crate::simd::bytes;
use crate::simd::vector::{load16, load32, store32};

/// Numbers that are handled together: an MX block, two NV blocks.
pub(super) const STEP: usize = 32;

/// The numbers of one step.
type Numbers = [__m256; 4];

/// Read 32 numbers.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) fn load<S: Float>(x: &[S::Bits]) -> Numbers {
    let raw = bytes(&x[..STEP]);
    if size_of::<S::Bits>() == 4 {
        let (vectors, _) = raw.as_chunks::<32>();
        let one = |at: usize| _mm256_castsi256_ps(load32(&vectors[at]));
        return [one(0), one(1), one(2), one(3)];
    }
    let (vectors, _) = raw.as_chunks::<16>();
    let brain = const { S::NAME.as_bytes()[0] == b'b' };
    let one = |at: usize| {
        let half = load16(&vectors[at]);
        if brain {
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half)))
        } else {
            _mm256_cvtph_ps(half)
        }
    };
    [one(0), one(1), one(2), one(3)]
}

/// The largest magnitude of some vectors, as bits.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn largest(vectors: &[__m256]) -> u32 {
    let magnitude = |vector| _mm256_and_si256(_mm256_castps_si256(vector), _mm256_set1_epi32(0x7FFF_FFFF));
    let most = vectors.iter().fold(_mm256_set1_epi32(0), |most, &vector| _mm256_max_epu32(most, magnitude(vector)));
    let most = _mm256_max_epu32(most, _mm256_permute2x128_si256::<1>(most, most));
    let most = _mm256_max_epu32(most, _mm256_shuffle_epi32::<0b01_00_11_10>(most));
    let most = _mm256_max_epu32(most, _mm256_shuffle_epi32::<0b10_11_00_01>(most));
    _mm256_extract_epi32::<0>(most) as u32
}

/// The constants of an [`Encode`], in vectors.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    shift: __m128i,
    smallest: __m256i,
    magic: __m256i,
    /// Per byte.
    largest: __m256i,
    sign_bit: __m256i,
    /// From the highest bit of a byte to the sign bit.
    sign_shift: __m128i,
}

impl Lanes {
    /// Read them once per loop.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new<E: Encode>(lane: E) -> Self {
        let [shift, smallest, magic, largest, sign_shift, sign_bit] = lane.constants();
        Self {
            shift: _mm_cvtsi32_si128(shift as i32),
            smallest: _mm256_set1_epi32(smallest as i32),
            magic: _mm256_set1_epi32(magic as i32),
            largest: _mm256_set1_epi8(largest as i8),
            sign_bit: _mm256_set1_epi8(sign_bit as i8),
            sign_shift: _mm_cvtsi32_si128(sign_shift.saturating_sub(24) as i32),
        }
    }
}

/// The codes of eight floats, without sign and end.
#[inline]
#[target_feature(enable = "avx2")]
fn float_codes(values: __m256, lanes: &Lanes) -> __m256i {
    let bits = _mm256_castps_si256(values);
    let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7FFF_FFFF));
    let exponent = _mm256_max_epu32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7F80_0000)), lanes.smallest);
    let power = _mm256_add_epi32(exponent, lanes.magic);
    let sum = _mm256_add_ps(_mm256_castsi256_ps(magnitude), _mm256_castsi256_ps(power));
    let steps = _mm256_sub_epi32(_mm256_castps_si256(sum), power);
    _mm256_add_epi32(steps, _mm256_srl_epi32(_mm256_sub_epi32(exponent, lanes.smallest), lanes.shift))
}

/// The codes of eight integers.
#[inline]
#[target_feature(enable = "avx2")]
fn integer_codes<E: Encode>(values: __m256, lane: E) -> __m256i {
    let (per_unit, largest, mask) = lane.integer();
    let steps = _mm256_mul_ps(values, _mm256_set1_ps(per_unit));
    let clipped = _mm256_min_ps(_mm256_max_ps(steps, _mm256_set1_ps(-largest)), _mm256_set1_ps(largest));
    let sum = _mm256_add_ps(clipped, _mm256_set1_ps(12_582_912.0));
    _mm256_and_si256(_mm256_castps_si256(sum), _mm256_set1_epi32(mask as i32))
}

/// A factor for each half of a step.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn two(first: f32, second: f32) -> (__m256, __m256) {
    (_mm256_set1_ps(first), _mm256_set1_ps(second))
}

/// The codes of 32 numbers, each half multiplied by its factor and clipped to `limit`, one per byte in order.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn encode<E: Encode>(
    numbers: Numbers,
    factors: (__m256, __m256),
    limit: f32,
    lane: E,
    lanes: &Lanes,
) -> __m256i {
    let one = |number, factor| {
        let scaled = _mm256_mul_ps(number, factor);
        if limit < f32::INFINITY {
            _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(-limit)), _mm256_set1_ps(limit))
        } else {
            scaled
        }
    };
    let values = [
        one(numbers[0], factors.0),
        one(numbers[1], factors.0),
        one(numbers[2], factors.1),
        one(numbers[3], factors.1),
    ];
    // The packing instructions work on each half: groups of four come out as 0 2 4 6, 1 3 5 7.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    if E::INTEGER {
        let [a, b, c, d] = values;
        let codes = [integer_codes(a, lane), integer_codes(b, lane), integer_codes(c, lane), integer_codes(d, lane)];
        return _mm256_permutevar8x32_epi32(to_bytes(codes), order);
    }
    let [a, b, c, d] = values;
    let codes = [float_codes(a, lanes), float_codes(b, lanes), float_codes(c, lanes), float_codes(d, lanes)];
    let magnitudes = _mm256_min_epu8(to_bytes(codes), lanes.largest);
    // Saturation keeps the sign of what is packed.
    let [a, b, c, d] = values.map(|value| _mm256_castps_si256(value));
    let signs = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    let signs = _mm256_and_si256(_mm256_srl_epi16(signs, lanes.sign_shift), lanes.sign_bit);
    _mm256_permutevar8x32_epi32(_mm256_or_si256(magnitudes, signs), order)
}

/// Four vectors of numbers up to 255 in bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn to_bytes([a, b, c, d]: [__m256i; 4]) -> __m256i {
    _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d))
}

/// Write 32 codes, one per byte, as `bits` bits each; `out` has room for 32 bytes, of which those behind the codes
/// are overwritten with anything.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn pack(out: &mut [u8; 32], codes: __m256i, bits: u32) {
    match bits {
        4 => {
            let pairs = _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x1001));
            let packed = _mm256_packus_epi16(pairs, pairs);
            store32(out, _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
        }
        6 => {
            let pairs = _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x4001));
            let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x1000_0001));
            #[rustfmt::skip]
            let lanes = _mm256_shuffle_epi8(fours, _mm256_setr_epi8(
                0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
                0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
            ));
            store32(out, _mm256_permutevar8x32_epi32(lanes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7)));
        }
        _ => store32(out, codes),
    }
}
