//! Super-blocks of 256 elements with 6-bit or 8-bit scales of their parts: `Q4_K`, `Q5_K`, `Q6_K`. Decoded only.

#[cfg(target_arch = "x86_64")]
use super::x86::{q4_k, q5_k, q6_k};
use super::{Decode, half};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, with_features};

pub(super) struct Q4K;
pub(super) struct Q5K;
pub(super) struct Q6K;

impl Decode<144, 256> for Q4K {
    #[inline(always)]
    fn decode(block: &[u8; 144], out: &mut [f32; 256]) {
        let (d, dmin) = (half(block, 0), half(block, 2));
        let parts = six_bit_scales(&block[4..16]);
        // Two parts of 32 share 32 bytes: one in the low nibbles, one in the high.
        for (pair, out) in out.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            let bytes = &block[16 + 32 * pair..48 + 32 * pair];
            let (low, high) = out.split_at_mut(32);
            let ((s0, m0), (s1, m1)) = (parts[2 * pair], parts[2 * pair + 1]);
            let (s0, m0, s1, m1) = (d * s0, dmin * m0, d * s1, dmin * m1);
            for ((low, high), &byte) in low.iter_mut().zip(high).zip(bytes) {
                *low = s0 * f32::from(byte & 15) - m0;
                *high = s1 * f32::from(byte >> 4) - m1;
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 144]], out: &mut [[f32; 256]], proof: Avx2) {
        with_features!(Avx2, proof, q4_k::<AROUND>(blocks, out));
    }
}

impl Decode<176, 256> for Q5K {
    #[inline(always)]
    fn decode(block: &[u8; 176], out: &mut [f32; 256]) {
        let (d, dmin) = (half(block, 0), half(block, 2));
        let parts = six_bit_scales(&block[4..16]);
        let fifth = &block[16..48];
        for (pair, out) in out.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            let bytes = &block[48 + 32 * pair..80 + 32 * pair];
            let (low, high) = out.split_at_mut(32);
            let ((s0, m0), (s1, m1)) = (parts[2 * pair], parts[2 * pair + 1]);
            let (s0, m0, s1, m1) = (d * s0, dmin * m0, d * s1, dmin * m1);
            for (((low, high), &byte), &bits) in low.iter_mut().zip(high).zip(bytes).zip(fifth) {
                let bits = bits >> (2 * pair);
                *low = s0 * f32::from(byte & 15 | (bits & 1) << 4) - m0;
                *high = s1 * f32::from(byte >> 4 | (bits & 2) << 3) - m1;
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 176]], out: &mut [[f32; 256]], proof: Avx2) {
        with_features!(Avx2, proof, q5_k::<AROUND>(blocks, out));
    }
}

impl Decode<210, 256> for Q6K {
    #[inline(always)]
    fn decode(block: &[u8; 210], out: &mut [f32; 256]) {
        let d = half(block, 208);
        let scales = &block[192..208];
        // Half h has 64 bytes of low nibbles and 32 bytes of upper pairs; quarter g of it takes bits 2g of the pairs.
        for (index, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (h, g) = (index / 4, index % 4);
            let low = &block[64 * h + 32 * (g & 1)..][..32];
            let high = &block[128 + 32 * h..][..32];
            let (first, second) = (scales[2 * index] as i8, scales[2 * index + 1] as i8);
            let (first, second) = (d * f32::from(first), d * f32::from(second));
            let shift = if g < 2 { 0 } else { 4 };
            for (l, out) in out.iter_mut().enumerate() {
                let code = low[l] >> shift & 15 | (high[l] >> (2 * g) & 3) << 4;
                let scale = if l < 16 { first } else { second };
                *out = scale * (f32::from(code) - 32.0);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 210]], out: &mut [[f32; 256]], proof: Avx2) {
        with_features!(Avx2, proof, q6_k::<AROUND>(blocks, out));
    }
}

/// The eight pairs of 6-bit scale and 6-bit minimum in 12 bytes.
#[inline(always)]
pub(super) fn six_bit_scales(q: &[u8]) -> [(f32, f32); 8] {
    let mut parts = [(0.0, 0.0); 8];
    for j in 0..4 {
        parts[j] = (f32::from(q[j] & 63), f32::from(q[j + 4] & 63));
        let scale = q[j + 8] & 15 | q[j] >> 6 << 4;
        let minimum = q[j + 8] >> 4 | q[j + 4] >> 6 << 4;
        parts[j + 4] = (f32::from(scale), f32::from(minimum));
    }
    parts
}
