//! FP8 (E4M3FN) with float32 scales, as DeepSeek-V3 has it: runs of 128 for activations, and whole rows. Tiles of 128
//! by 128 for weights are in [`super::tiles`].
//!
//! scale = amax / 448, code = x / scale; a power of two above that where the engine wants exponents only (from V3.1
//! on).

use super::scale::{Rule, Shared, value as power};
use super::scaled::{Fit, INFINITY_BITS, Scaled, largest_bits};
use super::{Element, Options, Rounding};
use crate::quant::cast::{Decoder, Encoder};
use crate::quant::format::E4M3FN;
use crate::quant::source::{F32, Float};
use crate::random;

const ENCODER: Encoder = Encoder::new(&E4M3FN, true);
const DECODER: Decoder = Decoder::new(&E4M3FN);

/// The largest number.
const LARGEST: f32 = 448.0;

/// FP8 under a float scale.
#[derive(Debug, Clone, Copy)]
pub struct Fp8 {
    /// Whether scales are powers of two.
    pub powers: bool,
}

impl Fp8 {
    /// The scale of a block whose largest magnitude has these bits, finite; 1 for a block of zeros.
    #[inline(always)]
    pub(super) fn scale(self, largest: u32) -> f32 {
        if largest == 0 {
            1.0
        } else if self.powers {
            power(Shared::new(Rule::Rceil, &Element::Float(E4M3FN)).byte(largest))
        } else {
            f32::from_bits(largest) / LARGEST
        }
    }
}

impl Scaled for Fp8 {
    #[inline(always)]
    fn bits(&self) -> u32 {
        8
    }

    #[inline(always)]
    fn fit(&self, x: &[f32]) -> Option<Fit> {
        let largest = largest_bits::<F32>(x);
        (largest < INFINITY_BITS).then(|| Fit { scale: self.scale(largest), least: 0.0 })
    }

    #[inline(always)]
    fn encode(&self, codes: &mut [u8], x: &[f32], scale: f32, _zero: u8, options: &Options, key: u64) {
        encode(&ENCODER, codes, x, scale, options, key);
    }

    #[inline(always)]
    fn blank(&self) -> u8 {
        0
    }

    #[inline(always)]
    fn decode<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scale: f32, _zero: u8) {
        for (out, &code) in out.iter_mut().zip(codes) {
            *out = S::from_f32(f32::from_bits(DECODER.value(code)) * scale);
        }
    }
}

/// Codes of `x` under a scale that is not 0; random words start at that of `key`.
#[inline(always)]
pub(super) fn encode(encoder: &Encoder, codes: &mut [u8], x: &[f32], scale: f32, options: &Options, key: u64) {
    let both = codes.iter_mut().zip(x);
    match options.rounding {
        Rounding::NearestEven => {
            for (code, &value) in both {
                *code = encoder.nearest_even((value / scale).to_bits());
            }
        }
        Rounding::HalfAway => {
            for (code, &value) in both {
                *code = encoder.half_away((value / scale).to_bits());
            }
        }
        Rounding::Stochastic => {
            for (index, (code, &value)) in both.enumerate() {
                let word = random::word(options.seed, key + index as u64);
                *code = encoder.stochastic((value / scale).to_bits(), word);
            }
        }
    }
}
