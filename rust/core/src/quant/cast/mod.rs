//! Every scalar format from and to float32, float16 and bfloat16.
//!
//! [`Encoder`], [`Decoder`], [`exponent`] and [`Integer`] convert one number, inside vector loops of this and other
//! modules; [`encode`], [`decode`] and [`convert`] run such loops over arrays, on threads and around the cache. All
//! give the bits that [`FloatFormat::encode`] and [`FloatFormat::decode`] specify, at every SIMD level.

mod decode;
mod element;
mod encode;
pub mod exponent;
#[cfg(target_arch = "x86_64")]
pub(crate) mod half;
mod integer;
mod refuse;
mod run;
#[cfg(target_arch = "x86_64")]
mod short;
#[cfg(target_arch = "x86_64")]
mod table;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

use super::{FloatFormat, Rounding, Special};
use crate::error::{Error, Result};

pub use decode::Decoder;
pub use encode::Encoder;
pub use integer::Integer;
pub use run::{convert, copy, decode, encode};

/// What a code of at most 8 bits is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A float.
    Float(FloatFormat),
    /// E8M0.
    Exponent,
    /// An integer.
    Integer(Integer),
}

/// Whose codes for NaN and overflow are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// [`FloatFormat::encode`].
    Paretoserve,
    /// `ml_dtypes` 0.5 and 0.6: never saturates where there is infinity or NaN; NaN is the first quiet one, or negative
    /// zero where there is none; E8M0 has no zero.
    MlDtypes,
    /// torch from 2.13 on: E4M3FN saturates, the others overflow; E8M0 ignores the sign.
    Torch,
}

/// What NaN does to a format that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NanPolicy {
    /// An error that names the element.
    Raise,
    /// It becomes zero.
    Zero,
}

/// How numbers become codes.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether overflow becomes the largest number; of [`Rule::Paretoserve`] only.
    pub saturate: bool,
    /// How a number between two codes is rounded.
    pub rounding: Rounding,
    /// Key of stochastic rounding.
    pub seed: u64,
    /// NaN in a format without NaN; of [`Rule::Paretoserve`] only.
    pub nan: NanPolicy,
    /// Whose codes for NaN and overflow.
    pub rule: Rule,
    /// Number of threads, or as many as pay.
    pub threads: Option<NonZeroUsize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            saturate: true,
            rounding: Rounding::NearestEven,
            seed: 0,
            nan: NanPolicy::Raise,
            rule: Rule::Paretoserve,
            threads: None,
        }
    }
}

/// How E8M0 takes what is not a positive number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ExponentRule {
    saturate: bool,
    drop_sign: bool,
    zero_is_nan: bool,
}

impl Rule {
    /// The encoder of `format` under this rule.
    fn encoder(self, format: &FloatFormat, saturate: bool) -> Encoder {
        match self {
            Self::Paretoserve => Encoder::new(format, saturate),
            Self::Torch => Encoder::new(format, format.special == Special::Nan),
            Self::MlDtypes => {
                let encoder = Encoder::new(format, false);
                match format.special {
                    Special::Ieee if format.mantissa_bits > 0 => {
                        encoder.with_nan(format.largest() + 1 + (1 << (format.mantissa_bits - 1)))
                    }
                    Special::None => encoder.with_nan(format.sign_bit()),
                    _ => encoder,
                }
            }
        }
    }

    fn exponent(self, saturate: bool) -> ExponentRule {
        match self {
            Self::Paretoserve => ExponentRule { saturate, drop_sign: false, zero_is_nan: false },
            Self::MlDtypes => ExponentRule { saturate: false, drop_sign: false, zero_is_nan: true },
            Self::Torch => ExponentRule { saturate: false, drop_sign: true, zero_is_nan: false },
        }
    }
}

impl Scalar {
    /// Refuse a format that cannot be.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Float(format) => format.check(),
            Self::Integer(Integer { bits, .. }) if !(1..=8).contains(bits) => {
                Err(Error::value("format", "an integer of 1 to 8 bits", format!("{bits} bits")))
            }
            Self::Exponent | Self::Integer(_) => Ok(()),
        }
    }

    /// Bits of a code.
    pub fn bits(&self) -> u32 {
        match self {
            Self::Float(format) => format.bits(),
            Self::Exponent => 8,
            Self::Integer(integer) => integer.bits,
        }
    }

    /// What `code` stands for; bits above [`Self::bits`] are ignored.
    pub fn value(&self, code: u8) -> f32 {
        match self {
            Self::Float(format) => format.decode(code),
            Self::Exponent => f32::from_bits(exponent::decode(code)),
            Self::Integer(integer) => integer.decode(code),
        }
    }

    /// Whether a code stands for NaN.
    pub fn has_nan(&self) -> bool {
        match self {
            Self::Float(format) => format.nan().is_some(),
            Self::Exponent => true,
            Self::Integer(_) => false,
        }
    }
}
