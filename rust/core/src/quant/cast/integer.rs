//! Integers of 1 to 8 bits: two's complement or unsigned, in the low bits of a byte, clipped to what the width holds.

use crate::quant::Rounding;

/// A width with or without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// 1 to 8.
    pub bits: u32,
    /// Two's complement.
    pub signed: bool,
}

/// 2^23: adding it to a smaller magnitude rounds that to an integer.
const MAGIC: f32 = 8_388_608.0;

impl Integer {
    /// Smallest and largest number.
    pub const fn range(self) -> (i32, i32) {
        if self.signed { (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) } else { (0, (1 << self.bits) - 1) }
    }

    /// The code of `value`; NaN becomes 0.
    #[inline(always)]
    pub fn encode(self, value: f32, rounding: Rounding, random: u32) -> u8 {
        let (low, high) = self.range();
        // Clipping to integers first changes no rounding, and `max` and `min` take NaN for the other number.
        let value = if value.is_nan() { 0.0 } else { value };
        let clipped = value.max(low as f32).min(high as f32);
        let magnitude = clipped.abs();
        let nearest = (magnitude + MAGIC) - MAGIC;
        let above = magnitude - nearest;
        let rounded = match rounding {
            Rounding::NearestEven => nearest,
            Rounding::HalfAway => nearest + if above >= 0.5 { 1.0 } else { 0.0 },
            Rounding::Stochastic => {
                let down = nearest - if above < 0.0 { 1.0 } else { 0.0 };
                let scaled = (magnitude - down) * 4_294_967_296.0;
                down + if random < scaled as u32 { 1.0 } else { 0.0 }
            }
        };
        // The integer stands in the low bits of the sum.
        let positive = (rounded + MAGIC).to_bits();
        let code = if clipped < 0.0 { positive.wrapping_neg() } else { positive };
        (code & ((1 << self.bits) - 1)) as u8
    }

    /// The number that `code` stands for; bits above the width are ignored.
    #[inline(always)]
    pub fn decode(self, code: u8) -> f32 {
        let (code, unused) = (u32::from(code), 32 - self.bits);
        let number = if self.signed { (code << unused) as i32 >> unused } else { (code << unused >> unused) as i32 };
        number as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT4: Integer = Integer { bits: 4, signed: true };

    #[test]
    fn every_code_survives() {
        for bits in 1..=8 {
            for signed in [false, true] {
                let integer = Integer { bits, signed };
                for code in 0..=((1_u32 << bits) - 1) as u8 {
                    assert_eq!(integer.encode(integer.decode(code), Rounding::NearestEven, 0), code);
                }
            }
        }
    }

    #[test]
    fn numbers_are_rounded_and_clipped() {
        let encode = |value, rounding| INT4.encode(value, rounding, 0);
        let nearest = [0.5, 1.5, -2.5, 7.6, -8.6, f32::INFINITY, f32::NAN].map(|v| encode(v, Rounding::NearestEven));
        assert_eq!(nearest, [0, 2, 0xE, 7, 8, 7, 0]);
        let away = [0.5, 0.499_999_97, -2.5, 1.0].map(|v| encode(v, Rounding::HalfAway));
        assert_eq!(away, [1, 0, 0xD, 1]);
        let random = |value, word| INT4.encode(value, Rounding::Stochastic, word);
        assert_eq!([random(1.25, 0x3FFF_FFFF), random(1.25, 0x4000_0000), random(-0.75, 0)], [2, 1, 0xF]);
        assert_eq!(Integer { bits: 1, signed: true }.decode(1).to_bits(), (-1_f32).to_bits());
    }
}
