//! One code of a float format to float32, without branches, so that a loop over it becomes vector code.
//!
//! A normal code is its bits moved to the place of float32's, plus the difference of the biases. A subnormal one takes
//! the same way with a hidden bit set and has the hidden bit's value subtracted: exact, and no operand is subnormal,
//! so that a process that flushes those to zero gets the same.

use crate::quant::format::{FloatFormat, Special};

/// What decoding a format takes, ready to be used in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoder {
    /// Mantissa bits of float32 that the format lacks.
    shift: u32,
    /// Difference of the biases, at the place of the exponent.
    rebias: i32,
    magnitude: i32,
    first_normal: i32,
    sign_bit: i32,
    sign_shift: u32,
    /// The magnitude of infinity, and the one above which a code is NaN; 256 where there is none.
    infinity: i32,
    nan_above: i32,
    /// The code that is NaN although its magnitude is 0; 256 where there is none.
    nan: i32,
}

impl Decoder {
    /// The constants of `format`, which [`FloatFormat::check`] accepts.
    pub const fn new(format: &FloatFormat) -> Self {
        let largest = format.largest() as i32;
        let (infinity, nan_above, nan) = match format.special {
            Special::Ieee => (largest + 1, largest + 1, 256),
            Special::Nan => (256, largest, 256),
            Special::NanAtNegativeZero => (256, 256, format.sign_bit() as i32),
            Special::None => (256, 256, 256),
        };
        Self {
            shift: 23 - format.mantissa_bits,
            rebias: (127 - format.bias) << 23,
            magnitude: (1 << (format.exponent_bits + format.mantissa_bits)) - 1,
            first_normal: 1 << format.mantissa_bits,
            sign_bit: format.sign_bit() as i32,
            sign_shift: 32 - format.bits(),
            infinity,
            nan_above,
            nan,
        }
    }

    /// The bits of the float32 that `code` stands for; bits of `code` above the format's are ignored.
    #[inline(always)]
    pub fn value(&self, code: u8) -> u32 {
        let code = i32::from(code);
        let magnitude = code & self.magnitude;
        let sign = code & self.sign_bit;
        let normal = (magnitude << self.shift).wrapping_add(self.rebias);
        // A subnormal code with a hidden bit, less the hidden bit.
        let hidden = f32::from_bits((self.rebias + (1 << 23)) as u32);
        let subnormal = (f32::from_bits(normal.wrapping_add(1 << 23) as u32) - hidden).to_bits() as i32;
        let finite = if magnitude < self.first_normal { subnormal } else { normal };
        let number = if magnitude == self.infinity { 0x7F80_0000 } else { finite };
        let nan = magnitude > self.nan_above || sign | magnitude == self.nan;
        (if nan { 0x7FC0_0000 } else { number }) as u32 | (sign << self.sign_shift) as u32
    }
}
