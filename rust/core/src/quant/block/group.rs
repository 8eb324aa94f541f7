//! Integers in groups with a float scale: INT8 per row or group, INT4 and INT6 groups as GPTQ, AWQ and `FlexQ` do.
//!
//! Symmetric: scale = amax / (2^(b-1) - 1), code = round(x / scale) clipped to plus and minus 2^(b-1) - 1, stored as
//! two's complement for 8 bits and with 2^(b-1) added below. Asymmetric: scale = (max - min) / (2^b - 1) with 0 between
//! min and max, zero = round(-min / scale), code = round(x / scale) + zero. Divisions are divisions, not products with
//! a reciprocal, so that codes equal those of a reference.

use super::scaled::{Batch, Fit, INFINITY_BITS, Scaled, largest_bits};
use super::{Options, Rounding};
use crate::quant::source::{F32, Float};
use crate::random;
use crate::simd::{Avx2, Avx512, Level};
use crate::{Error, Result};
#[cfg(target_arch = "x86_64")]
use {
    super::{sink::PIECE, vectors, vectors512},
    crate::simd::with_features,
    vectors::CHECKED,
};

/// How a group's scale follows from its elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScaleRule {
    /// The largest magnitude becomes the largest code; the lowest code is not used.
    Amax,
    /// 2 amax / (2^b - 1), codes down to -2^(b-1): GPTQ's symmetric quantizer.
    Full,
    /// 2 clip / (2^b - 1) with this multiple of the group's root mean square as clip: `QuEST`.
    Rms(f32),
}

/// Integers of a group.
#[derive(Debug, Clone, Copy)]
pub struct Integers {
    bits: u32,
    asymmetric: bool,
    rule: ScaleRule,
    avx2: Option<Avx2>,
    avx512: Option<Avx512>,
}

impl Integers {
    /// Codes of 2 to 8 bits.
    pub fn new(bits: u32, asymmetric: bool, rule: ScaleRule) -> Result<Self> {
        if !(2..=8).contains(&bits) {
            return Err(Error::value("bits", "2 to 8", bits));
        }
        if asymmetric && rule != ScaleRule::Amax {
            return Err(Error::value("scale", "amax for a format with zero points", format_args!("{rule:?}")));
        }
        Ok(Self { bits, asymmetric, rule, avx2: None, avx512: None })
    }

    /// What is added to a symmetric code when it is stored.
    #[inline(always)]
    fn offset(self) -> i32 {
        if self.bits == 8 { 0 } else { 1 << (self.bits - 1) }
    }

    /// The largest code: symmetric, or unsigned.
    #[inline(always)]
    fn largest(self) -> i32 {
        (1 << if self.asymmetric { self.bits } else { self.bits - 1 }) - 1
    }

    #[inline(always)]
    fn least(self) -> i32 {
        match (self.asymmetric, self.rule) {
            (true, _) => 0,
            (false, ScaleRule::Full) => -self.largest() - 1,
            (false, _) => -self.largest(),
        }
    }
}

/// Added to a small number, leaves its nearest integer (ties to even) in the low bits.
const TO_INTEGER: f32 = 12_582_912.0;

/// How quotients become codes: clipped, rounded to nearest, plus an offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codes {
    pub(super) scale: f32,
    pub(super) least: f32,
    pub(super) most: f32,
    pub(super) offset: u8,
    /// Whether no quotient lies far beyond the ends under a scale that its dtype can hold.
    pub(super) bounded: bool,
}

impl Codes {
    #[inline(always)]
    fn encode(self, codes: &mut [u8], x: &[f32], (avx2, avx512): (Option<Avx2>, Option<Avx512>), ahead: &[u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = avx2 {
            let (chunks, rest) = x.as_chunks::<{ vectors::LANES }>();
            let (coded, coded_rest) = codes.as_chunks_mut::<{ vectors::LANES }>();
            if let Some(proof) = avx512.filter(|_| self.bounded && x.len() == PIECE) {
                let scales = [self.scale; PIECE / vectors::LANES / CHECKED];
                if with_features!(Avx512, proof, vectors512::encode_each(coded, chunks, &scales, CHECKED, self, ahead))
                {
                    return;
                }
            }
            with_features!(Avx2, proof, vectors::encode(coded, chunks, self, ahead));
            return self.divide(coded_rest, rest);
        }
        let _ = (avx2, avx512, ahead);
        self.divide(codes, x);
    }

    #[inline(always)]
    fn divide(self, codes: &mut [u8], x: &[f32]) {
        for (code, &value) in codes.iter_mut().zip(x) {
            let quotient = value / self.scale;
            let low = if quotient > self.least { quotient } else { self.least };
            let clipped = if low < self.most { low } else { self.most };
            *code = ((clipped + TO_INTEGER).to_bits() as u8).wrapping_add(self.offset);
        }
    }
}

impl Scaled for Integers {
    #[inline(always)]
    fn bits(&self) -> u32 {
        self.bits
    }

    fn at(self, level: Level) -> Self {
        Self { avx2: Avx2::at(level), avx512: Avx512::at(level), ..self }
    }

    #[inline(always)]
    fn fit(&self, x: &[f32]) -> Option<Fit> {
        if self.asymmetric {
            return self.fit_range(x);
        }
        let largest = self.largest_of(x);
        if largest >= INFINITY_BITS {
            return None;
        }
        let amax = f32::from_bits(largest);
        let scale = match self.rule {
            ScaleRule::Amax => amax / self.largest() as f32,
            ScaleRule::Full => amax / self.half(),
            ScaleRule::Rms(multiple) => multiple * super::quest::rms(x, amax) / self.half(),
        };
        Some(Fit { scale, least: 0.0 })
    }

    #[inline(always)]
    fn zero(&self, Fit { scale, least }: Fit) -> u8 {
        if !self.asymmetric {
            return 0;
        }
        (-least / scale).clamp(0.0, self.largest() as f32).round_ties_even() as u8
    }

    #[inline(always)]
    fn encode(&self, codes: &mut [u8], x: &[f32], scale: f32, zero: u8, options: &Options, key: u64) {
        self.encode_ahead(codes, x, scale, zero, options, key, &[]);
    }

    #[inline(always)]
    fn encode_ahead(
        &self,
        codes: &mut [u8],
        x: &[f32],
        scale: f32,
        zero: u8,
        options: &Options,
        key: u64,
        ahead: &[u8],
    ) {
        if options.rounding == Rounding::NearestEven {
            return Codes { scale, ..self.codes(zero) }.encode(codes, x, (self.avx2, self.avx512), ahead);
        }
        for (index, (code, &value)) in codes.iter_mut().zip(x).enumerate() {
            let word = match options.rounding {
                Rounding::Stochastic => random::word(options.seed, key + index as u64),
                _ => 0,
            };
            *code = self.stored(round(value / scale, options.rounding, word), zero);
        }
    }

    fn takes_several(&self, options: &Options) -> bool {
        let simple = !self.asymmetric && !matches!(self.rule, ScaleRule::Rms(_));
        cfg!(target_arch = "x86_64") && simple && self.avx2.is_some() && options.rounding == Rounding::NearestEven
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn several(&self, batch: Batch<'_>, round: impl Fn(&mut [f32])) -> bool {
        let Some(proof) = self.avx2 else { return false };
        let divisor = if self.rule == ScaleRule::Amax { self.largest() as f32 } else { self.half() };
        let Batch { codes, scales, x, run, ahead } = batch;
        let (codes, by, step) = (codes.as_chunks_mut().0, self.codes(0), run / vectors::LANES);
        let lanes = x.as_chunks().0;
        if let Some(proof) = self.avx512 {
            with_features!(Avx512, proof, vectors512::largest_of_each(scales, lanes, step));
        } else {
            with_features!(Avx2, proof, vectors::largest_of_each(scales, x.as_chunks().0.as_chunks().0, step));
        }
        for scale in &mut *scales {
            *scale /= divisor;
        }
        round(scales);
        if let Some(proof) = self.avx512 {
            return with_features!(Avx512, proof, vectors512::encode_each(codes, lanes, scales, step, by, ahead));
        }
        with_features!(Avx2, proof, vectors::encode_each(codes, lanes, scales, step, by, ahead))
    }

    #[inline(always)]
    fn blank(&self) -> u8 {
        if self.asymmetric { 0 } else { self.offset() as u8 }
    }

    #[inline(always)]
    fn decode<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scale: f32, zero: u8) {
        if !self.asymmetric && self.bits == 8 {
            return decode::<S>(out, codes, scale, |code| f32::from(code as i8));
        }
        let zero = if self.asymmetric { i32::from(zero) } else { self.offset() };
        decode::<S>(out, codes, scale, |code| (i32::from(code) - zero) as f32);
    }
}

#[inline(always)]
fn decode<S: Float>(out: &mut [S::Bits], codes: &[u8], scale: f32, number: impl Fn(u8) -> f32) {
    for (out, &code) in out.iter_mut().zip(codes) {
        *out = S::from_f32(number(code) * scale);
    }
}

impl Integers {
    /// The largest magnitude of `x` as bits.
    #[inline(always)]
    fn largest_of(&self, x: &[f32]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.avx512 {
            let (lanes, rest) = x.as_chunks();
            return with_features!(Avx512, proof, vectors512::largest_bits(lanes)).max(largest_bits::<F32>(rest));
        }
        largest_of(x, self.avx2)
    }

    /// Codes under scale 1. Clipping before rounding is clipping after it: the ends are integers.
    #[inline(always)]
    fn codes(&self, zero: u8) -> Codes {
        let (scale, offset) = (1.0, if self.asymmetric { zero } else { self.offset() as u8 });
        let least = if self.asymmetric { -f32::from(zero) } else { self.least() as f32 };
        let most = if self.asymmetric { self.largest() as f32 + least } else { self.largest() as f32 };
        Codes { scale, least, most, offset, bounded: !matches!(self.rule, ScaleRule::Rms(_)) }
    }

    /// Half of the largest unsigned code. Halving a divisor is exact and cannot overflow as doubling the dividend can.
    #[inline(always)]
    fn half(&self) -> f32 {
        ((1 << self.bits) - 1) as f32 * 0.5
    }

    /// The code of a rounded number that may lie beyond the ends.
    #[inline(always)]
    fn stored(self, whole: f32, zero: u8) -> u8 {
        let reach = 512.0;
        let code = whole.clamp(-reach, reach) as i32;
        if self.asymmetric {
            return (code + i32::from(zero)).clamp(0, self.largest()) as u8;
        }
        (code.clamp(self.least(), self.largest()) + self.offset()) as u8
    }
}

/// `value` to an integer by a rule other than nearest-even.
#[inline(always)]
fn round(value: f32, rounding: Rounding, word: u32) -> f32 {
    match rounding {
        Rounding::NearestEven => value.round_ties_even(),
        Rounding::HalfAway => value.round(),
        Rounding::Stochastic => {
            let whole = value.abs().floor();
            let fraction = f64::from(value.abs() - whole) * 4_294_967_296.0;
            (whole + f32::from(u8::from(u64::from(word) < fraction as u64))).copysign(value)
        }
    }
}

/// The order of the numbers as integers: also the inverse of itself.
#[inline(always)]
fn ordered(bits: i32) -> i32 {
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The largest magnitude of `x` as bits.
#[inline(always)]
pub(super) fn largest_of(x: &[f32], avx2: Option<Avx2>) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = avx2 {
        let (eights, rest) = x.as_chunks::<8>();
        return with_features!(Avx2, proof, vectors::largest_bits(eights)).max(largest_bits::<F32>(rest));
    }
    let _ = avx2;
    largest_bits::<F32>(x)
}

/// The least and greatest of 0 and the numbers of `x`, in their order as integers.
#[inline(always)]
fn range(x: &[f32]) -> (i32, i32) {
    x.iter().map(|value| ordered(value.to_bits() as i32)).fold((0, 0), |(low, high), key| (key.min(low), key.max(high)))
}

impl Integers {
    /// (max - min) over the largest code, and min, where 0 counts as an element.
    #[inline(always)]
    fn fit_range(&self, x: &[f32]) -> Option<Fit> {
        let (low, high) = self.range(x);
        let [least, greatest] = [low, high].map(|key| f32::from_bits(ordered(key) as u32));
        if !least.is_finite() || !greatest.is_finite() {
            return None;
        }
        let (range, most) = (greatest - least, self.largest() as f32);
        let scale = if range.is_finite() { range / most } else { (greatest * 0.5 - least * 0.5) / (most * 0.5) };
        Some(Fit { scale, least })
    }

    #[inline(always)]
    fn range(&self, x: &[f32]) -> (i32, i32) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.avx2 {
            let (eights, rest) = x.as_chunks::<8>();
            let (low, high) = with_features!(Avx2, proof, vectors::range(eights));
            let (rest_low, rest_high) = range(rest);
            return (low.min(rest_low), high.max(rest_high));
        }
        range(x)
    }
}
