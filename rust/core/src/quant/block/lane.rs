//! One number of a block to its code and back, without branches, so that loops over it become vector code.
//!
//! What is encoded here is finite and not far above the largest element: a block's scale saw to that. Then the adder
//! rounds: adding the power of two whose unit in the last place is the step at the number's exponent leaves the number
//! of steps in the low bits of the sum.

use super::Element;
use crate::quant::cast::Decoder;
use crate::quant::format::FloatFormat;

/// How a loop encodes one number.
pub(crate) trait Encode: Copy + Send + Sync {
    /// Whether this is [`ToInteger`], else [`ToFloat`].
    const INTEGER: bool;
    /// The fields of [`ToFloat`] in their order, for loops with intrinsics.
    fn constants(&self) -> [u32; 6] {
        [0; 6]
    }
    /// The fields of [`ToInteger`] in their order.
    fn integer(&self) -> (f32, f32, u32) {
        (0.0, 0.0, 0)
    }
    /// The code of `value`, nearest even, saturating.
    fn code(&self, value: f32) -> u32;
}

/// How a loop decodes one code.
pub(crate) trait Decode: Copy + Send + Sync {
    /// The value of `code`, exact.
    fn value(&self, code: u8) -> f32;
}

/// A float element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToFloat {
    /// Mantissa bits of float32 that the element lacks.
    shift: u32,
    /// Bits of the smallest normal number: below it steps stay the same.
    smallest: u32,
    /// From an exponent to that of the power of two that is added.
    magic: u32,
    largest: u32,
    sign_shift: u32,
    sign_bit: u32,
}

impl ToFloat {
    pub(crate) fn new(format: &FloatFormat) -> Self {
        Self {
            shift: 23 - format.mantissa_bits,
            smallest: ((128 - format.bias) as u32) << 23,
            magic: (23 - format.mantissa_bits) << 23,
            largest: u32::from(format.largest()),
            sign_shift: 32 - format.bits(),
            sign_bit: u32::from(format.sign_bit()),
        }
    }
}

impl ToFloat {
    /// The code of a number that is neither negative nor above the largest, and its value.
    #[inline(always)]
    pub(crate) fn code_and_value(&self, value: f32) -> (u32, f32) {
        let exponent = (value.to_bits() & 0x7F80_0000).max(self.smallest);
        let power = exponent + self.magic;
        let sum = value + f32::from_bits(power);
        let code = sum.to_bits().wrapping_sub(power) + ((exponent - self.smallest) >> self.shift);
        (code, sum - f32::from_bits(power))
    }
}

impl Encode for ToFloat {
    const INTEGER: bool = false;

    fn constants(&self) -> [u32; 6] {
        [self.shift, self.smallest, self.magic, self.largest, self.sign_shift, self.sign_bit]
    }

    #[inline(always)]
    fn code(&self, value: f32) -> u32 {
        let bits = value.to_bits();
        let magnitude = bits & 0x7FFF_FFFF;
        let exponent = (magnitude & 0x7F80_0000).max(self.smallest);
        let power = exponent + self.magic;
        let steps = (f32::from_bits(magnitude) + f32::from_bits(power)).to_bits().wrapping_sub(power);
        let code = steps + ((exponent - self.smallest) >> self.shift);
        code.min(self.largest) | bits >> self.sign_shift & self.sign_bit
    }
}

/// An integer element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToInteger {
    per_unit: f32,
    largest: f32,
    mask: u32,
}

impl ToInteger {
    pub(crate) fn new(element: &Element) -> Self {
        Self {
            per_unit: 1.0 / element.unit(),
            largest: element.largest() / element.unit(),
            mask: (1 << element.bits()) - 1,
        }
    }
}

impl Encode for ToInteger {
    const INTEGER: bool = true;

    #[inline(always)]
    fn integer(&self) -> (f32, f32, u32) {
        (self.per_unit, self.largest, self.mask)
    }

    #[inline(always)]
    fn code(&self, value: f32) -> u32 {
        // 1.5 * 2^23: the sum's low bits are the integer in two's complement.
        let steps = (value * self.per_unit).clamp(-self.largest, self.largest) + 12_582_912.0;
        steps.to_bits() & self.mask
    }
}

impl Decode for Decoder {
    #[inline(always)]
    fn value(&self, code: u8) -> f32 {
        f32::from_bits(Decoder::value(self, code))
    }
}

/// An integer element to its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FromInteger {
    shift: u32,
    unit: f32,
}

impl FromInteger {
    pub(crate) fn new(element: &Element) -> Self {
        Self { shift: 32 - element.bits(), unit: element.unit() }
    }
}

impl Decode for FromInteger {
    #[inline(always)]
    fn value(&self, code: u8) -> f32 {
        ((u32::from(code) << self.shift) as i32 >> self.shift) as f32 * self.unit
    }
}
