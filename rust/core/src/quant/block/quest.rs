//! `QuEST`'s scale: a multiple of the root mean square in place of the largest magnitude, so that what is rare is
//! clipped (Panferov et al. 2025, arXiv 2502.05003); for MXFP4 as Quartet uses it (Castro et al. 2025, arXiv
//! 2505.14669).
//!
//! The sum of squares is float32 in a fixed order that lanes and warps can follow: elements are scaled by the power of
//! two at or below the largest magnitude, so that no square overflows; then element i of each run of 32 adds to lane i,
//! and lanes are added in halves: i and i + 16, i and i + 8, and so on.

use super::mx::BLOCK;
use super::scale::{NAN, unscale};
use super::scaled::{INFINITY_BITS, largest_bits};
use super::{Element, Nan, Options, Rounding, amax, check_sizes, finite, split};
use crate::quant::pack::pack_codes;
use crate::quant::source::{F32, Float};
use crate::random;
use crate::{Result, parallel};

/// How the power of two is chosen from the ideal scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerRounding {
    /// The nearest logarithm: up above 2^k sqrt(2). The error of the paper.
    Round,
    /// At or below, as the authors' code does.
    Floor,
    /// At or above.
    Ceil,
}

/// A power of two at or below `amax`, exactly; 1 for 0 and the least normal number for subnormal ones.
#[inline(always)]
fn binade(amax: f32) -> f32 {
    if amax == 0.0 {
        return 1.0;
    }
    f32::from_bits((amax.to_bits() & INFINITY_BITS).max(0x0080_0000))
}

/// The root mean square of `x` whose largest magnitude is `amax`, divided by `binade(amax)`.
#[inline(always)]
fn relative_rms(x: &[f32], amax: f32) -> f32 {
    // Two factors: the reciprocal of the largest binade is subnormal.
    let binade = binade(amax);
    let (first, second) = if binade > 1.0 { (0.5, 2.0 / binade) } else { (1.0, 1.0 / binade) };
    let mut lanes = [0.0_f32; 32];
    for run in x.chunks(32) {
        for (lane, &value) in lanes.iter_mut().zip(run) {
            let value = value * first * second;
            *lane += value * value;
        }
    }
    for half in [16, 8, 4, 2, 1] {
        for index in 0..half {
            lanes[index] += lanes[index + half];
        }
    }
    (lanes[0] / x.len() as f32).sqrt()
}

/// The root mean square of `x`, whose largest magnitude is `amax`.
#[inline(always)]
pub fn rms(x: &[f32], amax: f32) -> f32 {
    relative_rms(x, amax) * binade(amax)
}

/// The scale byte of a block by `QuEST`: the ideal scale is `ratio` times the root mean square. A block of zeros gives
/// 0, one with NaN or infinity 255.
#[inline(always)]
pub fn quest_exponent(x: &[f32], ratio: f32, rounding: PowerRounding) -> u8 {
    let bits = largest_bits::<F32>(x);
    if bits >= INFINITY_BITS {
        return 0xFF;
    }
    if bits == 0 {
        return 0;
    }
    let amax = f32::from_bits(bits);
    let scale = (relative_rms(x, amax) * ratio).to_bits();
    let mantissa = scale & 0x7F_FFFF;
    // The mantissa of the float32 below sqrt(2), which is irrational, so that there are no ties.
    let up = match rounding {
        PowerRounding::Round => mantissa > 0x35_04F3,
        PowerRounding::Floor => false,
        PowerRounding::Ceil => mantissa > 0,
    };
    let exponent = (scale >> 23) as i32 - 127 + i32::from(up);
    let block = (binade(amax).to_bits() >> 23) as i32;
    (block + exponent).clamp(0, 254) as u8
}

/// How `QuEST` chooses the scales of MX blocks.
#[derive(Debug, Clone, Copy)]
pub struct Quest {
    /// The ideal scale as a multiple of the root mean square.
    pub ratio: f32,
    /// How it becomes a power of two.
    pub power: PowerRounding,
}

/// Quantize `x`, a matrix whose rows are whole MX blocks, under `QuEST`'s scales; as [`super::mx::quantize`] otherwise.
pub fn quantize<S: Float>(
    codes: &mut [u8],
    scales: &mut [u8],
    x: &[S::Bits],
    element: Element,
    quest: Quest,
    options: &Options,
) -> Result<()> {
    let per_block = BLOCK * element.bits() as usize / 8;
    check_sizes(x.len(), options.columns, BLOCK, (codes.len(), per_block), scales.len())?;
    if options.nan == Nan::Raise {
        amax::check_finite::<S>(x, options)?;
    }
    let each = split(scales.len(), options.threads, size_of_val(x));
    let x = x.chunks(each * BLOCK).enumerate();
    let parts: Vec<_> = x.zip(codes.chunks_mut(each * per_block)).zip(scales.chunks_mut(each)).collect();
    parallel::each(parts, |(((part, x), codes), scales)| {
        let blocks = x.as_chunks::<BLOCK>().0.iter().zip(codes.chunks_exact_mut(per_block)).zip(scales);
        for (index, ((x, codes), scale)) in blocks.enumerate() {
            *scale = block::<S>(codes, x, element, quest, options, (part * each + index) * BLOCK);
        }
    });
    Ok(())
}

fn block<S: Float>(
    codes: &mut [u8],
    x: &[S::Bits; BLOCK],
    element: Element,
    quest: Quest,
    options: &Options,
    first: usize,
) -> u8 {
    let mut values = x.map(S::to_f32);
    if options.nan == Nan::Zero {
        values = values.map(finite::<S>);
    }
    let byte = quest_exponent(&values, quest.ratio, quest.power);
    if byte == NAN {
        codes.fill(0);
        return NAN;
    }
    let mut unpacked = [0; BLOCK];
    for (at, (code, &value)) in unpacked.iter_mut().zip(&values).enumerate() {
        let word = match options.rounding {
            Rounding::Stochastic => random::word(options.seed, options.key(first + at)),
            _ => 0,
        };
        *code = element.encode(unscale(value, byte), options.rounding, word);
    }
    pack_codes(codes, &unpacked, element.bits(), options.level);
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_mean_square_of_extremes_is_finite() {
        for value in [f32::MAX, 1.0, 1e-30, f32::MIN_POSITIVE] {
            let ratio = rms(&[value; 32], value) / value;
            assert!((ratio - 1.0).abs() < 1e-6, "{value} {ratio}");
        }
    }

    const RATIO: f32 = 2.922_478_6 / 6.0;

    #[test]
    fn exponents_follow_the_chosen_rounding() {
        // rms 1, ideal scale 2.92 / 6 = 0.487: between 2^-2 and 2^-1, nearer to 2^-1.
        let byte = |rounding| quest_exponent(&[1.0; 32], RATIO, rounding);
        assert_eq!([PowerRounding::Round, PowerRounding::Floor, PowerRounding::Ceil].map(byte), [126, 125, 126]);
        assert_eq!(quest_exponent(&[0.0; 32], RATIO, PowerRounding::Round), 0);
        assert_eq!(quest_exponent(&[f32::NAN; 32], RATIO, PowerRounding::Round), 255);
    }
}
