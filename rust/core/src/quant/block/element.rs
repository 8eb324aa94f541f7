//! The numbers inside a block: a float format or a symmetric integer, with conversions that are slow and obvious.

use super::Rounding;
use crate::quant::format::{E2M1, E2M3, E3M2, E4M3FN, E5M2, FloatFormat};

/// What a code in a block means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// A float.
    Float(FloatFormat),
    /// A two's complement integer of so many bits, clipped to plus and minus 2^(bits - 1) - 1. With an `implied` scale
    /// the unit is 2^-(bits - 2), as in the MX standard, else 1.
    Int {
        /// Width.
        bits: u32,
        /// Whether the unit is 2^-(bits - 2).
        implied: bool,
    },
}

impl Element {
    /// The element of the MX format whose element is called `name` in Python.
    pub fn of_mx(name: &str) -> Option<Self> {
        let int = |bits| Self::Int { bits, implied: true };
        Some(match name {
            "e4m3fn" => Self::Float(E4M3FN),
            "e5m2" => Self::Float(E5M2),
            "e2m3" => Self::Float(E2M3),
            "e3m2" => Self::Float(E3M2),
            "e2m1" => Self::Float(E2M1),
            "int8" => int(8),
            "int6" => int(6),
            "int4" => int(4),
            _ => return None,
        })
    }

    /// Bits of a code.
    pub const fn bits(&self) -> u32 {
        match self {
            Self::Float(format) => format.bits(),
            Self::Int { bits, .. } => *bits,
        }
    }

    /// The largest magnitude.
    pub fn largest(&self) -> f32 {
        match self {
            Self::Float(format) => format.decode(format.largest()),
            Self::Int { bits, .. } => ((1 << (bits - 1)) - 1) as f32 * self.unit(),
        }
    }

    /// Bits after the leading one in the largest binade, by which the EVEN rule rounds.
    pub const fn mantissa_bits(&self) -> u32 {
        match self {
            Self::Float(format) => format.mantissa_bits,
            Self::Int { bits, .. } => *bits - 2,
        }
    }

    /// The value of an integer's step, 1 for floats.
    pub fn unit(&self) -> f32 {
        match self {
            Self::Int { bits, implied: true } => 1.0 / (1 << (bits - 2)) as f32,
            _ => 1.0,
        }
    }

    /// The value of `code`; bits above [`Self::bits`] are ignored. Exact.
    pub fn decode(&self, code: u8) -> f32 {
        match self {
            Self::Float(format) => format.decode(code),
            Self::Int { bits, .. } => {
                let shift = 8 - bits;
                f32::from((code << shift) as i8 >> shift) * self.unit()
            }
        }
    }

    /// The code nearest to `value`, which is not NaN; saturates.
    pub fn encode(&self, value: f32, rounding: Rounding, random: u32) -> u8 {
        match self {
            Self::Float(format) => format.encode(value, rounding, true, random).unwrap_or(0),
            Self::Int { bits, .. } => {
                let largest = ((1 << (bits - 1)) - 1) as f32;
                let scaled = (value / self.unit()).clamp(-largest, largest);
                (round_integer(scaled, rounding, random) as u8) & ((1_u32 << bits) - 1) as u8
            }
        }
    }
}

/// `value`, a small number, as an integer.
fn round_integer(value: f32, rounding: Rounding, random: u32) -> i32 {
    let whole = match rounding {
        Rounding::NearestEven => value.round_ties_even(),
        Rounding::HalfAway => value.round(),
        Rounding::Stochastic => {
            let magnitude = value.abs();
            let fraction = f64::from(magnitude - magnitude.floor()) * 4_294_967_296.0;
            let up = u64::from(random) < fraction as u64;
            (magnitude.floor() + f32::from(u8::from(up))).copysign(value)
        }
    };
    whole as i32
}
