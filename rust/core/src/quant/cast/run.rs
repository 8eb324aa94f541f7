//! Loops over arrays: one body per direction, compiled per SIMD level, split over threads, streamed around the cache.

use std::marker::PhantomData;
use std::num::NonZeroUsize;

use super::element::{
    Decode, Encode, EncodeRandom, HalfAway, KnownE2m1, KnownE4m3fn, KnownE5m2, KnownE5m2Infinite, Nearest,
    NearestInteger, Power, SaturatingPower,
};
use super::refuse::refuse_nan;
use super::{Decoder, NanPolicy, Options, Rule, Scalar};
use crate::error::{Error, Result};
use crate::parallel;
use crate::quant::{Float, Rounding};
use crate::random::philox;
use crate::simd::{self, Fill, Kernel, Level, Plain};
#[cfg(target_arch = "x86_64")]
use {
    super::half::{ByHalf, HalfLoop},
    super::short::{self, ShortLoop},
    super::table::{Lookup, Rows, Sixteens, Table, TableLoop, Whole},
    crate::simd::{Avx2, Avx512},
};

/// Parts of threads are whole multiples of this many elements; divisible by 4, the words of a random block.
const PART: usize = 4096;

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
    let level = simd::level();
    each_part(out, x, threads, |out, x, _| {
        let loops = ConvertLoop::<S, T> { x, wide: PhantomData };
        simd::dispatch(level, Run { out, loops });
    });
    Ok(())
}

/// Copy `x` to `out` around the cache: as fast as memory goes.
///
/// # Errors
/// If the lengths differ.
pub fn copy<T: Plain + Send + Sync>(out: &mut [T], x: &[T], threads: Option<NonZeroUsize>) -> Result<()> {
    same_length(out.len(), x.len())?;
    each_part(out, x, threads, |out, x, _| {
        if size_of_val(out) < simd::STREAM_FROM_BYTES { out.copy_from_slice(x) } else { simd::stream(out, x) }
    });
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
    let call = Call { level, threads: options.threads };
    let (rule, saturate) = (options.rule, options.saturate);
    #[cfg(target_arch = "x86_64")]
    if options.rounding == Rounding::NearestEven && call.encode_short::<S>(out, x, format, options) {
        return Ok(());
    }
    match (format, options.rounding) {
        (Scalar::Float(format), Rounding::NearestEven) => {
            let encoder = rule.encoder(&format, saturate);
            match encoder {
                KnownE4m3fn::ENCODER => call.encode::<S>(out, x, Nearest(KnownE4m3fn)),
                KnownE5m2::ENCODER => call.encode::<S>(out, x, Nearest(KnownE5m2)),
                KnownE5m2Infinite::ENCODER => call.encode::<S>(out, x, Nearest(KnownE5m2Infinite)),
                KnownE2m1::ENCODER => call.encode::<S>(out, x, Nearest(KnownE2m1)),
                _ => call.encode::<S>(out, x, Nearest(encoder)),
            }
        }
        (Scalar::Float(format), Rounding::HalfAway) => {
            call.encode::<S>(out, x, HalfAway(rule.encoder(&format, saturate)));
        }
        (Scalar::Float(format), Rounding::Stochastic) => {
            call.encode_random::<S>(out, x, rule.encoder(&format, saturate), options.seed);
        }
        (Scalar::Integer(integer), Rounding::NearestEven) => call.encode::<S>(out, x, NearestInteger(integer)),
        (Scalar::Integer(integer), Rounding::HalfAway) => call.encode::<S>(out, x, HalfAway(integer)),
        (Scalar::Integer(integer), Rounding::Stochastic) => call.encode_random::<S>(out, x, integer, options.seed),
        (Scalar::Exponent, _) if rule == Rule::Paretoserve && saturate => call.encode::<S>(out, x, SaturatingPower),
        (Scalar::Exponent, _) => call.encode::<S>(out, x, rule.exponent(saturate)),
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
    let call = Call { level, threads };
    #[cfg(target_arch = "x86_64")]
    if call.decode_by_half::<T>(out, codes, format) || call.decode_by_table::<T>(out, codes, format) {
        return Ok(());
    }
    match format {
        Scalar::Float(format) => call.decode::<T>(out, codes, Decoder::new(&format)),
        Scalar::Exponent => call.decode::<T>(out, codes, Power),
        Scalar::Integer(integer) => call.decode::<T>(out, codes, integer),
    }
    Ok(())
}

fn same_length(out: usize, x: usize) -> Result<()> {
    if out == x { Ok(()) } else { Err(Error::shape("out", format!("({x},)"), format!("({out},)"))) }
}

/// How a loop is run.
#[derive(Debug, Clone, Copy)]
struct Call {
    level: Level,
    threads: Option<NonZeroUsize>,
}

impl Call {
    fn encode<S: Float>(self, out: &mut [u8], x: &[S::Bits], element: impl Encode) {
        each_part(out, x, self.threads, |out, x, _| {
            let loops = EncodeLoop::<S, _> { x, element };
            simd::dispatch(self.level, Run { out, loops });
        });
    }

    fn encode_random<S: Float>(self, out: &mut [u8], x: &[S::Bits], element: impl EncodeRandom, seed: u64) {
        each_part(out, x, self.threads, |out, x, start| {
            simd::dispatch(self.level, RandomLoop::<S, _> { out, x, start, seed, element });
        });
    }

    fn decode<T: Float>(self, out: &mut [T::Bits], codes: &[u8], element: impl Decode) {
        each_part(out, codes, self.threads, |out, codes, _| {
            let loops = DecodeLoop::<T, _> { codes, element, wide: PhantomData };
            simd::dispatch(self.level, Run { out, loops });
        });
    }
}

#[cfg(target_arch = "x86_64")]
impl Call {
    /// Encode with AVX2 in lanes of 16 bits, if that is the level and formats allow; AVX-512 needs no such help.
    fn encode_short<S: Float>(self, out: &mut [u8], x: &[S::Bits], format: Scalar, options: &Options) -> bool {
        let (Some(proof), None) = (Avx2::at(self.level), Avx512::at(self.level)) else { return false };
        let saturates = options.rule == Rule::Paretoserve && options.saturate;
        match format {
            Scalar::Exponent if saturates => self.encode_shorts::<S, { short::POWER }>(out, x, proof),
            Scalar::Float(float) => match options.rule.encoder(&float, options.saturate) {
                KnownE4m3fn::ENCODER => self.encode_shorts::<S, { short::E4M3FN }>(out, x, proof),
                KnownE5m2::ENCODER => self.encode_shorts::<S, { short::E5M2 }>(out, x, proof),
                KnownE5m2Infinite::ENCODER => self.encode_shorts::<S, { short::E5M2_INFINITE }>(out, x, proof),
                _ => false,
            },
            _ => false,
        }
    }

    fn encode_shorts<S: Float, const KIND: u8>(self, out: &mut [u8], x: &[S::Bits], proof: Avx2) -> bool {
        // Not float16, whose bits are no upper half of float32.
        let takes = const { S::NAME.as_bytes()[0] == b'b' || size_of::<S::Bits>() == 4 };
        if takes {
            each_part(out, x, self.threads, |out, x, _| {
                proof.run(Run { out, loops: ShortLoop::<S, KIND> { x, proof } });
            });
        }
        takes
    }

    /// Decode to float32 by way of float16, if this level has instructions for it and the format allows.
    fn decode_by_half<T: Float>(self, out: &mut [T::Bits], codes: &[u8], format: Scalar) -> bool {
        let Scalar::Float(format) = format else { return false };
        let (Some(by), Some(proof)) = (ByHalf::new(&format), Avx2::at(self.level)) else { return false };
        let Some(out) = T::floats_mut(out) else { return false };
        each_part(out, codes, self.threads, |out, codes, _| {
            proof.run(Run { out, loops: HalfLoop { codes, by, proof } });
        });
        true
    }

    /// Decode by a table in registers, if this level has instructions for one of this format.
    fn decode_by_table<T: Float>(self, out: &mut [T::Bits], codes: &[u8], format: Scalar) -> bool {
        let table = Table::new::<T>(format.bits(), |code| format.value(code));
        if let Some(proof) = Avx512::at(self.level) {
            self.look_up::<T>(out, codes, &table, Whole(proof));
            return true;
        }
        if let (Some(proof), Some(rows)) = (Avx2::at(self.level), table.rows()) {
            self.look_up::<T>(out, codes, &table, Rows(proof, &rows));
            return true;
        }
        match (Avx2::at(self.level), format.bits()) {
            (Some(proof), 1..=4) => self.look_up::<T>(out, codes, &table, Sixteens::<1>(proof)),
            (Some(proof), 5) => self.look_up::<T>(out, codes, &table, Sixteens::<2>(proof)),
            (Some(proof), 6) => self.look_up::<T>(out, codes, &table, Sixteens::<4>(proof)),
            (Some(proof), _) if table.is_half() => self.look_up::<T>(out, codes, &table, Sixteens::<8>(proof)),
            _ => return false,
        }
        true
    }

    fn look_up<T: Float>(self, out: &mut [T::Bits], codes: &[u8], table: &Table, lookup: impl Lookup) {
        each_part(out, codes, self.threads, |out, codes, _| {
            let loops = TableLoop::<T, _> { table, codes, lookup, wide: PhantomData };
            lookup.run(Run { out, loops });
        });
    }
}

/// Do `work(part of out, part of x, index of its first element)` on threads.
fn each_part<I: Plain + Sync, O: Plain + Send>(
    out: &mut [O],
    x: &[I],
    threads: Option<NonZeroUsize>,
    work: impl Fn(&mut [O], &[I], usize) + Sync,
) {
    let threads = parallel::num_threads(threads, size_of_val(x) + size_of_val(out));
    let step = x.len().div_ceil(threads).next_multiple_of(PART).max(PART);
    let parts = out.chunks_mut(step).zip(x.chunks(step)).enumerate().collect();
    parallel::each(parts, |(part, (out, x)): (usize, (&mut [O], &[I]))| work(out, x, part * step));
}

/// A loop over an output.
struct Run<'a, O, L> {
    out: &'a mut [O],
    loops: L,
}

impl<O: Plain, L: Fill<O>> Kernel for Run<'_, O, L> {
    const AVX512: bool = L::AVX512;
    type Output = ();
    #[inline(always)]
    fn run(self) {
        simd::fill_streamed(self.out, &self.loops);
    }
}

struct EncodeLoop<'a, S: Float, E> {
    x: &'a [S::Bits],
    element: E,
}

impl<S: Float, E: Encode> Fill<u8> for EncodeLoop<'_, S, E> {
    const AVX512: bool = E::AVX512;

    #[inline(always)]
    fn fill(&self, piece: &mut [u8], offset: usize) {
        let x = &self.x[offset..][..piece.len()];
        for (out, &x) in piece.iter_mut().zip(x) {
            *out = self.element.code(S::to_f32(x).to_bits());
        }
    }
}

struct DecodeLoop<'a, T, D> {
    codes: &'a [u8],
    element: D,
    wide: PhantomData<T>,
}

impl<T: Float, D: Decode> Fill<T::Bits> for DecodeLoop<'_, T, D> {
    // Tables serve every format there.
    const AVX512: bool = false;

    #[inline(always)]
    fn fill(&self, piece: &mut [T::Bits], offset: usize) {
        let codes = &self.codes[offset..][..piece.len()];
        simd::prefetch_ahead(self.codes, offset, offset + piece.len());
        for (out, &code) in piece.iter_mut().zip(codes) {
            *out = T::from_f32(f32::from_bits(self.element.value(code)));
        }
    }
}

struct ConvertLoop<'a, S: Float, T> {
    x: &'a [S::Bits],
    wide: PhantomData<T>,
}

impl<S: Float, T: Float> Fill<T::Bits> for ConvertLoop<'_, S, T> {
    #[inline(always)]
    fn fill(&self, piece: &mut [T::Bits], offset: usize) {
        let x = &self.x[offset..][..piece.len()];
        for (out, &x) in piece.iter_mut().zip(x) {
            *out = T::from_f32(S::to_f32(x));
        }
    }
}

struct RandomLoop<'a, S: Float, E> {
    out: &'a mut [u8],
    x: &'a [S::Bits],
    /// Index of the first element in the tensor; divisible by 4.
    start: usize,
    seed: u64,
    element: E,
}

impl<S: Float, E: EncodeRandom> Kernel for RandomLoop<'_, S, E> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let blocks = self.out.chunks_mut(4).zip(self.x.chunks(4));
        for (counter, (out, x)) in (self.start as u64 / 4..).zip(blocks) {
            let words = philox(self.seed, counter);
            for ((out, &x), word) in out.iter_mut().zip(x).zip(words) {
                *out = self.element.code(S::to_f32(x).to_bits(), word);
            }
        }
    }
}
