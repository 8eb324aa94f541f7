//! The loop over NV blocks: pieces that stay in the first-level cache, three passes over each (largest magnitudes,
//! scales, codes). Blocks with NaN or infinity go to the slow way.

use std::marker::PhantomData;

use super::lane::{Encode, ToFloat};
use super::narrow;
use super::nv::{BLOCK, Tensor};
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::quant::source::Float;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, with_features};
use crate::simd::{Level, STREAM_FROM_BYTES, fence, stream_piece};

/// Blocks in a piece; even, because two of them are a step.
const BLOCKS: usize = 128;
const ELEMENTS: usize = BLOCKS * BLOCK;
const BYTES: usize = BLOCK / 2;
const INFINITY: u32 = 0x7F80_0000;

/// How blocks are encoded, nearest even.
#[derive(Clone, Copy)]
pub(crate) struct ToBlocks<E> {
    pub(crate) tensor: Tensor,
    pub(crate) scale: ToFloat,
    /// The largest scale and element.
    pub(crate) largest: (f32, f32),
    pub(crate) lane: E,
    pub(crate) level: Level,
}

impl<E: Encode> ToBlocks<E> {
    /// Encode `x`; `slow` encodes one block the slow way (bytes, elements, index of the block) and returns its scale.
    /// `given` are largest magnitudes that count instead of the blocks' own, again from the first one after the last.
    pub(crate) fn run<S: Float>(
        self,
        codes: &mut [u8],
        scales: &mut [u8],
        x: &[S::Bits],
        given: Option<&[u32]>,
        slow: impl Fn(&mut [u8], &[S::Bits], usize) -> u8,
    ) {
        let large = codes.len() >= STREAM_FROM_BYTES;
        // The last step of a piece is stored as a whole vector.
        let mut buffer = [0_u8; ELEMENTS / 2 + 32];
        let mut magnitudes = [0_u32; BLOCKS];
        let pieces = codes.chunks_mut(BLOCKS * BYTES).zip(scales.chunks_mut(BLOCKS));
        for (piece, ((codes, scales), x)) in pieces.zip(x.chunks(ELEMENTS)).enumerate() {
            let magnitudes = &mut magnitudes[..scales.len()];
            self.piece::<S>(&mut buffer, scales, magnitudes, x, given.map(|given| (given, piece * BLOCKS)));
            let packed = &mut buffer[..codes.len()];
            if magnitudes.iter().any(|&magnitude| magnitude >= INFINITY) {
                let blocks = packed.chunks_exact_mut(BYTES).zip(scales).zip(x.chunks_exact(BLOCK)).zip(magnitudes);
                for (index, (((bytes, scale), x), magnitude)) in blocks.enumerate() {
                    if *magnitude >= INFINITY {
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

    /// Encode a piece; what is written for blocks that are not finite means nothing.
    fn piece<S: Float>(
        &self,
        packed: &mut [u8; ELEMENTS / 2 + 32],
        scales: &mut [u8],
        magnitudes: &mut [u32],
        x: &[S::Bits],
        given: Option<(&[u32], usize)>,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = Avx2::at(self.level) {
            with_features!(Avx2, proof, piece_avx2(PhantomData::<S>, self, packed, scales, magnitudes, x, given));
            return;
        }
        for (magnitude, x) in magnitudes.iter_mut().zip(x.chunks_exact(BLOCK)) {
            *magnitude = S::largest_magnitude(x);
        }
        replace(magnitudes, given);
        let mut factors = [0.0; BLOCKS];
        self.scales(scales, &mut factors, magnitudes);
        let mut codes = [0_u8; BLOCK];
        for ((bytes, x), factor) in packed.chunks_exact_mut(BYTES).zip(x.chunks_exact(BLOCK)).zip(factors) {
            for (code, &bits) in codes.iter_mut().zip(x) {
                let value = (S::to_f32(bits) * factor).clamp(-self.largest.1, self.largest.1);
                *code = self.lane.code(value) as u8;
            }
            narrow::pack(bytes, &codes, 4);
        }
    }

    /// The scales of blocks with these largest magnitudes, and what their numbers are multiplied by.
    #[inline(always)]
    fn scales(&self, scales: &mut [u8], factors: &mut [f32; BLOCKS], magnitudes: &[u32]) {
        for ((scale, factor), &magnitude) in scales.iter_mut().zip(factors).zip(magnitudes) {
            let target = (f32::from_bits(magnitude) * self.tensor.to_scale).min(self.largest.0);
            let (code, value) = self.scale.code_and_value(target);
            *scale = code as u8;
            // A scale of 0 leaves only zeros, with their sign.
            *factor = if value == 0.0 { 0.0 } else { self.tensor.encode(value) };
        }
    }
}

/// Put given magnitudes, with the index of the first block, in place of the blocks' own.
#[inline(always)]
fn replace(magnitudes: &mut [u32], given: Option<(&[u32], usize)>) {
    if let Some((given, first)) = given {
        let from = given.iter().cycle().skip(first % given.len());
        magnitudes.iter_mut().zip(from).for_each(|(magnitude, &given)| *magnitude = given);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn piece_avx2<S: Float, E: Encode>(
    _: PhantomData<S>,
    to: &ToBlocks<E>,
    packed: &mut [u8; ELEMENTS / 2 + 32],
    scales: &mut [u8],
    magnitudes: &mut [u32],
    x: &[S::Bits],
    given: Option<(&[u32], usize)>,
) {
    let steps = x.chunks_exact(x86::STEP);
    let rest = steps.remainder();
    for (pair, x) in magnitudes.chunks_exact_mut(2).zip(steps.clone()) {
        let numbers = x86::load::<S>(x);
        pair.copy_from_slice(&[x86::largest(&numbers[..2]), x86::largest(&numbers[2..])]);
    }
    if let (Some(magnitude), false) = (magnitudes.last_mut(), rest.is_empty()) {
        *magnitude = S::largest_magnitude(rest);
    }
    replace(magnitudes, given);
    let mut factors = [0.0; BLOCKS];
    to.scales(scales, &mut factors, magnitudes);
    let lanes = x86::Lanes::new(to.lane);
    let mut last = [S::Bits::default(); x86::STEP];
    last[..rest.len()].copy_from_slice(rest);
    let all = steps.chain((!rest.is_empty()).then_some(&last[..]));
    for (index, (x, pair)) in all.zip(factors.chunks_exact(2)).enumerate() {
        let codes = x86::encode(x86::load::<S>(x), x86::two(pair[0], pair[1]), to.largest.1, to.lane, &lanes);
        if let Some(bytes) = packed[index * x86::STEP / 2..].first_chunk_mut() {
            x86::pack(bytes, codes, 4);
        }
    }
}
