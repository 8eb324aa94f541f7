//! MXFP4 with AVX2, eight blocks at a time: the scales of all of them come out of one vector, and codes are found byte
//! by byte, 32 at once.
//!
//! A number becomes two bytes: its exponent, and the upper seven bits of its mantissa above one that tells whether any
//! bit below them was set. The thresholds of the scale rules and of e2m1 have at most two mantissa bits, so that every
//! comparison comes out as for the whole number. A scale is a power of two: dividing by it is a subtraction from the
//! exponent. Then a table tells by exponent the code to start from and the mantissas above which it is one or two more.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_blend_epi16, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi32, _mm256_cmpgt_epi8, _mm256_cmpgt_epi32, _mm256_maddubs_epi16, _mm256_max_epi32,
    _mm256_max_epu16, _mm256_min_epi32, _mm256_min_epu16, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packs_epi16,
    _mm256_packus_epi16, _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_permutevar8x32_epi32,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setr_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_sub_epi8, _mm256_sub_epi32,
    _mm256_subs_epu8, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::mx::BLOCK;
use super::scale::Shared;
use crate::quant::source::Float;
use crate::simd::bytes;
use crate::simd::vector::{load16, load32, store32};

/// Blocks that are encoded together.
pub(super) const TOGETHER: usize = 8;

/// The least byte of a scale that can be subtracted; that of a block of zeros counts as this.
const LEAST: i32 = 3;

/// By exponent, where 1/4 has 1: the code of the power of two itself, or of what lies just below it if that is a tie.
const START: [u8; 16] = [0, 0, 1, 2, 4, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];
/// Above this mantissa the code is one more: at 1/4, 3/4, 5/4, 5/2 and 5. A tie goes to the even code.
const FIRST: [u8; 16] = flipped([255, 0, 127, 64, 64, 64, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
/// Above this it is two more: at 7/4 and 7/2.
const SECOND: [u8; 16] = flipped([255, 255, 255, 191, 191, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);

/// Bytes with the top bit flipped: vector units compare signed ones only.
const fn flipped(mut bytes: [u8; 16]) -> [u8; 16] {
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] ^= 128;
        at += 1;
    }
    bytes
}

/// The numbers of a block in the order in which packing leaves them.
#[derive(Clone, Copy)]
struct Block {
    exponents: __m256i,
    /// With the top bit flipped.
    mantissas: __m256i,
    /// In the top bits.
    signs: __m256i,
}

/// Encode blocks of float32 or bfloat16; false if some are not simple: what is written for those means nothing.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn encode<S: Float>(
    codes: &mut [u8; TOGETHER * BLOCK / 2],
    scales: &mut [u8; TOGETHER],
    x: &[S::Bits],
    shared: Shared,
) -> bool {
    let read = |block: usize| read::<S>(&x[block * BLOCK..]);
    let parts = [read(0), read(1), read(2), read(3), read(4), read(5), read(6), read(7)];
    let [(_, a), (_, b), (_, c), (_, d), (_, e), (_, f), (_, g), (_, h)] = parts;
    let (found, simple) = scales_of(reduce([a, b, c, d, e, f, g, h]), shared);
    let least = _mm256_set1_epi32(LEAST);
    let mut less = [0; 4 * TOGETHER];
    store32(&mut less, every_byte(_mm256_sub_epi32(_mm256_max_epi32(found, least), least)));
    let mut wide = [0; 4 * TOGETHER];
    store32(&mut wide, found);
    for (scale, wide) in scales.iter_mut().zip(wide.as_chunks::<4>().0) {
        *scale = wide[0];
    }
    let (outs, less) = (codes.as_chunks_mut::<BLOCK>().0, less.as_chunks::<4>().0.as_chunks::<2>().0);
    for ((out, less), blocks) in outs.iter_mut().zip(less).zip(parts.as_chunks::<2>().0) {
        let (first, second) = (nibbles::<S>(blocks[0].0, less[0]), nibbles::<S>(blocks[1].0, less[1]));
        store32(out, in_order::<S>(_mm256_packus_epi16(first, second)));
    }
    simple
}

/// Read a block: its parts, and its largest magnitudes as exponent and mantissa together in lanes of 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn read<S: Float>(x: &[S::Bits]) -> (Block, __m256i) {
    let (vectors, _) = bytes(&x[..BLOCK]).as_chunks::<32>();
    let [(low_signs, low), (high_signs, high)] = match vectors {
        [a, b] => [twice(load32(a)), twice(load32(b))],
        [a, b, c, d] => [upper(load32(a), load32(b)), upper(load32(c), load32(d))],
        _ => [(_mm256_setzero_si256(), _mm256_setzero_si256()); 2],
    };
    let apart = _mm256_setr_epi8(
        0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15,
    );
    let (a, b) = (_mm256_shuffle_epi8(low, apart), _mm256_shuffle_epi8(high, apart));
    let block = Block {
        exponents: _mm256_unpackhi_epi64(a, b),
        mantissas: _mm256_xor_si256(_mm256_unpacklo_epi64(a, b), _mm256_set1_epi8(-128)),
        // Saturation keeps the sign of what is packed.
        signs: _mm256_packs_epi16(low_signs, high_signs),
    };
    (block, _mm256_max_epu16(low, high))
}

/// 16 numbers of bfloat16, and their doubled magnitudes.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(numbers: __m256i) -> (__m256i, __m256i) {
    (numbers, _mm256_add_epi16(numbers, numbers))
}

/// The same of 16 numbers of float32, those of `a` and `b` in turns, with what tells of lower bits.
#[inline]
#[target_feature(enable = "avx2")]
fn upper(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    let upper = _mm256_blend_epi16::<0xAA>(_mm256_srli_epi32::<16>(a), b);
    let lower = _mm256_blend_epi16::<0xAA>(a, _mm256_slli_epi32::<16>(b));
    let any = _mm256_min_epu16(lower, _mm256_set1_epi16(1));
    (upper, _mm256_add_epi16(_mm256_add_epi16(upper, upper), any))
}

/// The largest of the 16 lanes of each vector, as bits of a float32.
#[inline]
#[target_feature(enable = "avx2")]
fn reduce([a, b, c, d, e, f, g, h]: [__m256i; TOGETHER]) -> __m256i {
    let lanes =
        |a, b| _mm256_max_epu16(_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b));
    let halves = |a, b| _mm256_max_epu16(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let [ae, bf, cg, dh] = [lanes(a, e), lanes(b, f), lanes(c, g), lanes(d, h)];
    let (ac, bd) = (halves(ae, cg), halves(bf, dh));
    let quarters = _mm256_max_epu16(_mm256_unpacklo_epi32(ac, bd), _mm256_unpackhi_epi32(ac, bd));
    let pairs = _mm256_max_epu16(quarters, _mm256_srli_epi32::<16>(quarters));
    _mm256_srli_epi32::<1>(_mm256_slli_epi32::<16>(pairs))
}

/// The scales for these largest magnitudes, and whether all of them mean something.
#[inline]
#[target_feature(enable = "avx2")]
fn scales_of(magnitudes: __m256i, shared: Shared) -> (__m256i, bool) {
    let (bump, largest_exponent) = shared.constants();
    let sum = _mm256_add_epi32(magnitudes, _mm256_set1_epi32(bump as i32));
    let exponents = _mm256_sub_epi32(_mm256_srli_epi32::<23>(sum), _mm256_set1_epi32(largest_exponent));
    let found = _mm256_min_epi32(_mm256_max_epi32(exponents, _mm256_setzero_si256()), _mm256_set1_epi32(254));
    let finite = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x7F80_0000), magnitudes);
    // A subnormal magnitude has a scale that is too small as well.
    let enough = _mm256_cmpgt_epi32(found, _mm256_set1_epi32(LEAST - 1));
    let zeros = _mm256_cmpeq_epi32(magnitudes, _mm256_setzero_si256());
    let simple = _mm256_or_si256(_mm256_and_si256(finite, enough), zeros);
    (found, _mm256_movemask_epi8(simple) == -1)
}

/// The lowest byte of each lane of 32 bits in all its bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn every_byte(lanes: __m256i) -> __m256i {
    let four = _mm256_setr_epi8(
        0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12,
    );
    _mm256_shuffle_epi8(lanes, four)
}

/// The codes of a block whose exponents are `less` too large, two in the lower byte of each lane of 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn nibbles<S: Float>(Block { exponents, mantissas, signs }: Block, less: [u8; 4]) -> __m256i {
    // Float32 came in turns: four of a vector, then four of the other.
    let fours = _mm256_setr_epi8(
        0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15,
    );
    let exponents = _mm256_subs_epu8(exponents, _mm256_set1_epi32(i32::from_le_bytes(less)));
    let entry = |table: &[u8; 16]| _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load16(table)), exponents);
    let one = _mm256_cmpgt_epi8(mantissas, entry(&FIRST));
    let two = _mm256_cmpgt_epi8(mantissas, entry(&SECOND));
    let codes = _mm256_sub_epi8(_mm256_sub_epi8(entry(&START), one), two);
    let signs = _mm256_and_si256(_mm256_srli_epi16::<4>(signs), _mm256_set1_epi8(8));
    let codes = _mm256_or_si256(codes, signs);
    let codes = if size_of::<S::Bits>() == 2 { codes } else { _mm256_shuffle_epi8(codes, fours) };
    _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x1001))
}

/// Two blocks of pairs, each in the order that [`read`] and packing left, as they are stored.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order<S: Float>(pairs: __m256i) -> __m256i {
    if size_of::<S::Bits>() == 2 {
        return _mm256_permutevar8x32_epi32(pairs, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
    let turns = _mm256_setr_epi8(
        0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15,
    );
    _mm256_shuffle_epi8(_mm256_permute4x64_epi64::<0b11_01_10_00>(pairs), turns)
}
