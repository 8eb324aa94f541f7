//! Scalar formats of at most 8 bits, specified by a table, with conversions that are slow and obvious.
//!
//! A code is sign, exponent, mantissa from the top bit down. Exponent field 0 holds zero and subnormal values. The fast
//! loops in the modules beside this one, and the CUDA kernels, give the same bits; tests compare them with these.
//!
//! Formats: OCP 8-bit Floating Point Specification 1.0, OCP Microscaling Formats 1.0, and `ml_dtypes` for the others.

use crate::error::{Error, Result};

/// What the topmost codes of a float format mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// The whole top exponent is infinity and NaN, as in IEEE 754.
    Ieee,
    /// No infinity; all ones is NaN ("fn").
    Nan,
    /// No infinity and no negative zero; the code of negative zero is NaN ("fnuz").
    NanAtNegativeZero,
    /// Every code is a number.
    None,
}

/// How a value between two codes is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties to the even code.
    NearestEven,
    /// To the nearest, ties away from zero.
    HalfAway,
    /// Up with the probability of its distance from the lower code, by one random word.
    Stochastic,
}

/// A float format with a sign bit or without, of at most 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatFormat {
    /// Bits of the exponent, 0 to 8.
    pub exponent_bits: u32,
    /// Bits of the mantissa, 0 to 7.
    pub mantissa_bits: u32,
    /// What is subtracted from the exponent field.
    pub bias: i32,
    /// Whether there is a sign bit.
    pub signed: bool,
    /// What the topmost codes mean.
    pub special: Special,
}

const fn float(exponent_bits: u32, mantissa_bits: u32, bias: i32, special: Special) -> FloatFormat {
    FloatFormat { exponent_bits, mantissa_bits, bias, signed: true, special }
}

/// OCP FP8 E4M3, largest 448.
pub const E4M3FN: FloatFormat = float(4, 3, 7, Special::Nan);
/// OCP FP8 E5M2, largest 57344.
pub const E5M2: FloatFormat = float(5, 2, 15, Special::Ieee);
/// E4M3 with infinities, largest 240.
pub const E4M3: FloatFormat = float(4, 3, 7, Special::Ieee);
/// E3M4 with infinities, largest 15.5.
pub const E3M4: FloatFormat = float(3, 4, 3, Special::Ieee);
/// AMD's E4M3, largest 240.
pub const E4M3FNUZ: FloatFormat = float(4, 3, 8, Special::NanAtNegativeZero);
/// AMD's E5M2, largest 57344.
pub const E5M2FNUZ: FloatFormat = float(5, 2, 16, Special::NanAtNegativeZero);
/// E4M3 with bias 11, largest 30.
pub const E4M3B11FNUZ: FloatFormat = float(4, 3, 11, Special::NanAtNegativeZero);
/// OCP FP6 E2M3, largest 7.5.
pub const E2M3: FloatFormat = float(2, 3, 1, Special::None);
/// OCP FP6 E3M2, largest 28.
pub const E3M2: FloatFormat = float(3, 2, 3, Special::None);
/// OCP FP4 E2M1, largest 6.
pub const E2M1: FloatFormat = float(2, 1, 1, Special::None);
/// The block scale of NVFP4: E4M3FN without its sign.
pub const UE4M3: FloatFormat = FloatFormat { signed: false, ..E4M3FN };
/// A block scale with the range of E5, largest 114688.
pub const UE5M3: FloatFormat = FloatFormat { signed: false, ..float(5, 3, 15, Special::Nan) };

impl FloatFormat {
    /// Refuse more than 8 bits, and a bias with which float32 does not hold every number of the format as a normal one.
    pub fn check(&self) -> Result<()> {
        let refuse = |expected, got| Err(Error::value("format", expected, got));
        let width = self.exponent_bits.saturating_add(self.mantissa_bits).saturating_add(u32::from(self.signed));
        if self.exponent_bits > 8 || self.mantissa_bits > 7 || !(1..=8).contains(&width) {
            return refuse("a float of 1 to 8 bits, E + M + sign", format!("{width} bits"));
        }
        let codes = 1_u32 << (self.exponent_bits + self.mantissa_bits);
        let specials = match self.special {
            Special::Ieee => 1 << self.mantissa_bits,
            Special::Nan => 1,
            Special::NanAtNegativeZero | Special::None => 0,
        };
        let no_sign_to_spare = self.special == Special::NanAtNegativeZero && !self.signed;
        if specials + 2 > codes || no_sign_to_spare || (self.special == Special::Ieee && self.exponent_bits == 0) {
            return refuse("a float that has room for its special codes", format!("{self:?}"));
        }
        let top = (1 << self.exponent_bits) - 1 - i32::from(self.special == Special::Ieee);
        if !(top - 127..=127 - self.mantissa_bits as i32).contains(&self.bias) || self.bias < -96 {
            return refuse("a float whose numbers are normal in float32", format!("bias {}", self.bias));
        }
        Ok(())
    }

    /// Bits of a code.
    pub const fn bits(&self) -> u32 {
        self.exponent_bits + self.mantissa_bits + self.signed as u32
    }

    /// The sign bit, 0 for an unsigned format.
    pub const fn sign_bit(&self) -> u8 {
        if self.signed { 1 << (self.exponent_bits + self.mantissa_bits) } else { 0 }
    }

    /// The code of the largest finite magnitude.
    pub const fn largest(&self) -> u8 {
        let ones = ((1_u32 << (self.exponent_bits + self.mantissa_bits)) - 1) as u8;
        match self.special {
            Special::Ieee => ones - (1 << self.mantissa_bits),
            Special::Nan => ones - 1,
            Special::NanAtNegativeZero | Special::None => ones,
        }
    }

    /// The code of infinity without sign, if there is one.
    pub const fn infinity(&self) -> Option<u8> {
        match self.special {
            Special::Ieee => Some(self.largest() + 1),
            _ => None,
        }
    }

    /// The code that NaN becomes (before the sign, where a NaN has one), if there is one: all ones, or negative zero.
    pub const fn nan(&self) -> Option<u8> {
        match self.special {
            Special::Ieee | Special::Nan => Some(((1_u32 << (self.exponent_bits + self.mantissa_bits)) - 1) as u8),
            Special::NanAtNegativeZero => Some(self.sign_bit()),
            Special::None => None,
        }
    }

    /// The value of `code`; bits above [`Self::bits`] are ignored. Exact.
    pub fn decode(&self, code: u8) -> f32 {
        let magnitude = u32::from(code) & ((1 << (self.exponent_bits + self.mantissa_bits)) - 1);
        let negative = code & self.sign_bit() != 0;
        let nan = match self.special {
            Special::Ieee => magnitude > u32::from(self.largest()) + 1,
            Special::Nan => magnitude > u32::from(self.largest()),
            Special::NanAtNegativeZero => negative && magnitude == 0,
            Special::None => false,
        };
        let value = if nan {
            f32::NAN
        } else if self.infinity().is_some_and(|infinity| u32::from(infinity) == magnitude) {
            f32::INFINITY
        } else {
            let field = (magnitude >> self.mantissa_bits) as i32;
            let fraction = magnitude & ((1 << self.mantissa_bits) - 1);
            let significand = if field == 0 { fraction } else { fraction | 1 << self.mantissa_bits };
            let exponent = field.max(1) - self.bias - self.mantissa_bits as i32;
            (f64::from(significand) * 2_f64.powi(exponent)) as f32
        };
        if negative { -value } else { value }
    }

    /// The code of `value`; `None` for a NaN that the format cannot hold. See [`Self::encode_finite`] for the numbers.
    ///
    /// NaN becomes all ones with its sign, or the single NaN of the format. Infinity and what rounds beyond the largest
    /// number become the largest number if `saturate`, else infinity, else NaN, else (no such code) the largest number.
    /// An unsigned format takes a negative number as NaN, and negative zero as zero.
    pub fn encode(&self, value: f32, rounding: Rounding, saturate: bool, random: u32) -> Option<u8> {
        let negative = value.is_sign_negative();
        let sign = if negative { self.sign_bit() } else { 0 };
        if value.is_nan() || (negative && !self.signed && value != 0.0) {
            return self.nan().map(|nan| nan | sign);
        }
        let magnitude = self.encode_finite(value.abs(), rounding, random);
        if magnitude > u32::from(self.largest()) {
            let beyond = if saturate { None } else { self.infinity().or(self.nan()) };
            return Some(beyond.unwrap_or(self.largest()) | sign);
        }
        let no_negative_zero = self.special == Special::NanAtNegativeZero && magnitude == 0;
        Some(if no_negative_zero { 0 } else { magnitude as u8 | sign })
    }

    /// The magnitude's code as if the exponent had no end: `value` is not negative and no NaN.
    ///
    /// Stochastic rounding goes up when `random` is less than the discarded fraction of the step, as a 32-bit fraction.
    fn encode_finite(&self, value: f32, rounding: Rounding, random: u32) -> u32 {
        if value.is_infinite() {
            return u32::MAX;
        }
        // value = significand * 2^(exponent - 23), significand below 2^24.
        let field = (value.to_bits() >> 23) as i32;
        let fraction = value.to_bits() & 0x7F_FFFF;
        let (significand, exponent) = if field == 0 { (fraction, -126) } else { (fraction | 0x80_0000, field - 127) };
        let smallest_normal = 1 - self.bias;
        // A float32 subnormal counts as subnormal here, too, unless the format is as wide as float32.
        let exponent_field = if field == 0 { 0 } else { (exponent - smallest_normal + 1).max(0) };
        let step = exponent.max(smallest_normal) - self.mantissa_bits as i32;
        let discard = (step - (exponent - 23)) as u32;
        let (kept, rest) = if discard > 63 {
            (0, u64::from(significand > 0))
        } else {
            (u64::from(significand) >> discard, u64::from(significand) & ((1 << discard) - 1))
        };
        let up = match rounding {
            _ if discard > 63 => false,
            Rounding::NearestEven => {
                let half = 1_u64 << (discard - 1);
                rest > half || (rest == half && kept & 1 == 1)
            }
            Rounding::HalfAway => rest >= 1 << (discard - 1),
            Rounding::Stochastic => {
                let scaled = if discard <= 32 { rest << (32 - discard) } else { rest >> (discard - 32) };
                u64::from(random) < scaled
            }
        };
        let hidden = if exponent_field > 0 { 1_u64 << self.mantissa_bits } else { 0 };
        let base = (exponent_field as u64) << self.mantissa_bits;
        (base + kept - hidden + u64::from(up)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [FloatFormat; 12] =
        [E4M3FN, E5M2, E4M3, E3M4, E4M3FNUZ, E5M2FNUZ, E4M3B11FNUZ, E2M3, E3M2, E2M1, UE4M3, UE5M3];

    #[test]
    fn largest_numbers_are_those_of_the_standards() {
        let largest = ALL.map(|format| format.decode(format.largest()));
        let standard = [448.0, 57344.0, 240.0, 15.5, 240.0, 57344.0, 30.0, 7.5, 28.0, 6.0, 448.0, 114_688.0];
        assert_eq!(largest.map(f32::to_bits), standard.map(f32::to_bits));
    }

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for format in ALL {
            for code in 0..1_u32 << format.bits() {
                let value = format.decode(code as u8);
                let again = format.encode(value, Rounding::NearestEven, false, 0);
                if value.is_nan() {
                    assert!(again.is_some_and(|again| format.decode(again).is_nan()));
                } else {
                    assert_eq!(again, Some(code as u8), "{format:?} {value}");
                }
            }
        }
    }

    #[test]
    fn ties_of_e2m1_go_to_the_even_code() {
        let codes = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 5.1, f32::INFINITY]
            .map(|value| E2M1.encode(value, Rounding::NearestEven, true, 0));
        assert_eq!(codes, [0, 2, 2, 4, 4, 6, 6, 7, 7].map(Some));
    }

    #[test]
    fn overflow_saturates_or_becomes_what_the_format_has() {
        let encode = |format: FloatFormat, value, saturate| format.encode(value, Rounding::NearestEven, saturate, 0);
        assert_eq!(encode(E4M3FN, 464.0, false), Some(0x7E));
        assert_eq!(encode(E4M3FN, 465.0, false), Some(0x7F));
        assert_eq!(encode(E4M3FN, -f32::INFINITY, true), Some(0xFE));
        assert_eq!(encode(E5M2, 61440.0, false), Some(0x7C));
        assert_eq!(encode(E5M2, 61440.0, true), Some(0x7B));
        assert_eq!(encode(E4M3FNUZ, -0.0, true), Some(0));
        assert_eq!(encode(E2M1, f32::NAN, true), None);
        assert_eq!(encode(UE4M3, -1.0, true), Some(0x7F));
    }

    #[test]
    fn stochastic_rounding_goes_up_as_often_as_it_should() {
        // 1.25 lies half-way between 1 and 1.5; 0.001 is 0.002 of the way from 0 to 0.5.
        let up = |value, random| {
            E2M1.encode(value, Rounding::Stochastic, true, random) != Some(if value < 0.5 { 0 } else { 2 })
        };
        assert!(up(1.25, 0x7FFF_FFFF) && !up(1.25, 0x8000_0000));
        assert!(up(0.001, (0.0019 * 4_294_967_296.0) as u32) && !up(0.001, (0.0021 * 4_294_967_296.0) as u32));
        assert!(!up(1.0, 0));
    }
}
