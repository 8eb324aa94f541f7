//! Loops over arrays: one body per direction, compiled per SIMD level, split over threads, streamed around the cache.

use std::marker::PhantomData;
use std::num::NonZeroUsize;

use super::{Decoder, Encoder, ExponentRule, Integer, NanPolicy, Options, Rule, Scalar, exponent};
use crate::error::{Error, Result};
use crate::parallel;
use crate::quant::random::philox;
use crate::quant::{Float, Rounding};
use crate::simd::{self, Kernel, Level, Plain};

/// Elements made in the first-level cache before they are stored; divisible by 4, the words of a random block.
const PIECE: usize = 4096;

/// Write the codes of `x` to `out`, one per byte.
///
/// # Errors
/// If the lengths differ, the format cannot be, or there is a NaN (or a negative number) that the format cannot hold
/// and the policy is to raise: nothing is written then.
pub fn encode<S: Float>(out: &mut [u8], x: &[S::Bits], format: Scalar, options: &Options) -> Result<()> {
    encode_at::<S>(simd::level(), out, x, format, options)
}

/// Write the numbers that `codes`, one per byte, stand for to `out`, rounded to nearest where `S` does not hold them.
///
/// # Errors
/// If the lengths differ or the format cannot be.
pub fn decode<S: Float>(
    out: &mut [S::Bits],
    codes: &[u8],
    format: Scalar,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    decode_at::<S>(simd::level(), out, codes, format, threads)
}

/// Write `x` to `out` in another wide format, rounded to nearest even; overflow becomes infinite.
///
/// # Errors
/// If the lengths differ.
pub fn convert<S: Float, T: Float>(out: &mut [T::Bits], x: &[S::Bits], threads: Option<NonZeroUsize>) -> Result<()> {
    same_length(out.len(), x.len())?;
    each_piece(out, x, threads, |piece, x, _| dispatch_map(simd::level(), piece, x, Convert::<S, T>(PhantomData)));
    Ok(())
}

pub(super) fn encode_at<S: Float>(
    level: Level,
    out: &mut [u8],
    x: &[S::Bits],
    format: Scalar,
    options: &Options,
) -> Result<()> {
    same_length(out.len(), x.len())?;
    format.check()?;
    if options.rule == Rule::Paretoserve && options.nan == NanPolicy::Raise {
        refuse_nan::<S>(level, x, format, options.threads)?;
    }
    let Options { saturate, rule, seed, threads, rounding, .. } = *options;
    match (format, rounding) {
        (Scalar::Float(format), Rounding::NearestEven) => {
            let encoder = rule.encoder(&format, saturate);
            each_piece(out, x, threads, |out, x, _| dispatch_map(level, out, x, Nearest::<S>(encoder, PhantomData)));
        }
        (Scalar::Float(format), Rounding::HalfAway) => {
            let encoder = rule.encoder(&format, saturate);
            each_piece(out, x, threads, |out, x, _| dispatch_map(level, out, x, HalfAway::<S>(encoder, PhantomData)));
        }
        (Scalar::Float(format), Rounding::Stochastic) => {
            let encoder = rule.encoder(&format, saturate);
            each_piece(out, x, threads, |out, x, start| {
                simd::dispatch(level, Random::<S, _> { out, x, start, seed, element: encoder });
            });
        }
        (Scalar::Integer(integer), Rounding::Stochastic) => each_piece(out, x, threads, |out, x, start| {
            simd::dispatch(level, Random::<S, _> { out, x, start, seed, element: integer });
        }),
        (Scalar::Integer(integer), rounding) => each_piece(out, x, threads, |out, x, _| {
            dispatch_map(level, out, x, ToInteger::<S>(integer, rounding, PhantomData));
        }),
        (Scalar::Exponent, _) => {
            let rule = rule.exponent(saturate);
            each_piece(out, x, threads, |out, x, _| dispatch_map(level, out, x, ToExponent::<S>(rule, PhantomData)));
        }
    }
    Ok(())
}

pub(super) fn decode_at<T: Float>(
    level: Level,
    out: &mut [T::Bits],
    codes: &[u8],
    format: Scalar,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    same_length(out.len(), codes.len())?;
    format.check()?;
    match format {
        Scalar::Float(format) => {
            let decoder = Decoder::new(&format);
            each_piece(out, codes, threads, |out, x, _| {
                dispatch_map(level, out, x, FromFloat::<T>(decoder, PhantomData));
            });
        }
        Scalar::Exponent => {
            each_piece(out, codes, threads, |out, x, _| dispatch_map(level, out, x, FromExponent::<T>(PhantomData)));
        }
        Scalar::Integer(integer) => each_piece(out, codes, threads, |out, x, _| {
            dispatch_map(level, out, x, FromInteger::<T>(integer, PhantomData));
        }),
    }
    Ok(())
}

/// The first element that `format` has no code for is an error.
fn refuse_nan<S: Float>(level: Level, x: &[S::Bits], format: Scalar, threads: Option<NonZeroUsize>) -> Result<()> {
    let negative = match format {
        Scalar::Float(format) if format.nan().is_none() => !format.signed,
        Scalar::Integer(_) => false,
        _ => return Ok(()),
    };
    let refused = |value: f32| value.is_nan() || (negative && value < 0.0);
    let bad = |part: (usize, &[S::Bits])| {
        let mut start = part.0;
        for piece in part.1.chunks(PIECE) {
            if simd::dispatch(level, Any::<S> { x: piece, negative }) {
                return piece.iter().position(|&bits| refused(S::to_f32(bits))).map(|at| start + at);
            }
            start += piece.len();
        }
        None
    };
    let step = part_length(x.len(), parallel::num_threads(threads, size_of_val(x)));
    let parts = x.chunks(step).enumerate().map(|(index, part)| (index * step, part)).collect();
    match parallel::each(parts, bad).into_iter().flatten().next() {
        Some(index) => {
            let value = S::to_f32(x[index]);
            let got = if value.is_nan() { "NaN".into() } else { value.to_string() };
            Err(Error::value("x", "numbers that the format holds", format!("{got} at flat index {index}")))
        }
        None => Ok(()),
    }
}

fn same_length(out: usize, x: usize) -> Result<()> {
    if out == x { Ok(()) } else { Err(Error::shape("out", format!("({x},)"), format!("({out},)"))) }
}

/// Elements per thread, whole pieces.
fn part_length(len: usize, parts: usize) -> usize {
    len.div_ceil(parts).next_multiple_of(PIECE)
}

/// Do `work(piece of out, piece of x, index of its first element)` for all pieces, on threads.
fn each_piece<I: Plain + Sync, O: Plain + Send>(
    out: &mut [O],
    x: &[I],
    threads: Option<NonZeroUsize>,
    work: impl Fn(&mut [O], &[I], usize) + Sync,
) {
    let step = part_length(x.len(), parallel::num_threads(threads, size_of_val(x) + size_of_val(out))).max(PIECE);
    let parts = out.chunks_mut(step).zip(x.chunks(step)).enumerate().collect();
    parallel::each(parts, |(part, (out, x)): (usize, (&mut [O], &[I]))| {
        simd::streamed::<_, PIECE>(out, |piece, offset| {
            let inputs = &x[offset..offset + piece.len()];
            work(piece, inputs, part * step + offset);
        });
    });
}

/// One input to one output.
trait Element<I, O>: Copy {
    fn apply(&self, input: I) -> O;
}

struct Map<'a, I, O, E> {
    out: &'a mut [O],
    x: &'a [I],
    element: E,
}

impl<I: Copy, O, E: Element<I, O>> Kernel for Map<'_, I, O, E> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (out, &input) in self.out.iter_mut().zip(self.x) {
            *out = self.element.apply(input);
        }
    }
}

fn dispatch_map<I: Copy, O, E: Element<I, O>>(level: Level, out: &mut [O], x: &[I], element: E) {
    simd::dispatch(level, Map { out, x, element });
}

macro_rules! elements {
    ($($name:ident<$S:ident>($($field:ident: $type:ty),*): $I:ty => $O:ty, $input:ident => $body:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name<$S>($($type,)* PhantomData<$S>);
        impl<$S: Float> Element<$I, $O> for $name<$S> {
            #[inline(always)]
            fn apply(&self, $input: $I) -> $O {
                let Self($($field,)* _) = *self;
                $body
            }
        }
    )*};
}

elements! {
    Nearest<S>(encoder: Encoder): S::Bits => u8, x => encoder.nearest_even(S::to_f32(x).to_bits()) as u8;
    HalfAway<S>(encoder: Encoder): S::Bits => u8, x => encoder.half_away(S::to_f32(x).to_bits()) as u8;
    ToExponent<S>(rule: ExponentRule): S::Bits => u8, x => rule.encode(S::to_f32(x).to_bits()) as u8;
    ToInteger<S>(integer: Integer, rounding: Rounding): S::Bits => u8, x => {
        integer.encode(S::to_f32(x), rounding, 0) as u8
    };
    FromFloat<T>(decoder: Decoder): u8 => T::Bits, code => T::from_f32(f32::from_bits(decoder.value(u32::from(code))));
    FromExponent<T>(): u8 => T::Bits, code => T::from_f32(f32::from_bits(exponent::decode(u32::from(code))));
    FromInteger<T>(integer: Integer): u8 => T::Bits, code => T::from_f32(integer.decode(u32::from(code)));
}

#[derive(Clone, Copy)]
struct Convert<S, T>(PhantomData<(S, T)>);

impl<S: Float, T: Float> Element<S::Bits, T::Bits> for Convert<S, T> {
    #[inline(always)]
    fn apply(&self, input: S::Bits) -> T::Bits {
        T::from_f32(S::to_f32(input))
    }
}

impl ExponentRule {
    #[inline(always)]
    fn encode(self, bits: u32) -> u32 {
        let bits = if self.drop_sign { bits & 0x7FFF_FFFF } else { bits };
        let nan = self.zero_is_nan && bits << 1 == 0;
        exponent::encode(bits, self.saturate) | if nan { 255 } else { 0 }
    }
}

/// One input and one random word to a code.
trait RandomElement: Copy {
    fn code(&self, value: f32, random: u32) -> u32;
}

impl RandomElement for Encoder {
    #[inline(always)]
    fn code(&self, value: f32, random: u32) -> u32 {
        self.stochastic(value.to_bits(), random)
    }
}

impl RandomElement for Integer {
    #[inline(always)]
    fn code(&self, value: f32, random: u32) -> u32 {
        self.encode(value, Rounding::Stochastic, random)
    }
}

struct Random<'a, S: Float, E> {
    out: &'a mut [u8],
    x: &'a [S::Bits],
    /// Index of the first element in the tensor; divisible by 4.
    start: usize,
    seed: u64,
    element: E,
}

impl<S: Float, E: RandomElement> Kernel for Random<'_, S, E> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let blocks = self.out.chunks_mut(4).zip(self.x.chunks(4));
        for (counter, (out, x)) in (self.start as u64 / 4..).zip(blocks) {
            let words = philox(self.seed, counter);
            for ((out, &x), word) in out.iter_mut().zip(x).zip(words) {
                *out = self.element.code(S::to_f32(x), word) as u8;
            }
        }
    }
}

struct Any<'a, S: Float> {
    x: &'a [S::Bits],
    negative: bool,
}

impl<S: Float> Kernel for Any<'_, S> {
    type Output = bool;
    #[inline(always)]
    fn run(self) -> bool {
        self.x.iter().fold(0, |any, &x| {
            let value = S::to_f32(x);
            any | u32::from(value.is_nan() || (self.negative && value < 0.0))
        }) > 0
    }
}
