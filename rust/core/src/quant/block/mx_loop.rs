//! The loops over MX blocks: pieces that stay in the first-level cache, and blocks that need more care than one
//! multiplication sent to the slow way.

use std::marker::PhantomData;

use super::lane::{Decode, Encode};
use super::mx::BLOCK;
use super::narrow;
use super::scale::{self, Shared};
use super::sink::{PIECE, Sink};
use crate::quant::source::Float;
use crate::simd::{Kernel, Level, STREAM_FROM_BYTES, fence, stream_piece};
#[cfg(target_arch = "x86_64")]
use {
    super::e2m1::{self, TOGETHER},
    super::nibbles::x86::narrow as join,
    super::x86,
    crate::quant::cast::half::ByHalf,
    crate::simd::vector::put32,
    crate::simd::{Avx2, bytes_mut, with_features},
    std::arch::x86_64::{__m256i, _mm256_castps_si256, _mm256_mul_ps, _mm256_permute4x64_epi64, _mm256_set1_ps},
};

/// Blocks in a piece.
const BLOCKS: usize = 64;
/// Elements in a piece.
const ELEMENTS: usize = BLOCKS * BLOCK;
/// Bits of the smallest normal float32 and of infinity.
const NORMAL: u32 = 0x80_0000;
const INFINITY: u32 = 0x7F80_0000;

/// How blocks are encoded, nearest even.
#[derive(Clone, Copy)]
pub(crate) struct ToBlocks<E> {
    pub(crate) shared: Shared,
    pub(crate) lane: E,
    pub(crate) bits: u32,
    pub(crate) level: Level,
}

impl<E: Encode> ToBlocks<E> {
    /// Encode `x`; `slow` encodes one block the slow way (bytes, elements, index of the block) and returns its scale.
    pub(crate) fn run<S: Float>(
        self,
        codes: &mut [u8],
        scales: &mut [u8],
        x: &[S::Bits],
        slow: impl Fn(&mut [u8], &[S::Bits], usize) -> u8,
    ) {
        let per_block = BLOCK * self.bits as usize / 8;
        let large = codes.len() >= STREAM_FROM_BYTES;
        // The last block of a piece is stored as a whole vector.
        let mut buffer = [0_u8; ELEMENTS + 32];
        let pieces = codes.chunks_mut(BLOCKS * per_block).zip(scales.chunks_mut(BLOCKS));
        for (piece, ((codes, scales), x)) in pieces.zip(x.chunks(ELEMENTS)).enumerate() {
            let simple = self.piece::<S>(&mut buffer, scales, x);
            let packed = &mut buffer[..codes.len()];
            if !simple {
                let blocks = packed.chunks_exact_mut(per_block).zip(scales.iter_mut()).zip(x.chunks_exact(BLOCK));
                for (index, ((bytes, scale), x)) in blocks.enumerate() {
                    let magnitude = S::largest_magnitude(x);
                    if !is_simple(magnitude, self.shared.byte(magnitude.min(INFINITY - 1))) {
                        *scale = slow(bytes, x, piece * BLOCKS + index);
                    }
                }
            }
            if large {
                stream_piece(codes, packed);
            } else {
                codes.copy_from_slice(packed);
            }
        }
        if large {
            fence();
        }
    }

    /// Encode a piece; false if some blocks are not simple: what is written for those means nothing.
    fn piece<S: Float>(&self, packed: &mut [u8; ELEMENTS + 32], scales: &mut [u8], x: &[S::Bits]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = Avx2::at(self.level) {
            return with_features!(Avx2, proof, piece_avx2(PhantomData::<S>, self, packed, scales, x));
        }
        let mut simple = true;
        let mut codes = [0_u8; BLOCK];
        let per_block = BLOCK * self.bits as usize / 8;
        for ((bytes, scale), x) in packed.chunks_exact_mut(per_block).zip(scales).zip(x.chunks_exact(BLOCK)) {
            let (byte, factor, fine) = scale_of(self.shared, S::largest_magnitude(x));
            simple &= fine;
            *scale = byte;
            for (code, &bits) in codes.iter_mut().zip(x) {
                *code = self.lane.code(S::to_f32(bits) * factor) as u8;
            }
            narrow::pack(bytes, &codes, self.bits);
        }
        simple
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn piece_avx2<S: Float, E: Encode>(
    _: PhantomData<S>,
    to: &ToBlocks<E>,
    packed: &mut [u8; ELEMENTS + 32],
    scales: &mut [u8],
    x: &[S::Bits],
) -> bool {
    if const { !E::INTEGER && S::NAME.as_bytes()[5] != b'1' } && to.bits == 4 {
        return e2m1_piece::<S, E>(to, packed, scales, x);
    }
    let per_block = BLOCK * to.bits as usize / 8;
    let lanes = x86::Lanes::new(to.lane);
    let mut simple = true;
    for (index, (scale, x)) in scales.iter_mut().zip(x.chunks_exact(BLOCK)).enumerate() {
        let numbers = x86::load::<S>(x);
        let (byte, factor, fine) = scale_of(to.shared, x86::largest(&numbers));
        simple &= fine;
        *scale = byte;
        let codes = x86::encode(numbers, x86::two(factor, factor), f32::INFINITY, to.lane, &lanes);
        if let Some(bytes) = packed[index * per_block..].first_chunk_mut() {
            x86::pack(bytes, codes, to.bits);
        }
    }
    simple
}

/// MXFP4 from float32 or bfloat16.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn e2m1_piece<S: Float, E: Encode>(
    to: &ToBlocks<E>,
    packed: &mut [u8; ELEMENTS + 32],
    scales: &mut [u8],
    x: &[S::Bits],
) -> bool {
    let mut simple = true;
    let (codes, _) = packed.as_chunks_mut();
    let (whole, rest) = scales.as_chunks_mut();
    let pieces = x.chunks(TOGETHER * BLOCK);
    for ((codes, scales), x) in codes.iter_mut().zip(&mut *whole).zip(pieces) {
        simple &= e2m1::encode::<S>(codes, scales, x, to.shared);
    }
    if let Some(codes) = codes.get_mut(whole.len()).filter(|_| !rest.is_empty()) {
        let (mut last, mut bytes) = ([S::Bits::default(); TOGETHER * BLOCK], [0; TOGETHER]);
        last[..rest.len() * BLOCK].copy_from_slice(&x[whole.len() * TOGETHER * BLOCK..]);
        simple &= e2m1::encode::<S>(codes, &mut bytes, &last, to.shared);
        rest.copy_from_slice(&bytes[..rest.len()]);
    }
    simple
}

/// The scale of a block with this largest magnitude, the factor that divides by it, and whether both mean something.
#[inline(always)]
fn scale_of(shared: Shared, magnitude: u32) -> (u8, f32, bool) {
    let byte = shared.byte_of_normal(magnitude);
    (byte, f32::from_bits((254 - u32::from(byte.min(253))) << 23), is_simple(magnitude, byte))
}

/// Whether one multiplication by a normal number divides a block with this largest magnitude by its scale.
#[inline(always)]
fn is_simple(magnitude: u32, byte: u8) -> bool {
    // A block of zeros has a byte of 0; other small bytes are rare enough to be treated with care.
    magnitude == 0 || (NORMAL..INFINITY).contains(&magnitude) && (3..=253).contains(&byte)
}

/// Decode blocks.
pub(crate) struct FromBlocks<'a, S: Float, D> {
    pub(crate) out: &'a mut [S::Bits],
    pub(crate) codes: &'a [u8],
    pub(crate) scales: &'a [u8],
    pub(crate) lane: D,
    pub(crate) bits: u32,
}

impl<S: Float, D: Decode> Kernel for FromBlocks<'_, S, D> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let per_block = BLOCK * self.bits as usize / 8;
        let total = self.out.len();
        let mut sink = Sink::new(self.out, total);
        let mut wide = [0_u8; PIECE];
        let pieces = self.codes.chunks(PIECE / BLOCK * per_block).zip(self.scales.chunks(PIECE / BLOCK));
        for (codes, scales) in pieces {
            let numbers = scales.len() * BLOCK;
            let codes = if self.bits == 8 {
                codes
            } else {
                narrow::unpack(&mut wide[..numbers], codes, self.bits);
                &wide[..numbers]
            };
            let blocks = sink.next(numbers).chunks_exact_mut(BLOCK).zip(codes.chunks_exact(BLOCK));
            for ((out, codes), &byte) in blocks.zip(scales) {
                let scale = scale::value(byte);
                for (out, &code) in out.iter_mut().zip(codes) {
                    *out = S::from_f32(self.lane.value(code) * scale);
                }
            }
        }
        sink.finish();
    }
}

/// Decode blocks of a format of 8 bits that has instructions of its own.
#[cfg(target_arch = "x86_64")]
pub(crate) fn from_bytes<S: Float>(out: &mut [S::Bits], codes: &[u8], scales: &[u8], by: ByHalf, proof: Avx2) {
    if size_of_val(out) < STREAM_FROM_BYTES {
        return with_features!(Avx2, proof, bytes_piece::<S, false>(out, codes, scales, by));
    }
    if out.as_ptr().addr().is_multiple_of(16) {
        with_features!(Avx2, proof, bytes_piece::<S, true>(out, codes, scales, by));
        return fence();
    }
    let total = out.len();
    let mut sink = Sink::new(out, total);
    for (codes, scales) in codes.chunks(PIECE).zip(scales.chunks(PIECE / BLOCK)) {
        let out = sink.next(codes.len());
        with_features!(Avx2, proof, bytes_piece::<S, false>(out, codes, scales, by));
    }
    sink.finish();
}

/// `AROUND`: write whole lines around the cache.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn bytes_piece<S: Float, const AROUND: bool>(out: &mut [S::Bits], codes: &[u8], scales: &[u8], by: ByHalf) {
    let codes = codes.as_chunks::<BLOCK>().0;
    for ((out, codes), &byte) in out.chunks_exact_mut(BLOCK).zip(codes).zip(scales) {
        let scale = _mm256_set1_ps(scale::value(byte));
        let [a, b, c, d] = by.numbers(codes).map(|number| _mm256_mul_ps(number, scale));
        match bytes_mut(out).as_chunks_mut().0 {
            [first, second] => {
                put32(first, _mm256_castps_si256(a), _mm256_castps_si256(b), AROUND);
                put32(second, _mm256_castps_si256(c), _mm256_castps_si256(d), AROUND);
            }
            [line] => put32(line, in_order(join::<S>(a, b)), in_order(join::<S>(c, d)), AROUND),
            _ => {}
        }
    }
}

/// Two numbers' halves of a vector, from half by half to one after the other.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn in_order(halves: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(halves)
}
