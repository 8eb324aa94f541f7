//! The types with a float16 scale, and for some a float16 minimum, per 32 elements.
//!
//! A byte of 4-bit codes holds element `j` below and element `j + 16` above. Codes are computed with the scale before
//! it is rounded to float16, as ggml does.

#[cfg(target_arch = "x86_64")]
use super::x86::{q4_0, q4_1, q5_0, q5_1, q8_0};
use super::{Decode, Encode, by_hand, half, put_half};
use crate::simd::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::simd::with_features;

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
    fn encode(x: &[f32; 32], block: &mut [u8; 18], fast: Option<Avx2>) -> bool {
        let d = largest(x, fast) / -8.0;
        let codes = codes(x, 0.0, reciprocal(d), 8.5, 15, fast);
        put_nibbles(block, 2, &codes, fast);
        put_half(block, 0, d) && finite(x)
    }
}

impl Encode<20, 32> for Q4_1 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 20], fast: Option<Avx2>) -> bool {
        let (d, m, codes) = affine(x, 15, fast);
        put_nibbles(block, 4, &codes, fast);
        put_half(block, 0, d) && put_half(block, 2, m) && finite(x)
    }
}

impl Encode<22, 32> for Q5_0 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 22], fast: Option<Avx2>) -> bool {
        let d = largest(x, fast) / -16.0;
        let codes = codes(x, 0.0, reciprocal(d), 16.5, 31, fast);
        put_five_bits(block, 2, &codes, fast);
        put_half(block, 0, d) && finite(x)
    }
}

impl Encode<24, 32> for Q5_1 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 24], fast: Option<Avx2>) -> bool {
        let (d, m, codes) = affine(x, 31, fast);
        put_five_bits(block, 4, &codes, fast);
        put_half(block, 0, d) && put_half(block, 2, m) && finite(x)
    }
}

impl Encode<34, 32> for Q8_0 {
    #[inline(always)]
    fn encode(x: &[f32; 32], block: &mut [u8; 34], fast: Option<Avx2>) -> bool {
        let (low, high) = range(x, fast);
        // Plus zero, so that no scale is -0.
        let d = (high.max(-low) + 0.0) / 127.0;
        if let Some(out) = block[2..].first_chunk_mut() {
            rounded(x, reciprocal(d), out, fast);
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
fn put_nibbles(block: &mut [u8], at: usize, codes: &[u8; 32], fast: Option<Avx2>) {
    let Some(out) = block[at..].first_chunk_mut() else { return };
    by_hand!(fast, put_nibbles(codes, out));
    for (j, out) in out.iter_mut().enumerate() {
        *out = codes[j] & 15 | codes[j + 16] << 4;
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
fn put_five_bits(block: &mut [u8], at: usize, codes: &[u8; 32], fast: Option<Avx2>) {
    block[at..at + 4].copy_from_slice(&fifth_bits(codes, fast).to_le_bytes());
    put_nibbles(block, at + 4, codes, fast);
}

#[inline(always)]
fn fifth_bits(codes: &[u8; 32], fast: Option<Avx2>) -> u32 {
    by_hand!(fast, fifth_bits(codes));
    codes.iter().enumerate().fold(0, |word, (j, &code)| word | u32::from(code >> 4) << j)
}

/// The first element of largest magnitude, with its sign; +0 for a block of zeros.
#[expect(clippy::float_cmp, reason = "equal magnitudes are meant")]
#[inline(always)]
fn largest(x: &[f32; 32], fast: Option<Avx2>) -> f32 {
    let (low, high) = range(x, fast);
    if low == -high {
        // Of both signs the one that comes first.
        return if high == 0.0 { 0.0 } else { x.iter().copied().find(|each| each.abs() == high).unwrap_or(high) };
    }
    if high > -low { high } else { low }
}

/// The smallest and the largest element. As integers, which a compiler may compare in any order.
#[inline(always)]
fn range(x: &[f32; 32], fast: Option<Avx2>) -> (f32, f32) {
    by_hand!(fast, range(x));
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

/// The codes min(trunc((x - from) * inverse + offset), most).
#[inline(always)]
fn codes(x: &[f32; 32], from: f32, inverse: f32, offset: f32, most: u8, fast: Option<Avx2>) -> [u8; 32] {
    by_hand!(fast, codes(x, from, inverse, offset, most));
    x.map(|x| (((x - from) * inverse + offset) as i32).clamp(0, i32::from(most)) as u8)
}

/// x * inverse to the nearest integer, half away from zero: adding 1/2 and cutting would be wrong just below 1/2.
#[inline(always)]
fn rounded(x: &[f32; 32], inverse: f32, out: &mut [u8; 32], fast: Option<Avx2>) {
    by_hand!(fast, rounded(x, inverse, out));
    for (out, &x) in out.iter_mut().zip(x) {
        let y = x * inverse;
        let whole = y.abs().trunc();
        let up = if y.abs() - whole >= 0.5 { 1.0 } else { 0.0 };
        *out = ((whole + up).copysign(y) as i32) as u8;
    }
}

/// Scale, minimum and codes that count steps from the minimum.
#[inline(always)]
fn affine(x: &[f32; 32], most: u8, fast: Option<Avx2>) -> (f32, f32, [u8; 32]) {
    let (low, high) = range(x, fast);
    // Of zeros with different signs the first.
    let low = if low == 0.0 { x.iter().copied().find(|&each| each == 0.0).unwrap_or(low) } else { low };
    // Plus zero, so that no scale is -0.
    let d = (high - low + 0.0) / f32::from(most);
    (d, low, codes(x, low, reciprocal(d), 0.5, most, fast))
}

#[inline(always)]
pub(super) fn finite(x: &[f32]) -> bool {
    magnitude(x).is_finite()
}
