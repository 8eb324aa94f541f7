//! E2M1 codes with a scale per 32 (MXFP4) or four scales per 64 (NVFP4); halves of a block share bytes.
//!
//! ggml rounds ties toward zero, never writes -0, takes the MXFP4 scale by FLOOR, and rounds NVFP4 scales half up with
//! everything from 256 on as 448. Scales that are NaN decode to NaN here; ggml reads them as numbers.

#[cfg(target_arch = "x86_64")]
use super::x86::{mxfp4, nvfp4};
use super::{
    Decode, Encode, by_hand,
    legacy::{finite, magnitude},
};
use crate::simd::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::simd::with_features;

pub(super) struct Mxfp4;
pub(super) struct Nvfp4;

/// Twice the value of every E2M1 code.
pub(super) const DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];
/// Midpoints of neighbors; a magnitude on one goes to the smaller.
pub(super) const MIDPOINTS: [f32; 7] = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0];

impl Decode<17, 32> for Mxfp4 {
    #[inline(always)]
    fn decode(block: &[u8; 17], out: &mut [f32; 32]) {
        let scale = half_e8m0(block[0]);
        let (low, high) = out.split_at_mut(16);
        for ((low, high), &byte) in low.iter_mut().zip(high).zip(&block[1..]) {
            *low = value(byte & 15) * scale;
            *high = value(byte >> 4) * scale;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 17]], out: &mut [[f32; 32]], proof: Avx2) {
        with_features!(Avx2, proof, mxfp4::<AROUND>(blocks, out));
    }
}

impl Decode<36, 64> for Nvfp4 {
    #[inline(always)]
    fn decode(block: &[u8; 36], out: &mut [f32; 64]) {
        for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let scale = half_ue4m3(block[part]);
            let (low, high) = out.split_at_mut(8);
            for ((low, high), &byte) in low.iter_mut().zip(high).zip(&block[4 + 8 * part..12 + 8 * part]) {
                *low = value(byte & 15) * scale;
                *high = value(byte >> 4) * scale;
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 36]], out: &mut [[f32; 64]], proof: Avx2) {
        with_features!(Avx2, proof, nvfp4::<AROUND>(blocks, out));
    }
}

impl Encode<17, 32> for Mxfp4 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 17], fast: Option<Avx2>) -> bool {
        let most = magnitude(x).to_bits();
        // floor(log2) from the bits; what float32 has only as subnormal ends at byte 0 anyway.
        block[0] = ((most >> 23) as u8).saturating_sub(2);
        let byte = i32::from(block[0]);
        // 2^(127 - byte) in two factors, because it may exceed float32.
        let (first, second) = (power(127 - byte - (127 - byte) / 2), power((127 - byte) / 2));
        let codes = codes(&x.map(|x| x * first * second), 1.0, fast);
        for j in 0..16 {
            block[1 + j] = codes[j] | codes[j + 16] << 4;
        }
        most < 0x7F80_0000
    }
}

impl Encode<36, 64> for Nvfp4 {
    #[inline(always)]
    fn encode(x: &[f32; 64], block: &mut [u8; 36], fast: Option<Avx2>) -> bool {
        for (part, x) in x.as_chunks::<16>().0.iter().enumerate() {
            block[part] = scale_code(magnitude(x) / 6.0);
            let scale = 2.0 * half_ue4m3(block[part]);
            // Without a scale nothing lies above a midpoint.
            let codes = codes(x, if scale == 0.0 { f32::INFINITY } else { scale }, fast);
            for j in 0..8 {
                block[4 + 8 * part + j] = codes[j] | codes[j + 8] << 4;
            }
        }
        finite(x)
    }
}

/// Half of an e8m0 scale, because the values are doubled.
#[inline(always)]
pub(super) fn half_e8m0(byte: u8) -> f32 {
    let byte = u32::from(byte);
    let bits = if byte < 2 { 0x0020_0000 << byte } else { (byte - 1) << 23 };
    f32::from_bits(if byte == 255 { 0x7FC0_0000 } else { bits })
}

/// Half of a ue4m3 scale.
#[inline(always)]
pub(super) fn half_ue4m3(byte: u8) -> f32 {
    // As a float32 its exponent is 120 too small; a product with 2^119 also makes subnormal codes normal.
    let value = f32::from_bits(u32::from(byte & 127) << 20) * f32::from_bits(246 << 23);
    if byte & 127 == 127 { f32::NAN } else { value }
}

#[inline(always)]
fn value(code: u8) -> f32 {
    f32::from(DOUBLED[code as usize])
}

/// 2^exponent for exponents of normal numbers.
#[inline(always)]
fn power(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

/// The codes whose values times `scale` are nearest.
#[inline(always)]
fn codes<const N: usize>(x: &[f32; N], scale: f32, fast: Option<Avx2>) -> [u8; N] {
    by_hand!(fast, e2m1(x, scale));
    x.map(|x| nearest(x, scale))
}

/// The code whose value times `scale` is nearest; the midpoints times a scale of few bits are exact.
#[inline(always)]
fn nearest(x: f32, scale: f32) -> u8 {
    let magnitude = MIDPOINTS.iter().fold(0, |code, &midpoint| code + u8::from(x.abs() > midpoint * scale));
    if magnitude > 0 && x < 0.0 { magnitude | 8 } else { magnitude }
}

/// ggml's code of a scale: half up, and all of the topmost exponent as 448.
#[inline(always)]
fn scale_code(x: f32) -> u8 {
    let exponent = (x.to_bits() >> 23) as i32 - 127 + 7;
    if exponent <= 0 {
        return ((x * 512.0 + 0.5) as i32).min(7) as u8;
    }
    // The carry of the mantissa goes into the exponent.
    let rounded = (exponent << 3 | (x.to_bits() >> 20 & 7) as i32) + (x.to_bits() >> 19 & 1) as i32;
    if rounded >= 15 << 3 { 0x7E } else { rounded as u8 }
}
