//! One float32 to the code of a float format, without branches, so that a loop over it becomes vector code.
//!
//! The constants that a format needs are computed once ([`Encoder`]); where the format is known to the compiler they
//! are immediates. Rounding to nearest takes the integer way for normal results (add half a step to the bits, shift)
//! and lets the adder round subnormal ones: adding a power of two puts its unit in the last place at the format's step.

use crate::quant::format::{FloatFormat, Special};

const MAGNITUDE: i32 = 0x7FFF_FFFF;
const INFINITY: i32 = 0x7F80_0000;

/// What encoding into a format takes, ready to be used in a loop.
///
/// Bits and codes are signed here because vector units compare signed integers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    /// Mantissa bits of float32 that the format lacks.
    shift: u32,
    /// Bits of the smallest normal magnitude, as float32.
    normal_from: i32,
    /// What the bits of a normal magnitude need besides their lowest kept one to be rounded and rebiased by a shift.
    round: i32,
    /// Bits of the power of two whose unit in the last place is the step of subnormal codes.
    magic: i32,
    /// 1 where a significand is always odd because it has one bit: a tie then goes up.
    always_odd: i32,
    largest: i32,
    beyond: i32,
    nan: i32,
    nan_sign: i32,
    sign_bit: i32,
    sign_shift: u32,
    /// All ones for a format without sign, whose negative numbers are NaN; else 0.
    unsigned: i32,
    /// All ones for a format with negative zero, else 0.
    negative_zero: i32,
}

impl Encoder {
    /// The constants of `format`, which [`FloatFormat::check`] accepts; overflow becomes the largest number if
    /// `saturate`, else infinity, else NaN. A NaN that the format lacks becomes 0.
    pub const fn new(format: &FloatFormat, saturate: bool) -> Self {
        let mantissa = format.mantissa_bits;
        let largest = format.largest() as i32;
        let beyond = match (saturate, format.infinity(), format.nan()) {
            (false, Some(infinity), _) => infinity as i32,
            (false, None, Some(nan)) => nan as i32,
            _ => largest,
        };
        let nan = match format.nan() {
            Some(nan) => nan as i32,
            None => 0,
        };
        let sign_bit = format.sign_bit() as i32;
        let has_signed_nan = matches!(format.special, Special::Ieee | Special::Nan);
        Self {
            shift: 23 - mantissa,
            normal_from: (128 - format.bias) << 23,
            round: (1 << (22 - mantissa)) - 1 - ((127 - format.bias) << 23),
            magic: (151 - format.bias - mantissa as i32) << 23,
            always_odd: (mantissa == 0) as i32,
            largest,
            beyond,
            nan,
            nan_sign: if has_signed_nan { sign_bit } else { 0 },
            sign_bit,
            sign_shift: 32 - format.bits(),
            unsigned: -(!format.signed as i32),
            negative_zero: -(!matches!(format.special, Special::NanAtNegativeZero) as i32),
        }
    }

    /// The same with another code for NaN; the sign of a negative NaN flips its sign bit.
    #[must_use]
    pub const fn with_nan(mut self, nan: u8) -> Self {
        self.nan = nan as i32;
        self.nan_sign = self.sign_bit;
        self
    }

    /// Whether the format has no code for these bits: NaN, or a negative number where there is no sign.
    #[inline(always)]
    pub const fn is_nan(&self, bits: u32) -> bool {
        // The largest magnitude that is a number: 0 for a negative one where there is no sign.
        let limit = INFINITY & !(bits as i32 >> 31 & self.unsigned);
        bits as i32 & MAGNITUDE > limit
    }

    /// The code of the float32 with these bits, rounded to nearest, ties to the even code.
    #[inline(always)]
    pub fn nearest_even(&self, bits: u32) -> u8 {
        let magnitude = bits as i32 & MAGNITUDE;
        let odd = magnitude >> self.shift & 1 | self.always_odd;
        let normal = magnitude.wrapping_add(self.round).wrapping_add(odd) >> self.shift;
        let sum = f32::from_bits(magnitude as u32) + f32::from_bits(self.magic as u32);
        let subnormal = (sum.to_bits() as i32).wrapping_sub(self.magic);
        self.finish(bits, if magnitude < self.normal_from { subnormal } else { normal })
    }

    /// The code of the float32 with these bits, rounded to nearest, ties away from zero.
    #[inline(always)]
    pub fn half_away(&self, bits: u32) -> u8 {
        let (code, fraction) = self.split(bits as i32 & MAGNITUDE);
        self.finish(bits, code + (fraction >> 31) as i32)
    }

    /// The code of the float32 with these bits, rounded up if `random` is less than the discarded fraction of the step.
    #[inline(always)]
    pub fn stochastic(&self, bits: u32, random: u32) -> u8 {
        let (code, fraction) = self.split(bits as i32 & MAGNITUDE);
        self.finish(bits, code + i32::from(random < fraction))
    }

    /// The code below or at `magnitude`, and how far above it `magnitude` lies, as a 32-bit fraction of the step.
    #[inline(always)]
    fn split(&self, magnitude: i32) -> (i32, u32) {
        let field = magnitude >> 23;
        let significand = magnitude as u32 & 0x7F_FFFF | u32::from(field > 0) << 23;
        let below_normal = ((self.normal_from >> 23) - field.max(1)).clamp(0, 40);
        let discard = self.shift + below_normal as u32;
        let kept = if discard < 32 { significand >> (discard & 31) } else { 0 };
        let left = significand << (32_u32.wrapping_sub(discard) & 31);
        let right = significand >> (discard.wrapping_sub(32) & 31);
        let subnormal = (kept as i32, if discard < 32 { left } else { right });
        let rebias = (self.normal_from - (1 << 23)) >> self.shift;
        let normal = ((magnitude >> self.shift) - rebias, (magnitude as u32) << (32 - self.shift));
        if magnitude < self.normal_from { subnormal } else { normal }
    }

    /// Overflow, sign and NaN.
    #[inline(always)]
    fn finish(&self, bits: u32, code: i32) -> u8 {
        let code = if code > self.largest { self.beyond } else { code };
        let sign = (bits >> self.sign_shift) as i32 & self.sign_bit;
        // `-code` is negative but for zero.
        let kept = -code >> 31 | self.negative_zero;
        (if self.is_nan(bits) { self.nan ^ sign & self.nan_sign } else { code | sign & kept }) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::format::{E2M1, E4M3FN, E4M3FNUZ, E5M2, UE5M3};

    #[test]
    fn thresholds_of_e2m1() {
        let encoder = Encoder::new(&E2M1, true);
        let step_up = [0.25_f32.next_up(), 0.75, 1.25_f32.next_up(), 1.75, 2.5_f32.next_up(), 3.5, 5_f32.next_up()];
        for (below, at) in step_up.into_iter().enumerate() {
            assert_eq!(encoder.nearest_even(at.next_down().to_bits()), below as u8);
            assert_eq!(encoder.nearest_even(at.to_bits()), below as u8 + 1);
        }
    }

    #[test]
    fn overflow_and_nan() {
        let encode = |format, value: f32, saturate| Encoder::new(format, saturate).nearest_even(value.to_bits());
        assert_eq!(encode(&E4M3FN, 464.0, false), 0x7E);
        assert_eq!(encode(&E4M3FN, 464_f32.next_up(), false), 0x7F);
        assert_eq!(encode(&E4M3FN, f32::NEG_INFINITY, true), 0xFE);
        assert_eq!(encode(&E4M3FN, -f32::NAN, true), 0xFF);
        assert_eq!(encode(&E5M2, 61440.0, false), 0x7C);
        assert_eq!(encode(&E4M3FNUZ, -0.0, true), 0);
        assert_eq!(encode(&E4M3FNUZ, f32::NAN, true), 0x80);
        assert_eq!(encode(&UE5M3, -1.0, true), 0xFF);
        assert_eq!(encode(&UE5M3, -0.0, true), 0);
    }
}
