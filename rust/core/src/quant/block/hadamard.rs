//! Hadamard rotation of runs of 16 to 128 numbers: y = H (signs * x) / sqrt(n), which spreads outliers over a block
//! before it is quantized. H is orthonormal and symmetric, so the same butterfly undoes it.
//!
//! The sums are float32 in a fixed order: stages of distance 1, 2, 4, ... turn (a, b) into (a + b, a - b), one
//! multiplication by the rounded 1 / sqrt(n) follows. Used by `QuaRot`, `QuEST` and NVIDIA's FP4 training recipe.

use std::num::NonZeroUsize;

use super::scaled::parts;
use crate::parallel;
use crate::quant::numbers::{Numbers, NumbersMut};
use crate::quant::source::Float;
use crate::simd::{Kernel, Level, STREAM_FROM_BYTES, dispatch, fence};
use crate::{Error, Result};

/// The signs that Transformer Engine's 16-wide rotation uses.
pub const TRANSFORMER_ENGINE_SIGNS: [f32; 16] =
    [1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0];

/// Elements between two writes of the result: a multiple of every size, small enough for the first-level cache.
const PIECE: usize = 2048;

/// How to rotate.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Numbers in a run: 16, 32, 64 or 128.
    pub size: usize,
    /// `size` factors of 1 or -1, or none for all 1.
    pub signs: Option<&'a [f32]>,
    /// Undo the rotation instead.
    pub inverse: bool,
    /// Threads, or as many as pay.
    pub threads: Option<NonZeroUsize>,
    /// Which CPU features to use.
    pub level: Level,
}

/// Rotate every run of `options.size` numbers of `x`, which is whole runs, into `out`.
pub fn hadamard<S: Float>(out: &mut [S::Bits], x: &[S::Bits], options: &Options<'_>) -> Result<()> {
    let size = options.size;
    if !matches!(size, 16 | 32 | 64 | 128) {
        return Err(Error::value("n", "16, 32, 64 or 128", size));
    }
    if !x.len().is_multiple_of(size) {
        return Err(Error::shape("x", format_args!("(..., a multiple of {size})"), x.len()));
    }
    if out.len() != x.len() {
        return Err(Error::shape("out", x.len(), out.len()));
    }
    if let Some(signs) = options.signs {
        if signs.len() != size {
            return Err(Error::shape("signs", format_args!("({size},)"), format_args!("({},)", signs.len())));
        }
        if let Some(bad) = signs.iter().find(|each| each.to_bits() & 0x7FFF_FFFF != 1_f32.to_bits()) {
            return Err(Error::value("signs", "1 or -1 each", bad));
        }
    }
    let each = parts(x.len() / size, parallel::num_threads(options.threads, size_of_val(x))) * size;
    let around_cache = size_of_val(out) >= STREAM_FROM_BYTES;
    let work: Vec<_> = out.chunks_mut(each).zip(x.chunks(each)).collect();
    parallel::each(work, |(out, x)| {
        let ones = [1.0; 128];
        let signs = options.signs.unwrap_or(&ones[..size]);
        let (out, x) = (S::numbers_mut(out), S::numbers(x));
        match size {
            16 => run::<16>(out, x, signs, options, around_cache),
            32 => run::<32>(out, x, signs, options, around_cache),
            64 => run::<64>(out, x, signs, options, around_cache),
            _ => run::<128>(out, x, signs, options, around_cache),
        }
    });
    Ok(())
}

fn run<const N: usize>(out: NumbersMut<'_>, x: Numbers<'_>, signs: &[f32], options: &Options<'_>, around_cache: bool) {
    let factor = (1.0 / (N as f64).sqrt()) as f32;
    let mut flips = [0; N];
    for (flip, &sign) in flips.iter_mut().zip(signs) {
        *flip = sign.to_bits() & 0x8000_0000;
    }
    let none = [0; N];
    let (before, after) = if options.inverse { (none, flips) } else { (flips, none) };
    dispatch(options.level, Rotate::<N> { out, x, before, after, factor, around_cache });
}

struct Rotate<'a, const N: usize> {
    out: NumbersMut<'a>,
    x: Numbers<'a>,
    /// Sign bits to flip before and after.
    before: [u32; N],
    after: [u32; N],
    factor: f32,
    around_cache: bool,
}

impl<const N: usize> Kernel for Rotate<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (mut wide, mut turned) = ([0.0; PIECE], [0.0; PIECE]);
        for from in (0..self.x.len()).step_by(PIECE) {
            let x = self.x.within(from..from + PIECE).widened(&mut wide);
            let turned = &mut turned[..x.len()];
            rotate::<N>(turned, x, &self.before, &self.after, self.factor);
            if self.around_cache {
                self.out.stream(from, turned);
            } else {
                self.out.put(from, turned);
            }
        }
        fence();
    }
}

#[inline(always)]
fn rotate<const N: usize>(out: &mut [f32], x: &[f32], before: &[u32; N], after: &[u32; N], factor: f32) {
    for (out, x) in out.chunks_exact_mut(N).zip(x.chunks_exact(N)) {
        let mut values = [0.0; N];
        for ((value, x), &flip) in values.iter_mut().zip(x).zip(before) {
            *value = f32::from_bits(x.to_bits() ^ flip);
        }
        butterfly(&mut values);
        for ((out, &value), &flip) in out.iter_mut().zip(&values).zip(after) {
            *out = f32::from_bits((value * factor).to_bits() ^ flip);
        }
    }
}

/// All stages, unscaled: distances 1 to 8 within sixteen neighbors, then across.
#[inline(always)]
fn butterfly<const N: usize>(values: &mut [f32; N]) {
    for sixteen in values.as_chunks_mut::<16>().0 {
        *sixteen = stage::<8>(stage::<4>(stage::<2>(stage::<1>(*sixteen))));
    }
    let mut distance = 16;
    while distance < N {
        for pair in values.chunks_exact_mut(2 * distance) {
            let (low, high) = pair.split_at_mut(distance);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        distance *= 2;
    }
}

/// One stage within sixteen numbers, as a shuffle and an addition: the lower of a pair gets b + a, the upper a + (-b).
#[inline(always)]
fn stage<const DISTANCE: usize>(values: [f32; 16]) -> [f32; 16] {
    let mut out = [0.0; 16];
    for index in 0..16 {
        let flip = if index & DISTANCE == 0 { 0 } else { 0x8000_0000 };
        out[index] = values[index ^ DISTANCE] + f32::from_bits(values[index].to_bits() ^ flip);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::source::F32;
    use crate::simd::levels;

    fn options(size: usize) -> Options<'static> {
        Options { size, signs: None, inverse: false, threads: NonZeroUsize::new(1), level: Level::Avx512 }
    }

    #[test]
    fn sixteen_numbers_become_their_signed_sums() {
        let x: [f32; 16] = std::array::from_fn(|index| (index * index % 11) as f32);
        let mut out = [0.0; 16];
        hadamard::<F32>(&mut out, &x, &options(16)).unwrap();
        for (row, &got) in out.iter().enumerate() {
            let sum: f32 = (0..16)
                .map(|column| if (row & column).count_ones().is_multiple_of(2) { x[column] } else { -x[column] })
                .sum();
            assert_eq!(got.to_bits(), (sum * 0.25).to_bits());
        }
    }

    #[test]
    fn every_level_and_thread_count_gives_the_same_bits_and_the_inverse_restores() {
        let x: Vec<f32> = (0..128 * 50).map(|index| ((index * 7919) % 1013) as f32 - 500.0).collect();
        let signs: Vec<f32> = (0..128).map(|index| if index % 3 == 0 { -1.0 } else { 1.0 }).collect();
        for size in [16, 32, 64, 128] {
            let mut results: Vec<Vec<f32>> = Vec::new();
            for level in levels() {
                for threads in [1, 3] {
                    let options = Options {
                        signs: Some(&signs[..size]),
                        threads: NonZeroUsize::new(threads),
                        level,
                        ..options(size)
                    };
                    let (mut out, mut back) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                    hadamard::<F32>(&mut out, &x, &options).unwrap();
                    hadamard::<F32>(&mut back, &out, &Options { inverse: true, ..options }).unwrap();
                    assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-3));
                    results.push(out);
                }
            }
            assert!(results.iter().all(|each| each == &results[0]));
        }
    }

    #[test]
    fn wrong_sizes_and_signs_are_refused() {
        let (x, mut out) = ([1.0; 32], [0.0; 32]);
        assert!(hadamard::<F32>(&mut out, &x, &options(24)).is_err());
        assert!(hadamard::<F32>(&mut out[..16], &x, &options(32)).is_err());
        assert!(hadamard::<F32>(&mut out, &x, &options(64)).is_err());
        assert!(hadamard::<F32>(&mut out, &x, &Options { signs: Some(&[0.5; 32]), ..options(32) }).is_err());
        assert!(hadamard::<F32>(&mut out, &x, &Options { signs: Some(&[1.0; 16]), ..options(32) }).is_err());
    }
}
