//! The wide formats that are quantized from and dequantized to: float32, float16, bfloat16.
//!
//! A loop is generic over [`Float`] and sees only bits: 16-bit floats cross every boundary as `u16`.

use super::numbers::{Numbers, NumbersMut};
use crate::simd::Plain;

/// A wide float format, named by a type without values.
pub trait Float: Copy + Send + Sync + 'static {
    /// Its bits in memory.
    type Bits: Plain + Send + Sync;
    /// Its name in Python.
    const NAME: &'static str;
    /// Its largest finite value.
    const LARGEST: f32;
    /// Its value, exactly.
    fn to_f32(bits: Self::Bits) -> f32;
    /// The nearest value, ties to even; NaN stays NaN and keeps its sign, overflow becomes infinite.
    fn from_f32(value: f32) -> Self::Bits;
    /// The bits with the format as a value.
    fn numbers(bits: &[Self::Bits]) -> Numbers<'_>;
    /// As [`Self::numbers`], to be written.
    fn numbers_mut(bits: &mut [Self::Bits]) -> NumbersMut<'_>;
    /// The values themselves, where the bits are float32.
    #[inline(always)]
    fn floats(_bits: &[Self::Bits]) -> Option<&[f32]> {
        None
    }
    /// As [`Self::floats`], to be written.
    #[inline(always)]
    fn floats_mut(_bits: &mut [Self::Bits]) -> Option<&mut [f32]> {
        None
    }
    /// A number of at most 8 significant bits in 16 bits: itself, or as bfloat16 if this format is wider.
    fn to_short(value: f32) -> u16;
    /// The number that [`Self::to_short`] made.
    fn from_short(short: u16) -> Self::Bits;
    /// The bits as float32 of the largest magnitude of some numbers; a NaN counts as larger than infinity.
    fn largest_magnitude(x: &[Self::Bits]) -> u32;
}

/// The largest magnitude of 16-bit floats, whose order is that of their bits.
#[inline(always)]
fn largest_of_16_bits(x: &[u16]) -> u16 {
    x.iter().fold(0, |most, &bits| most.max(bits & 0x7FFF))
}

/// IEEE binary32.
#[derive(Debug, Clone, Copy)]
pub struct F32;
/// IEEE binary16.
#[derive(Debug, Clone, Copy)]
pub struct F16;
/// The upper half of binary32.
#[derive(Debug, Clone, Copy)]
pub struct Bf16;

impl Float for F32 {
    type Bits = f32;
    const NAME: &'static str = "float32";
    const LARGEST: f32 = f32::MAX;
    fn numbers(bits: &[f32]) -> Numbers<'_> {
        Numbers::F32(bits)
    }
    fn numbers_mut(bits: &mut [f32]) -> NumbersMut<'_> {
        NumbersMut::F32(bits)
    }
    #[inline(always)]
    fn to_f32(bits: f32) -> f32 {
        bits
    }
    #[inline(always)]
    fn from_f32(value: f32) -> f32 {
        value
    }
    #[inline(always)]
    fn floats(bits: &[f32]) -> Option<&[f32]> {
        Some(bits)
    }
    #[inline(always)]
    fn floats_mut(bits: &mut [f32]) -> Option<&mut [f32]> {
        Some(bits)
    }
    #[inline(always)]
    fn to_short(value: f32) -> u16 {
        Bf16::from_f32(value)
    }
    #[inline(always)]
    fn from_short(short: u16) -> f32 {
        Bf16::to_f32(short)
    }
    #[inline(always)]
    fn largest_magnitude(x: &[f32]) -> u32 {
        x.iter().fold(0, |most, value| most.max(value.to_bits() & 0x7FFF_FFFF))
    }
}

impl Float for Bf16 {
    type Bits = u16;
    const NAME: &'static str = "bfloat16";
    const LARGEST: f32 = f32::from_bits(0x7F7F_0000);
    fn numbers(bits: &[u16]) -> Numbers<'_> {
        Numbers::Bf16(bits)
    }
    fn numbers_mut(bits: &mut [u16]) -> NumbersMut<'_> {
        NumbersMut::Bf16(bits)
    }
    #[inline(always)]
    fn to_f32(bits: u16) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }
    #[inline(always)]
    fn from_f32(value: f32) -> u16 {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
        // A NaN must not round to infinity: keep its sign, make it quiet.
        let nan = bits >> 16 | 0x40;
        (if bits & 0x7FFF_FFFF > 0x7F80_0000 { nan } else { rounded }) as u16
    }
    #[inline(always)]
    fn to_short(value: f32) -> u16 {
        Self::from_f32(value)
    }
    #[inline(always)]
    fn from_short(short: u16) -> u16 {
        short
    }
    #[inline(always)]
    fn largest_magnitude(x: &[u16]) -> u32 {
        Self::to_f32(largest_of_16_bits(x)).to_bits()
    }
}

impl Float for F16 {
    type Bits = u16;
    const NAME: &'static str = "float16";
    const LARGEST: f32 = 65504.0;
    fn numbers(bits: &[u16]) -> Numbers<'_> {
        Numbers::F16(bits)
    }
    fn numbers_mut(bits: &mut [u16]) -> NumbersMut<'_> {
        NumbersMut::F16(bits)
    }
    #[inline(always)]
    fn to_f32(bits: u16) -> f32 {
        let sign = u32::from(bits & 0x8000) << 16;
        let magnitude = u32::from(bits & 0x7FFF) << 13;
        // Multiplying by 2^112 moves the exponent's bias and makes subnormal values normal; both exactly.
        let scaled = f32::from_bits(magnitude) * f32::from_bits(0x7780_0000);
        let value = if magnitude >= 0x0F80_0000 { magnitude | 0x7F80_0000 } else { scaled.to_bits() };
        f32::from_bits(sign | value)
    }
    #[inline(always)]
    fn from_f32(value: f32) -> u16 {
        let bits = value.to_bits();
        let (sign, magnitude) = (bits >> 16 & 0x8000, bits & 0x7FFF_FFFF);
        let normal = magnitude.wrapping_sub(0x3800_0000).wrapping_add(0xFFF + (magnitude >> 13 & 1)) >> 13;
        // Adding 2^-1 places the unit in the last place of a subnormal half at that of the sum.
        let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3F00_0000);
        let finite = if magnitude < 0x3880_0000 { subnormal } else { normal };
        let special = if magnitude > 0x7F80_0000 { 0x7E00 | (magnitude >> 13 & 0x3FF) } else { 0x7C00 };
        (sign | if magnitude >= 0x477F_F000 { special } else { finite }) as u16
    }
    #[inline(always)]
    fn to_short(value: f32) -> u16 {
        Self::from_f32(value)
    }
    #[inline(always)]
    fn from_short(short: u16) -> u16 {
        short
    }
    #[inline(always)]
    fn largest_magnitude(x: &[u16]) -> u32 {
        Self::to_f32(largest_of_16_bits(x)).to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_and_bfloat16_survives_the_way_to_float32_and_back() {
        for bits in 0..=u16::MAX {
            let (half, brain) = (F16::to_f32(bits), Bf16::to_f32(bits));
            assert_eq!(F16::from_f32(half) | 0x200 * u16::from(half.is_nan()), bits | 0x200 * u16::from(half.is_nan()));
            assert_eq!(
                Bf16::from_f32(brain) | 0x40 * u16::from(brain.is_nan()),
                bits | 0x40 * u16::from(brain.is_nan())
            );
        }
    }

    #[test]
    fn every_kind_of_float32_has_a_half_and_a_bfloat16() {
        // NaN of every payload and tiny numbers pass sums that wrap around before they are set aside.
        for bits in [0, 1, 0x7FFF, 0x37FF_FFFF, 0x7F80_0001, 0x7FFF_FFFF, 0x8000_0001, 0xFFFF_FFFF] {
            let value = f32::from_bits(bits);
            assert_eq!(F16::to_f32(F16::from_f32(value)).is_nan(), value.is_nan());
            assert_eq!(Bf16::to_f32(Bf16::from_f32(value)).is_nan(), value.is_nan());
        }
    }

    #[test]
    fn ties_go_to_even_and_overflow_to_infinity() {
        assert_eq!(F16::from_f32(65519.0), 0x7BFF);
        assert_eq!(F16::from_f32(65520.0), 0x7C00);
        assert_eq!(F16::from_f32(2_f32.powi(-25)), 0);
        assert_eq!(F16::from_f32(1.5 * 2_f32.powi(-24)), 2);
        assert_eq!(F16::from_f32(1.0 + 2_f32.powi(-11)), 0x3C00);
        assert_eq!(Bf16::from_f32(f32::MAX), 0x7F80);
        assert_eq!(Bf16::from_f32(f32::from_bits(u32::MAX)), 0xFFFF);
        assert_eq!(Bf16::from_f32(1.0 + 3.0 * 2_f32.powi(-8)), 0x3F82);
    }
}
