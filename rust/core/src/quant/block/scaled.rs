//! Runs of numbers that share a float scale: what integer groups, FP8 groups and NF4 have in common.
//!
//! A format fits a scale to a run, the scale is rounded to the dtype in which it is stored, and the codes are computed
//! with that rounded scale. Codes are packed in the first-level cache and written in whole cache lines.

use super::sink::{PIECE, Packer};
use super::{Nan, Options, amax, replaced};
use crate::parallel;
use crate::quant::numbers::{Numbers, NumbersMut};
use crate::quant::source::Float;
use crate::simd::{Kernel, Level, dispatch, prefetch};
use crate::{Error, Result};

/// The bits of infinity: a larger or equal magnitude is not finite.
pub(crate) const INFINITY_BITS: u32 = 0x7F80_0000;

/// What a run's codes are computed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// The scale, at first exact, then rounded to its dtype.
    pub scale: f32,
    /// The least element, or 0 if that is less.
    pub least: f32,
}

/// Short runs in a row, with room for their codes and scales; without zero points.
pub struct Batch<'a> {
    /// Codes, as many as elements.
    pub codes: &'a mut [u8],
    /// One for each run.
    pub scales: &'a mut [f32],
    /// The elements.
    pub x: &'a [f32],
    /// Elements of a run.
    pub run: usize,
    /// What to ask for meanwhile.
    pub ahead: &'a [u8],
}

/// Runs up to this length are quantized together.
const SHORT: usize = PIECE / 2;

/// The most runs that are quantized together: [`PIECE`] elements in runs of 32.
pub(super) const MOST_RUNS: usize = PIECE / 32;

/// What is asked for while some are: as many bytes so many times further on.
const BATCHES_AHEAD: usize = 6;

/// Of a long run, this part of the next one is asked for while its scale is fitted, the rest while it is encoded.
const WHILE_FITTED: usize = 4;

/// Runs up to this length are asked for ahead of time: more would not stay in the cache.
const AHEAD: usize = 1 << 16;

/// A format whose runs have a float scale and perhaps a zero point.
pub trait Scaled: Copy + Send + Sync {
    /// Bits of a code.
    fn bits(&self) -> u32;
    /// The format as it runs at `level`.
    #[must_use]
    fn at(self, level: Level) -> Self {
        let _ = level;
        self
    }
    /// The scale of `x`, before it is rounded to its dtype; none if `x` is not finite.
    fn fit(&self, x: &[f32]) -> Option<Fit>;
    /// The zero point under the stored scale.
    fn zero(&self, _fit: Fit) -> u8 {
        0
    }
    /// Codes of `x`, whose random words start at that of `key`; `scale` is not 0.
    fn encode(&self, codes: &mut [u8], x: &[f32], scale: f32, zero: u8, options: &Options, key: u64);
    /// As [`Scaled::encode`]; asks for `ahead` to be in the cache meanwhile, a bit with every step.
    #[expect(clippy::too_many_arguments, reason = "those of the plain one and what comes next")]
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
        prefetch(ahead);
        self.encode(codes, x, scale, zero, options, key);
    }
    /// Whether [`Scaled::several`] is there.
    fn takes_several(&self, _options: &Options) -> bool {
        false
    }
    /// Quantize short runs at once, under scales that `round` made what is stored. False if one of them needs more care
    /// than that; what was written does not count then.
    #[inline(always)]
    fn several(&self, _batch: Batch<'_>, _round: impl Fn(&mut [f32])) -> bool {
        false
    }
    /// The code of 0 where the scale is 0 or NaN.
    fn blank(&self) -> u8;
    /// The numbers that `codes` stand for.
    fn decode<S: Float>(&self, out: &mut [S::Bits], codes: &[u8], scale: f32, zero: u8);
}

/// How a matrix is cut into runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Elements of the least part whose codes end at a byte: a run, or a row.
    pub(super) elements: usize,
    pub(super) runs: usize,
    pub(super) bytes: usize,
    /// Whether the codes of units follow each other without gaps.
    pub(super) dense: bool,
}

/// Bytes of a row of `columns` codes of `bits` bits.
#[inline(always)]
pub const fn row_bytes(columns: usize, bits: u32) -> usize {
    (columns * bits as usize).div_ceil(8)
}

fn unit(columns: usize, run: usize, bits: u32) -> Unit {
    let whole = columns.is_multiple_of(run) && (run * bits as usize).is_multiple_of(8);
    let elements = if whole { run } else { columns };
    let dense = (elements * bits as usize).is_multiple_of(8);
    Unit { elements, runs: elements.div_ceil(run), bytes: row_bytes(elements, bits), dense }
}

/// Units per thread, at least 1.
#[inline(always)]
pub(crate) fn parts(units: usize, threads: usize) -> usize {
    units.div_ceil(threads.max(1)).max(1)
}

/// Check sizes: room for codes, scales and zero points. The last run of a row may be short. Returns the layout.
pub(super) fn check(
    elements: usize,
    columns: usize,
    run: usize,
    bits: u32,
    lengths: (usize, usize, Option<usize>),
) -> Result<Unit> {
    if run == 0 || columns == 0 || !elements.is_multiple_of(columns) {
        return Err(Error::shape("x", format_args!("(rows, {columns}) in blocks of {run}"), elements));
    }
    let unit = unit(columns, run, bits);
    let (codes, scales, zeros) = lengths;
    let units = elements / unit.elements;
    if codes != units * unit.bytes {
        return Err(Error::shape("codes", units * unit.bytes, codes));
    }
    for (argument, length) in [("scales", Some(scales)), ("zeros", zeros)] {
        if let Some(length) = length.filter(|&length| length != units * unit.runs) {
            return Err(Error::shape(argument, units * unit.runs, length));
        }
    }
    Ok(unit)
}

/// Quantize `x`, rows of `options.columns` elements, in runs of `run`. `F` is the dtype of the scales; `zeros` is there
/// for formats with zero points.
pub fn quantize<S: Float, F: Float, K: Scaled>(
    codes: &mut [u8],
    scales: &mut [F::Bits],
    zeros: Option<&mut [u8]>,
    x: &[S::Bits],
    format: K,
    run: usize,
    options: &Options,
) -> Result<()> {
    let lengths = (codes.len(), scales.len(), zeros.as_ref().map(|zeros| zeros.len()));
    let unit = check(x.len(), options.columns, run, format.bits(), lengths)?;
    if options.nan == Nan::Raise {
        amax::check_finite::<S>(x, options)?;
    }
    let each = parts(x.len() / unit.elements, parallel::num_threads(options.threads, size_of_val(x)));
    quantize_parts(codes, F::numbers_mut(scales), zeros, S::numbers(x), format, run, unit, each, options);
    Ok(())
}

/// Quantize parts of `each` units on threads. Not generic over dtypes: copies of the loop would fill megabytes.
#[expect(clippy::too_many_arguments, reason = "outputs, input, format, sizes, options")]
fn quantize_parts<K: Scaled>(
    codes: &mut [u8],
    scales: NumbersMut<'_>,
    zeros: Option<&mut [u8]>,
    x: Numbers<'_>,
    format: K,
    run: usize,
    unit: Unit,
    each: usize,
    options: &Options,
) {
    let (total, format) = (codes.len(), format.at(options.level));
    let mut zero_parts = zeros.map(|zeros| zeros.chunks_mut(each * unit.runs));
    let outputs = codes.chunks_mut(each * unit.bytes).zip(scales.chunks(each * unit.runs));
    let work: Vec<_> = x
        .chunks(each * unit.elements)
        .zip(outputs)
        .enumerate()
        .map(|(part, (x, (codes, scales)))| {
            let zeros = zero_parts.as_mut().and_then(Iterator::next);
            let first = part * each * unit.elements;
            Quantize { codes, scales, zeros, x, format, run, unit, options, first, total }
        })
        .collect();
    parallel::each(work, |part| dispatch(options.level, part));
}

struct Quantize<'a, K: Scaled> {
    codes: &'a mut [u8],
    scales: NumbersMut<'a>,
    zeros: Option<&'a mut [u8]>,
    x: Numbers<'a>,
    format: K,
    run: usize,
    unit: Unit,
    options: &'a Options,
    /// Index of the first element in the whole matrix.
    first: usize,
    /// Bytes of all codes.
    total: usize,
}

impl<K: Scaled> Kernel for Quantize<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let in_place = matches!(self.x, Numbers::F32(_));
        let mut scratch = vec![0.0; if in_place { 0 } else { self.run.min(self.unit.elements).max(PIECE) }];
        let mut packer =
            Packer::new(std::mem::take(&mut self.codes), self.format.bits(), self.total, self.options.level);
        let short = self.run <= SHORT && self.unit.elements == self.run && self.run.is_multiple_of(32);
        let (mut at, mut one_by_one) =
            (0, if short && self.format.takes_several(self.options) { 0 } else { usize::MAX });
        while at < self.x.len() {
            if at >= one_by_one {
                let count = self.run * (PIECE / self.run).min((self.x.len() - at) / self.run);
                if self.several(&mut packer, &mut scratch, at, count) {
                    at += count;
                    continue;
                }
                one_by_one = at + count;
            }
            let column = at % self.unit.elements;
            let count = self.run.min(self.unit.elements - column);
            let index = at / self.unit.elements * self.unit.runs + column / self.run;
            let next = if count > SHORT && count <= AHEAD { at + count..at + 2 * count } else { 0..0 };
            let while_fitted = next.start + next.len() / WHILE_FITTED;
            prefetch(self.x.within(next.start..while_fitted).bytes());
            let next = self.x.within(while_fitted..next.end);
            let x = self.x.within(at..at + count).widened(&mut scratch);
            let flat = self.first + at;
            let clean;
            let (fit, x) = if let Some(fit) = self.format.fit(x) {
                (Some(fit), x)
            } else {
                clean = self.clean(x);
                (clean.0, &*clean.1)
            };
            let (scale, zero) = if let Some(fit) = fit {
                self.encode(&mut packer, x, fit, flat, next)
            } else {
                packer.fill(self.format.blank(), x.len());
                (f32::NAN, self.format.blank())
            };
            self.scales.put(index, &[scale]);
            if let Some(zeros) = &mut self.zeros {
                zeros[index] = zero;
            }
            at += count;
            if !self.unit.dense && at.is_multiple_of(self.unit.elements) {
                packer.end_row();
            }
        }
        packer.finish();
    }
}

impl<K: Scaled> Quantize<'_, K> {
    /// Handle the short runs in `count` elements from `at` on at once; false if that cannot be, and nothing is done.
    #[inline(always)]
    fn several(&mut self, packer: &mut Packer<'_>, scratch: &mut [f32], at: usize, count: usize) -> bool {
        let (runs, first) = (count / self.run, at / self.run);
        let x = self.x.within(at..at + count).widened(scratch);
        let mut scales = [0.0; MOST_RUNS];
        let ahead = at + BATCHES_AHEAD * count;
        let ahead = self.x.within(ahead..ahead + count).bytes();
        let batch = Batch { codes: packer.next(count), scales: &mut scales[..runs], x, run: self.run, ahead };
        if !self.format.several(batch, |scales| self.scales.round(scales)) {
            packer.take_back(count);
            return false;
        }
        self.scales.put(first, &scales[..runs]);
        true
    }

    /// The codes of a run that starts at element `flat` of the matrix; its scale as it is stored, its zero point.
    #[inline(always)]
    fn encode(&self, packer: &mut Packer<'_>, x: &[f32], fit: Fit, flat: usize, next: Numbers<'_>) -> (f32, u8) {
        // A scale beyond the dtype would decode to infinity and NaN; the largest one saturates the codes instead.
        let mut stored = [fit.scale];
        self.scales.round(&mut stored);
        let [scale] = stored;
        if scale == 0.0 {
            packer.fill(self.format.blank(), x.len());
            return (scale, self.format.blank());
        }
        let zero = self.format.zero(Fit { scale, ..fit });
        let mut key = self.options.key(flat);
        for (index, x) in x.chunks(PIECE).enumerate() {
            // Memory would idle while codes are computed: ask for the next run meanwhile.
            let ahead = next.within(index * PIECE..(index + 1) * PIECE).bytes();
            self.format.encode_ahead(packer.next(x.len()), x, scale, zero, self.options, key, ahead);
            key += x.len() as u64;
        }
        (scale, zero)
    }

    /// A run with NaN or infinity: the finite numbers that stand for them and their scale, or none.
    #[cold]
    #[inline(never)]
    fn clean(&self, x: &[f32]) -> (Option<Fit>, Vec<f32>) {
        let largest = self.x.largest();
        let clean: Vec<f32> = x.iter().map(|&value| replaced(value, largest)).collect();
        (if self.options.nan == Nan::Zero { self.format.fit(&clean) } else { None }, clean)
    }
}

/// The largest magnitude of `x` as float32 bits; NaN counts as larger than infinity.
#[inline(always)]
pub(crate) fn largest_bits<S: Float>(x: &[S::Bits]) -> u32 {
    x.iter().fold(0, |most, &bits| most.max(S::to_f32(bits).to_bits() & 0x7FFF_FFFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_end_inside_a_byte_make_the_row_the_unit() {
        let of = |unit: Unit| (unit.elements, unit.runs, unit.bytes, unit.dense);
        assert_eq!(of(unit(30, 5, 4)), (30, 6, 15, true));
        assert_eq!(of(unit(30, 10, 4)), (10, 1, 5, true));
        assert_eq!(of(unit(15, 5, 3)), (15, 3, 6, false));
        assert_eq!(of(unit(300, 128, 8)), (300, 3, 300, true));
    }
}
