//! Floats of 5 and 6 bits under a float scale per row or run, as FP6-LLM stores weights: no NaN, no infinity.
//!
//! scale = amax / largest, rounded to the dtype in which it is stored; code = x / scale, saturating. Peers divide by
//! the scale before it is rounded; dividing by the one that is stored errs less.

use super::Options;
use super::fp8::encode;
use super::scaled::{Fit, INFINITY_BITS, Scaled, largest_bits};
use crate::quant::cast::{Decoder, Encoder};
use crate::quant::format::{E3M2, FloatFormat, Special};
use crate::quant::source::{F32, Float};
use crate::{Error, Result};

/// Five bits, largest 7: what FP6-LLM has beside `E3M2`.
pub const E2M2: FloatFormat =
    FloatFormat { exponent_bits: 2, mantissa_bits: 2, bias: 1, signed: true, special: Special::None };

/// A float format under a float scale.
#[derive(Debug, Clone, Copy)]
pub struct Minifloat {
    bits: u32,
    largest: f32,
    encoder: Encoder,
    decoder: Decoder,
}

impl Minifloat {
    /// The format called `element`.
    pub fn new(element: &str) -> Result<Self> {
        let format = match element {
            "e3m2" => E3M2,
            "e2m2" => E2M2,
            other => return Err(Error::value("element", "e3m2 or e2m2", other)),
        };
        Ok(Self {
            bits: format.bits(),
            largest: format.decode(format.largest()),
            encoder: Encoder::new(&format, true),
            decoder: Decoder::new(&format),
        })
    }
}

impl Scaled for Minifloat {
    #[inline(always)]
    fn bits(&self) -> u32 {
        self.bits
    }

    #[inline(always)]
    fn fit(&self, x: &[f32]) -> Option<Fit> {
        let largest = largest_bits::<F32>(x);
        let scale = if largest == 0 { 1.0 } else { f32::from_bits(largest) / self.largest };
        (largest < INFINITY_BITS).then_some(Fit { scale, least: 0.0 })
    }

    #[inline(always)]
    fn encode(&self, codes: &mut [u8], x: &[f32], scale: f32, _zero: u8, options: &Options, key: u64) {
        encode(&self.encoder, codes, x, scale, options, key);
    }

    #[inline(always)]
    fn blank(&self) -> u8 {
        0
    }

    #[inline(always)]
    fn decode<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scale: f32, _zero: u8) {
        for (out, &code) in out.iter_mut().zip(codes) {
            *out = S::from_f32(f32::from_bits(self.decoder.value(code)) * scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::block::{Nan, Rounding, descale, scaled};
    use crate::quant::source::F16;
    use crate::simd::levels;

    #[test]
    fn every_number_survives_at_every_level() {
        for (element, format) in [("e3m2", E3M2), ("e2m2", E2M2)] {
            let (bits, kind) = (format.bits() as usize, Minifloat::new(element).unwrap());
            let x: Vec<f32> = (0..64).map(|code| format.decode(code & ((1 << bits) - 1)) * 0.5).collect();
            for level in levels() {
                let threads = std::num::NonZeroUsize::new(1);
                let (rounding, nan) = (Rounding::NearestEven, Nan::Scale);
                let options = Options { rounding, seed: 0, nan, columns: 64, logical_columns: 64, threads, level };
                let (mut codes, mut scales, mut back) = (vec![0; 8 * bits], [0], [0.0; 64]);
                scaled::quantize::<F32, F16, _>(&mut codes, &mut scales, None, &x, kind, 64, &options).unwrap();
                assert_eq!(scales[0], F16::from_f32(0.5));
                descale::dequantize::<F32, F16, _>(&mut back, &codes, &scales, None, kind, 64, 64, None, level)
                    .unwrap();
                assert_eq!(back[..], x);
            }
        }
        assert!(Minifloat::new("e4m3fn").is_err());
    }
}
