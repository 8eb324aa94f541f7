//! One float32 to the code of a float format, without branches, so that a loop over it becomes vector code.
//!
//! The constants that a format needs are computed once ([`Encoder`]); where the format is known to the compiler they
//! are immediates. Rounding to nearest takes the integer way for normal results (add half a step to the bits, shift)
//! and lets the adder round subnormal ones: adding a power of two puts its unit in the last place at the format's step.

use crate::quant::format::{FloatFormat, Special};

const MAGNITUDE: u32 = 0x7FFF_FFFF;
const INFINITY: u32 = 0x7F80_0000;

/// What encoding into a format takes, ready to be used in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    /// Mantissa bits of float32 that the format lacks.
    shift: u32,
    /// Bits of the smallest normal magnitude, as float32.
    normal_from: u32,
    /// Difference of the biases, at the place of the exponent.
    rebias: u32,
    /// Bits of the power of two whose unit in the last place is the step of subnormal codes.
    magic: u32,
    /// 1 where a significand is always odd because it has one bit: a tie then goes up.
    always_odd: u32,
    largest: u32,
    beyond: u32,
    nan: u32,
    nan_sign: u32,
    sign_bit: u32,
    sign_shift: u32,
    signed: bool,
    negative_zero: bool,
}

impl Encoder {
    /// The constants of `format`, which [`FloatFormat::check`] accepts; overflow becomes the largest number if
    /// `saturate`, else infinity, else NaN. A NaN that the format lacks becomes 0.
    pub const fn new(format: &FloatFormat, saturate: bool) -> Self {
        let mantissa = format.mantissa_bits;
        let largest = format.largest() as u32;
        let beyond = match (saturate, format.infinity(), format.nan()) {
            (false, Some(infinity), _) => infinity as u32,
            (false, None, Some(nan)) => nan as u32,
            _ => largest,
        };
        let nan = match format.nan() {
            Some(nan) => nan as u32,
            None => 0,
        };
        let sign_bit = format.sign_bit() as u32;
        Self {
            shift: 23 - mantissa,
            normal_from: ((128 - format.bias) as u32) << 23,
            rebias: ((127 - format.bias) as u32) << mantissa,
            magic: ((151 - format.bias - mantissa as i32) as u32) << 23,
            always_odd: (mantissa == 0) as u32,
            largest,
            beyond,
            nan,
            nan_sign: if matches!(format.special, Special::Ieee | Special::Nan) { sign_bit } else { 0 },
            sign_bit,
            sign_shift: 32 - format.bits(),
            signed: format.signed,
            negative_zero: !matches!(format.special, Special::NanAtNegativeZero),
        }
    }

    /// The same with another code for NaN; the sign of a negative NaN flips its sign bit.
    #[must_use]
    pub const fn with_nan(mut self, nan: u8) -> Self {
        self.nan = nan as u32;
        self.nan_sign = self.sign_bit;
        self
    }

    /// Whether the format has no code for these bits: NaN, or a negative number where there is no sign.
    #[inline(always)]
    pub const fn is_nan(&self, bits: u32) -> bool {
        bits & MAGNITUDE > INFINITY || (!self.signed && bits > MAGNITUDE + 1)
    }

    /// The code of the float32 with these bits, rounded to nearest, ties to the even code.
    #[inline(always)]
    pub fn nearest_even(&self, bits: u32) -> u32 {
        let magnitude = bits & MAGNITUDE;
        let odd = magnitude >> self.shift & 1 | self.always_odd;
        let normal = (magnitude + ((1 << (self.shift - 1)) - 1) + odd) >> self.shift;
        let sum = f32::from_bits(magnitude) + f32::from_bits(self.magic);
        let subnormal = sum.to_bits().wrapping_sub(self.magic);
        let code = if magnitude < self.normal_from { subnormal } else { normal.wrapping_sub(self.rebias) };
        self.finish(bits, code)
    }

    /// The code of the float32 with these bits, rounded to nearest, ties away from zero.
    #[inline(always)]
    pub fn half_away(&self, bits: u32) -> u32 {
        let (code, fraction) = self.split(bits & MAGNITUDE);
        self.finish(bits, code + (fraction >> 31))
    }

    /// The code of the float32 with these bits, rounded up if `random` is less than the discarded fraction of the step.
    #[inline(always)]
    pub fn stochastic(&self, bits: u32, random: u32) -> u32 {
        let (code, fraction) = self.split(bits & MAGNITUDE);
        self.finish(bits, code + u32::from(random < fraction))
    }

    /// The code below or at `magnitude`, and how far above it `magnitude` lies, as a 32-bit fraction of the step.
    #[inline(always)]
    fn split(&self, magnitude: u32) -> (u32, u32) {
        let field = magnitude >> 23;
        let significand = magnitude & 0x7F_FFFF | u32::from(field > 0) << 23;
        let below_normal = (self.normal_from >> 23).saturating_sub(field.max(1));
        let discard = self.shift + below_normal.min(40);
        let kept = if discard < 32 { significand >> (discard & 31) } else { 0 };
        let left = significand << (32_u32.wrapping_sub(discard) & 31);
        let right = significand >> (discard.wrapping_sub(32) & 31);
        let subnormal = (kept, if discard < 32 { left } else { right });
        let normal = ((magnitude >> self.shift).wrapping_sub(self.rebias), magnitude << (32 - self.shift));
        if magnitude < self.normal_from { subnormal } else { normal }
    }

    /// Overflow, sign and NaN.
    #[inline(always)]
    fn finish(&self, bits: u32, code: u32) -> u32 {
        let code = if code > self.largest { self.beyond } else { code };
        let sign = bits >> self.sign_shift & self.sign_bit;
        let signed = if code > 0 || self.negative_zero { code | sign } else { 0 };
        if self.is_nan(bits) { self.nan ^ sign & self.nan_sign } else { signed }
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
            assert_eq!(encoder.nearest_even(at.next_down().to_bits()), below as u32);
            assert_eq!(encoder.nearest_even(at.to_bits()), below as u32 + 1);
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
