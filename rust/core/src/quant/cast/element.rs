//! What the loops over arrays repeat: one float32 to a code, one code to a float32.

use super::{Decoder, Encoder, ExponentRule, Integer, exponent};
use crate::quant::Rounding;
use crate::quant::format::{E2M1, E4M3FN, E5M2};

/// The bits of a float32 to a code.
pub(super) trait Encode: Copy + Sync {
    /// As [`crate::simd::Kernel::AVX512`].
    const AVX512: bool = true;

    fn code(&self, bits: u32) -> u8;
}

/// The bits of a float32 and a random word to a code.
pub(super) trait EncodeRandom: Copy + Sync {
    fn code(&self, bits: u32, random: u32) -> u8;
}

/// A code to the bits of a float32.
pub(super) trait Decode: Copy + Sync {
    fn value(&self, code: u8) -> u32;
}

/// The constants of a float format, computed when a call is made or known to the compiler.
pub(super) trait Constants: Copy + Sync {
    fn encoder(&self) -> Encoder;
}

impl Constants for Encoder {
    #[inline(always)]
    fn encoder(&self) -> Encoder {
        *self
    }
}

/// A format that the compiler knows: its loops take half the instructions of others.
macro_rules! known {
    ($($name:ident: $format:ident, $saturate:literal;)*) => {$(
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name;
        impl $name {
            pub(super) const ENCODER: Encoder = Encoder::new(&$format, $saturate);
        }
        impl Constants for $name {
            #[inline(always)]
            fn encoder(&self) -> Encoder {
                Self::ENCODER
            }
        }
    )*};
}

known! {
    KnownE4m3fn: E4M3FN, true;
    KnownE5m2: E5M2, true;
    KnownE5m2Infinite: E5M2, false;
    KnownE2m1: E2M1, true;
}

/// Round to nearest even.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest<T>(pub(super) T);

/// Round to nearest, ties away from zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct HalfAway<T>(pub(super) T);

impl<C: Constants> Encode for Nearest<C> {
    #[inline(always)]
    fn code(&self, bits: u32) -> u8 {
        self.0.encoder().nearest_even(bits)
    }
}

impl Encode for HalfAway<Encoder> {
    const AVX512: bool = false;

    #[inline(always)]
    fn code(&self, bits: u32) -> u8 {
        self.0.half_away(bits)
    }
}

impl Encode for ExponentRule {
    const AVX512: bool = false;

    #[inline(always)]
    fn code(&self, bits: u32) -> u8 {
        let bits = if self.drop_sign { bits & 0x7FFF_FFFF } else { bits };
        let nan = self.zero_is_nan && bits << 1 == 0;
        exponent::encode(bits, self.saturate) | if nan { 255 } else { 0 }
    }
}

/// E8M0 by our rule, saturating: as above, with what the compiler knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct SaturatingPower;

impl Encode for SaturatingPower {
    #[inline(always)]
    fn code(&self, bits: u32) -> u8 {
        exponent::encode(bits, true)
    }
}

/// Integers, ties to even.
#[derive(Debug, Clone, Copy)]
pub(super) struct NearestInteger(pub(super) Integer);

impl Encode for NearestInteger {
    #[inline(always)]
    fn code(&self, bits: u32) -> u8 {
        self.0.encode(f32::from_bits(bits), Rounding::NearestEven, 0)
    }
}

impl Encode for HalfAway<Integer> {
    const AVX512: bool = false;

    #[inline(always)]
    fn code(&self, bits: u32) -> u8 {
        self.0.encode(f32::from_bits(bits), Rounding::HalfAway, 0)
    }
}

impl EncodeRandom for Encoder {
    #[inline(always)]
    fn code(&self, bits: u32, random: u32) -> u8 {
        self.stochastic(bits, random)
    }
}

impl EncodeRandom for Integer {
    #[inline(always)]
    fn code(&self, bits: u32, random: u32) -> u8 {
        self.encode(f32::from_bits(bits), Rounding::Stochastic, random)
    }
}

/// E8M0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power;

impl Decode for Decoder {
    #[inline(always)]
    fn value(&self, code: u8) -> u32 {
        Decoder::value(self, code)
    }
}

impl Decode for Power {
    #[inline(always)]
    fn value(&self, code: u8) -> u32 {
        exponent::decode(code)
    }
}

impl Decode for Integer {
    #[inline(always)]
    fn value(&self, code: u8) -> u32 {
        self.decode(code).to_bits()
    }
}
