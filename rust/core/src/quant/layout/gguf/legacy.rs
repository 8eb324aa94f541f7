//! The types with a float16 scale, and for some a float16 minimum, per 32 elements.
//!
//! A byte of 4-bit codes holds element `j` below and element `j + 16` above. Codes are computed with the scale before
//! it is rounded to float16, as ggml does.

#[cfg(target_arch = "x86_64")]
use super::x86::{q4_0, q4_1, q5_0, q5_1, q8_0};
use super::{Decode, Encode, half, put_half};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, with_features};

pub(super) struct Q4_0;
pub(super) struct Q4_1;
pub(super) struct Q5_0;
pub(super) struct Q5_1;
pub(super) struct Q8_0;

impl Decode<18, 32> for Q4_0 {
    #[inline(always)]
    fn decode(block: &[u8; 18], out: &mut [f32; 32]) {
        let d = half(block, 0);
        let codes = nibbles(block, 2);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = (f32::from(code) - 8.0) * d;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 18]], out: &mut [[f32; 32]], proof: Avx2) {
        with_features!(Avx2, proof, q4_0::<AROUND>(blocks, out));
    }
}

impl Decode<20, 32> for Q4_1 {
    #[inline(always)]
    fn decode(block: &[u8; 20], out: &mut [f32; 32]) {
        let (d, m) = (half(block, 0), half(block, 2));
        let codes = nibbles(block, 4);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = f32::from(code) * d + m;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 20]], out: &mut [[f32; 32]], proof: Avx2) {
        with_features!(Avx2, proof, q4_1::<AROUND>(blocks, out));
    }
}

impl Decode<22, 32> for Q5_0 {
    #[inline(always)]
    fn decode(block: &[u8; 22], out: &mut [f32; 32]) {
        let d = half(block, 0);
        let codes = five_bits(block, 2);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = (f32::from(code) - 16.0) * d;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 22]], out: &mut [[f32; 32]], proof: Avx2) {
        with_features!(Avx2, proof, q5_0::<AROUND>(blocks, out));
    }
}

impl Decode<24, 32> for Q5_1 {
    #[inline(always)]
    fn decode(block: &[u8; 24], out: &mut [f32; 32]) {
        let (d, m) = (half(block, 0), half(block, 2));
        let codes = five_bits(block, 4);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = f32::from(code) * d + m;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 24]], out: &mut [[f32; 32]], proof: Avx2) {
        with_features!(Avx2, proof, q5_1::<AROUND>(blocks, out));
    }
}

impl Decode<34, 32> for Q8_0 {
    #[inline(always)]
    fn decode(block: &[u8; 34], out: &mut [f32; 32]) {
        let d = half(block, 0);
        for (out, &code) in out.iter_mut().zip(&block[2..]) {
            *out = f32::from(code as i8) * d;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; 34]], out: &mut [[f32; 32]], proof: Avx2) {
        with_features!(Avx2, proof, q8_0::<AROUND>(blocks, out));
    }
}

impl Encode<18, 32> for Q4_0 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 18]) -> bool {
        let d = largest(x) / -8.0;
        let codes = symmetric(x, d, 8.5, 15);
        put_nibbles(block, 2, &codes);
        put_half(block, 0, d) && finite(x)
    }
}

impl Encode<20, 32> for Q4_1 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 20]) -> bool {
        let (d, m, codes) = affine(x, 15);
        put_nibbles(block, 4, &codes);
        put_half(block, 0, d) && put_half(block, 2, m) && finite(x)
    }
}

impl Encode<22, 32> for Q5_0 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 22]) -> bool {
        let d = largest(x) / -16.0;
        let codes = symmetric(x, d, 16.5, 31);
        put_five_bits(block, 2, &codes);
        put_half(block, 0, d) && finite(x)
    }
}

impl Encode<24, 32> for Q5_1 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 24]) -> bool {
        let (d, m, codes) = affine(x, 31);
        put_five_bits(block, 4, &codes);
        put_half(block, 0, d) && put_half(block, 2, m) && finite(x)
    }
}

impl Encode<34, 32> for Q8_0 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 34]) -> bool {
        let d = magnitude(x) / 127.0;
        let inverse = reciprocal(d);
        for (out, &x) in block[2..].iter_mut().zip(x) {
            // Half away from zero: with |y| at most 127, adding 1/2 and cutting could only be wrong just below 1/2.
            let y = x * inverse;
            let whole = y.abs().trunc();
            let up = if y.abs() - whole >= 0.5 { 1.0 } else { 0.0 };
            *out = ((whole + up).copysign(y) as i32) as u8;
        }
        put_half(block, 0, d) && finite(x)
    }
}

/// 4-bit codes from byte `at` on, in the order of the elements.
#[inline(always)]
fn nibbles(block: &[u8], at: usize) -> [u8; 32] {
    let mut codes = [0; 32];
    for j in 0..16 {
        codes[j] = block[at + j] & 15;
        codes[j + 16] = block[at + j] >> 4;
    }
    codes
}

#[inline(always)]
fn put_nibbles(block: &mut [u8], at: usize, codes: &[u8; 32]) {
    for j in 0..16 {
        block[at + j] = codes[j] & 15 | codes[j + 16] << 4;
    }
}

/// 5-bit codes: the fifth bits in a word of 32 at byte `at`, the others behind it.
#[inline(always)]
fn five_bits(block: &[u8], at: usize) -> [u8; 32] {
    let fifth = u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let mut codes = nibbles(block, at + 4);
    for (j, code) in codes.iter_mut().enumerate() {
        *code |= ((fifth >> j & 1) as u8) << 4;
    }
    codes
}

#[inline(always)]
fn put_five_bits(block: &mut [u8], at: usize, codes: &[u8; 32]) {
    let fifth = codes.iter().enumerate().fold(0, |word, (j, &code)| word | u32::from(code >> 4) << j);
    block[at..at + 4].copy_from_slice(&fifth.to_le_bytes());
    put_nibbles(block, at + 4, codes);
}

/// The first element of largest magnitude, with its sign; +0 for a block of zeros.
#[inline(always)]
fn largest(x: &[f32; 32]) -> f32 {
    let (low, high) = range(x);
    if low == -high {
        // Of both signs the one that comes first.
        return if high == 0.0 { 0.0 } else { x.iter().copied().find(|each| each.abs() == high).unwrap_or(high) };
    }
    if high > -low { high } else { low }
}

/// The smallest and the largest element. As integers, which a compiler may compare in any order.
#[inline(always)]
fn range(x: &[f32; 32]) -> (f32, f32) {
    let order = |bits: i32| bits ^ (bits >> 31 & i32::MAX);
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    for each in x {
        let key = order(each.to_bits() as i32);
        (low, high) = (low.min(key), high.max(key));
    }
    (f32::from_bits(order(low) as u32), f32::from_bits(order(high) as u32))
}

/// The largest magnitude.
#[inline(always)]
pub(super) fn magnitude(x: &[f32]) -> f32 {
    f32::from_bits(x.iter().fold(0, |most, each| most.max(each.to_bits() & 0x7FFF_FFFF)))
}

/// 1/d, or 0 where `d` is so small that float16 has no scale for the block anyway.
#[inline(always)]
fn reciprocal(d: f32) -> f32 {
    let inverse = 1.0 / d;
    if inverse.is_finite() { inverse } else { 0.0 }
}

#[inline(always)]
fn symmetric(x: &[f32; 32], d: f32, offset: f32, most: u8) -> [u8; 32] {
    let inverse = reciprocal(d);
    x.map(|x| ((x * inverse + offset) as i32).clamp(0, i32::from(most)) as u8)
}

/// Scale, minimum and codes that count steps from the minimum.
#[inline(always)]
fn affine(x: &[f32; 32], most: u8) -> (f32, f32, [u8; 32]) {
    let (low, high) = range(x);
    // Of zeros with different signs the first.
    let low = if low == 0.0 { x.iter().copied().find(|&each| each == 0.0).unwrap_or(low) } else { low };
    let d = (high - low) / f32::from(most);
    let inverse = reciprocal(d);
    (d, low, x.map(|x| (((x - low) * inverse + 0.5) as i32).clamp(0, i32::from(most)) as u8))
}

#[inline(always)]
pub(super) fn finite(x: &[f32]) -> bool {
    magnitude(x).is_finite()
}
