//! Scalar casts: `cuda/kernels/quant_cast.cu`.

use super::{Rounding, Wide};
use crate::error::Result;
use crate::launch::Argument::{I32, Pointer, U32, U64};
use crate::launch::{Grid, Stream, launch};

/// What a scalar code is, by the numbers of `cast.cuh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Sign, exponent, mantissa.
    Float = 0,
    /// A bare power of two.
    Exponent = 1,
    /// Two's complement.
    Signed = 2,
    /// From 0 on.
    Unsigned = 3,
}

/// What the topmost codes of a float mean, by the numbers of `formats.cuh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Special {
    /// Infinity and NaN.
    Ieee = 0,
    /// NaN only.
    Nan = 1,
    /// NaN in place of negative zero.
    NanAtNegativeZero = 2,
    /// Numbers.
    None = 3,
}

/// Whose codes for NaN and overflow are made, by the numbers of `cast.cuh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Rule {
    /// Ours.
    Paretoserve = 0,
    /// Those of `ml_dtypes`.
    MlDtypes = 1,
    /// Those of torch.
    Torch = 2,
}

/// A scalar format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar {
    /// What a code is.
    pub kind: Kind,
    /// Width of an integer.
    pub bits: u32,
    /// Of a float.
    pub exponent_bits: u32,
    /// Of a float.
    pub mantissa_bits: u32,
    /// Of a float.
    pub bias: i32,
    /// Of a float.
    pub signed: bool,
    /// Of a float.
    pub special: Special,
}

impl Scalar {
    /// All but the bias in one word, as `make_cast` reads it.
    fn layout(&self) -> u32 {
        self.exponent_bits
            | self.mantissa_bits << 4
            | u32::from(self.signed) << 8
            | (self.special as u32) << 9
            | (self.kind as u32) << 11
            | self.bits << 13
    }
}

/// How numbers become codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether infinity and what rounds beyond the largest number become the largest number.
    pub saturate: bool,
    /// Whose codes for NaN and overflow.
    pub rule: Rule,
    /// Which of the two nearest codes.
    pub rounding: Rounding,
    /// Key of the random words.
    pub seed: u64,
}

/// Numbers of one kernel's thread and round.
const PER_THREAD: u64 = 8;

/// Fill `codes`, one byte each, from `count` numbers at `x`.
///
/// The index of the first NaN goes to the u64 at `first_nan`, which must hold the largest u64 before, unless that is 0.
pub fn encode(
    at: Stream<'_>,
    [codes, first_nan, x]: [u64; 3],
    wide: Wide,
    count: u64,
    format: &Scalar,
    options: &Options,
) -> Result<()> {
    let entry = format!("paretoserve_quant_encode_{}", wide.suffix());
    let arguments = [
        Pointer(codes),
        Pointer(first_nan),
        Pointer(x),
        U64(count),
        U32(format.layout()),
        I32(format.bias),
        U32(options.saturate.into()),
        U32(options.rule as u32),
        U32(options.rounding as u32),
        U64(options.seed),
    ];
    launch(&entry, at, Grid::Stride(count.div_ceil(PER_THREAD), 256), &arguments)
}

/// Fill `count` numbers at `out` with what the codes stand for, one byte each.
pub fn decode(at: Stream<'_>, [out, codes]: [u64; 2], wide: Wide, count: u64, format: &Scalar) -> Result<()> {
    let entry = format!("paretoserve_quant_decode_{}", wide.suffix());
    let arguments = [Pointer(out), Pointer(codes), U64(count), U32(format.layout()), I32(format.bias)];
    launch(&entry, at, Grid::Stride(count.div_ceil(PER_THREAD), 256), &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_has_a_place_for_each_field() {
        let e4m3fn = Scalar {
            kind: Kind::Float,
            bits: 8,
            exponent_bits: 4,
            mantissa_bits: 3,
            bias: 7,
            signed: true,
            special: Special::Nan,
        };
        assert_eq!(e4m3fn.layout(), 4 | 3 << 4 | 1 << 8 | 1 << 9 | 8 << 13);
        let uint3 = Scalar {
            kind: Kind::Unsigned,
            bits: 3,
            exponent_bits: 0,
            mantissa_bits: 0,
            bias: 0,
            signed: false,
            special: Special::None,
        };
        assert_eq!(uint3.layout(), 3 << 9 | 3 << 11 | 3 << 13);
    }
}
