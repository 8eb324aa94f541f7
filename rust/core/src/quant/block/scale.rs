//! The power of two that the numbers of an MX block share, by comparing bits: no logarithm, no division.
//!
//! A scale is an e8m0 byte: 2^(byte - 127), 255 for NaN. Rules: OCP Microscaling Formats 1.0 (FLOOR), NVIDIA's cuDNN
//! and the instruction `cvt.rp.satfinite.ue8m0x2` (RCEIL), and torchao (CEIL, EVEN).

use super::Element;

/// How the largest magnitude of a block becomes the exponent of its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its exponent less that of the largest element: what lies above the largest element saturates.
    Floor,
    /// The least exponent under which nothing saturates.
    Rceil,
    /// As `Floor`, but up by one unless the magnitude is a power of two.
    Ceil,
    /// As `Floor` after the magnitude has been rounded to the element's mantissa.
    Even,
}

/// The e8m0 code of NaN.
pub const NAN: u8 = 255;

/// A rule for one element format, as what is added to the bits of the magnitude before its exponent is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// Carries into the exponent where the rule steps up.
    bump: u32,
    /// Exponent of the largest element.
    largest_exponent: i32,
}

impl Shared {
    /// The rule for elements of this kind.
    pub fn new(rule: Rule, element: &Element) -> Self {
        let largest = element.largest().to_bits();
        let bump = match rule {
            Rule::Floor => 0,
            Rule::Rceil => 0x7F_FFFF - (largest & 0x7F_FFFF),
            Rule::Ceil => 0x7F_FFFF,
            Rule::Even => 1 << (22 - element.mantissa_bits()),
        };
        Self { bump, largest_exponent: (largest >> 23) as i32 - 127 }
    }

    /// What is added to the bits of a magnitude, and what is subtracted from the exponent of the sum.
    #[inline(always)]
    pub(crate) fn constants(self) -> (u32, i32) {
        (self.bump, self.largest_exponent)
    }

    /// The scale of a block whose largest magnitude has these bits: finite and without sign.
    #[inline(always)]
    pub fn byte(self, magnitude: u32) -> u8 {
        if magnitude == 0 {
            return 0;
        }
        // A subnormal number has its leading one further right: move it up and count the steps.
        let shift = magnitude.leading_zeros().saturating_sub(8);
        let normal = if magnitude < 0x80_0000 { (magnitude << shift) & 0x7F_FFFF | 0x80_0000 } else { magnitude };
        let steps = if magnitude < 0x80_0000 { shift as i32 } else { 0 };
        let exponent = ((normal + self.bump) >> 23) as i32 - steps - self.largest_exponent;
        exponent.clamp(0, 254) as u8
    }

    /// The same for a magnitude that is 0 or normal, without a branch; others give some byte.
    #[inline(always)]
    pub(crate) fn byte_of_normal(self, magnitude: u32) -> u8 {
        let exponent = ((magnitude.wrapping_add(self.bump)) >> 23) as i32 - self.largest_exponent;
        exponent.clamp(0, 254) as u8
    }
}

/// The value of a scale: 2^-127 for byte 0, NaN for 255.
#[inline(always)]
pub fn value(byte: u8) -> f32 {
    match byte {
        0 => f32::from_bits(0x40_0000),
        NAN => f32::NAN,
        _ => f32::from_bits(u32::from(byte) << 23),
    }
}

/// `value` divided by the scale `byte`, exactly unless the result is subnormal; `byte` is not NaN.
#[inline(always)]
pub fn unscale(value: f32, byte: u8) -> f32 {
    // 2^(127 - 254) is subnormal, so the two steps never hold more than half of the exponent.
    let exponent = 127 - i32::from(byte);
    let half = exponent >> 1;
    let power = |exponent: i32| f32::from_bits(((exponent + 127) as u32) << 23);
    value * power(half) * power(exponent - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(rule: Rule, name: &str, amax: f32) -> i32 {
        let element = Element::of_mx(name).expect("a known element");
        i32::from(Shared::new(rule, &element).byte(amax.to_bits())) - 127
    }

    #[test]
    fn rules_step_up_where_the_table_says() {
        let just = |value: f32, ulps: i32| f32::from_bits((value.to_bits() as i32 + ulps) as u32);
        let values = [1.0, 1.25, just(1.5, -1), 1.5, just(1.5, 1), just(1.75, -1), 1.75, just(1.75, 1)]
            .into_iter()
            .chain([just(1.9375, -1), 1.9375, 1.99]);
        let rows: Vec<[i32; 6]> = values
            .map(|a| {
                [
                    byte(Rule::Floor, "e2m1", a),
                    byte(Rule::Ceil, "e2m1", a),
                    byte(Rule::Even, "e2m1", a),
                    byte(Rule::Rceil, "e2m1", a),
                    byte(Rule::Even, "e4m3fn", a),
                    byte(Rule::Rceil, "e4m3fn", a),
                ]
            })
            .collect();
        let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<_>>();
        assert_eq!(column(0), [-2; 11]);
        assert_eq!(column(1), [-2, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1]);
        assert_eq!(column(2), [-2, -2, -2, -2, -2, -2, -1, -1, -1, -1, -1]);
        assert_eq!(column(3), [-2, -2, -2, -2, -1, -1, -1, -1, -1, -1, -1]);
        assert_eq!(column(4), [-8, -8, -8, -8, -8, -8, -8, -8, -8, -7, -7]);
        assert_eq!(column(5), [-8, -8, -8, -8, -8, -8, -8, -7, -7, -7, -7]);
    }

    #[test]
    fn subnormal_magnitudes_have_their_true_exponent() {
        // The MX integers have the largest exponent 0, so that a byte of 0 is reached from 2^-127 down.
        assert_eq!(byte(Rule::Floor, "int8", 2_f32.powi(-126)), -126);
        assert_eq!(byte(Rule::Floor, "int8", 2_f32.powi(-127)), -127);
        assert_eq!(byte(Rule::Ceil, "int8", 1.5 * 2_f32.powi(-127)), -126);
        assert_eq!(byte(Rule::Ceil, "int8", 2_f32.powi(-149)), -127);
        assert_eq!(byte(Rule::Ceil, "int8", f32::MAX), 127);
    }
}
