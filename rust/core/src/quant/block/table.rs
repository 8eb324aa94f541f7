//! NF4: sixteen numbers that split a normal distribution evenly, scaled by the largest magnitude of a block (Dettmers
//! et al. 2023, "`QLoRA`"). Codes index the table; nearest entry, an exact tie goes to the lower one.

use super::scaled::{Fit, INFINITY_BITS, Scaled, largest_bits};
use super::{Options, Rounding};
use crate::quant::source::{F32, Float};
use crate::random;

/// The numbers, as bitsandbytes stores them.
#[expect(clippy::excessive_precision, reason = "the digits of the original")]
pub const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_800_998_687_7,
    -0.525_073_051_452_636_7,
    -0.394_917_488_098_144_53,
    -0.284_441_381_692_886_35,
    -0.184_773_430_228_233_34,
    -0.091_050_036_251_544_95,
    0.0,
    0.079_580_299_556_255_34,
    0.160_930_201_411_247_25,
    0.246_112_301_945_686_34,
    0.337_915_241_718_292_24,
    0.440_709_829_330_444_34,
    0.562_617_003_917_694_1,
    0.722_956_836_223_602_3,
    1.0,
];

/// For each entry but the first, the largest float32 at or below the middle between it and the one before: above it,
/// the entry is nearer.
const MIDDLES: [f32; 15] = middles();

const fn middles() -> [f32; 15] {
    let mut found = [0.0; 15];
    let mut index = 0;
    while index < 15 {
        let exact = (NF4[index] as f64 + NF4[index + 1] as f64) * 0.5;
        let nearest = exact as f32;
        found[index] = if nearest as f64 > exact { nearest.next_down() } else { nearest };
        index += 1;
    }
    found
}

/// The index of 0.
const ZERO: u8 = 7;

/// Blocks of NF4.
#[derive(Debug, Clone, Copy)]
pub struct Table;

impl Scaled for Table {
    #[inline(always)]
    fn bits(&self) -> u32 {
        4
    }

    #[inline(always)]
    fn fit(&self, x: &[f32]) -> Option<Fit> {
        let largest = largest_bits::<F32>(x);
        (largest < INFINITY_BITS).then(|| Fit { scale: f32::from_bits(largest), least: 0.0 })
    }

    #[inline(always)]
    fn encode(&self, codes: &mut [u8], x: &[f32], scale: f32, _zero: u8, options: &Options, key: u64) {
        if options.rounding == Rounding::Stochastic {
            for (index, (code, &value)) in codes.iter_mut().zip(x).enumerate() {
                *code = stochastic(value / scale, random::word(options.seed, key + index as u64));
            }
            return;
        }
        for (code, &value) in codes.iter_mut().zip(x) {
            let ratio = value / scale;
            *code = MIDDLES.iter().fold(0, |sum, &middle| sum + u32::from(ratio > middle)) as u8;
        }
    }

    #[inline(always)]
    fn blank(&self) -> u8 {
        ZERO
    }

    #[inline(always)]
    fn decode<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scale: f32, _zero: u8) {
        for (out, &code) in out.iter_mut().zip(codes) {
            *out = S::from_f32(NF4[usize::from(code & 0xF)] * scale);
        }
    }
}

/// The entry below `ratio` or the one above, with the probability of the distance.
fn stochastic(ratio: f32, word: u32) -> u8 {
    let below = NF4.iter().rposition(|&entry| entry <= ratio).unwrap_or(0);
    let Some(&above) = NF4.get(below + 1) else { return below as u8 };
    let fraction = (f64::from(ratio) - f64::from(NF4[below])) / (f64::from(above) - f64::from(NF4[below]));
    below as u8 + u8::from(f64::from(word) < fraction * 4_294_967_296.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::block::{Nan, descale, scaled};
    use crate::simd::{Level, levels};

    fn options(level: Level) -> Options {
        let threads = std::num::NonZeroUsize::new(1);
        let (rounding, nan) = (Rounding::NearestEven, Nan::Scale);
        Options { rounding, seed: 0, nan, columns: 64, logical_columns: 64, threads, level }
    }

    #[test]
    fn every_entry_survives_and_neighbors_of_the_middles_part() {
        for level in levels() {
            let mut x = [0.0; 64];
            x[..16].copy_from_slice(&NF4);
            for (index, middle) in MIDDLES.into_iter().enumerate() {
                x[16 + 2 * index] = middle;
                x[17 + 2 * index] = middle.next_up();
            }
            let (mut codes, mut scales, mut back) = ([0; 32], [0.0], [0.0; 64]);
            scaled::quantize::<F32, F32, _>(&mut codes, &mut scales, None, &x, Table, 64, &options(level)).unwrap();
            descale::dequantize::<F32, F32, _>(&mut back, &codes, &scales, None, Table, 64, 64, None, level).unwrap();
            assert_eq!(back[..16], NF4);
            for index in 0..15 {
                assert_eq!(back[16 + 2 * index..18 + 2 * index], NF4[index..index + 2], "{index}");
            }
        }
    }

    #[test]
    fn stochastic_rounding_is_the_entry_itself_or_a_neighbor() {
        for (index, entry) in NF4.into_iter().enumerate() {
            assert_eq!([stochastic(entry, 0), stochastic(entry, u32::MAX)], [index as u8; 2]);
        }
        let middle = 0.5 * (NF4[8] + NF4[9]);
        assert_eq!([stochastic(middle, 0x7FF0_0000), stochastic(middle, 0x8010_0000)], [9, 8]);
    }
}
