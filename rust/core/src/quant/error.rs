//! How far a quantized tensor is from the original: energy of signal and error, and crest factors of blocks.
//!
//! Sums are float64 over pieces of 4096 elements, each in 8 lanes, added in the order of the pieces: the same bits on
//! any number of threads and at any CPU level. QSNR = 10 log10(signal / noise) is left to the caller.

use std::num::NonZeroUsize;

use super::source::Float;
use crate::simd::{Kernel, Level, Plain, dispatch, level};
use crate::{Error, Result, parallel};

const PIECE: usize = 4096;
const LANES: usize = 8;

/// What errors are measured in: the wide formats, and float64 beside them.
pub trait Number: Copy + Send + Sync + 'static {
    /// Its bits in memory.
    type Bits: Plain + Send + Sync;
    /// Its value, exactly.
    fn to_f64(bits: Self::Bits) -> f64;
}

/// IEEE binary64.
#[derive(Debug, Clone, Copy)]
pub struct F64;

impl Number for F64 {
    type Bits = f64;
    #[inline(always)]
    fn to_f64(bits: f64) -> f64 {
        bits
    }
}

impl<S: Float> Number for S {
    type Bits = S::Bits;
    #[inline(always)]
    fn to_f64(bits: S::Bits) -> f64 {
        f64::from(S::to_f32(bits))
    }
}

/// Energies of a tensor and of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// Sum of squares of the original.
    pub signal: f64,
    /// Sum of squares of original - decoded.
    pub noise: f64,
}

struct Piece<'a, X: Number, Y: Number>(&'a [X::Bits], &'a [Y::Bits]);

impl<X: Number, Y: Number> Kernel for Piece<'_, X, Y> {
    type Output = Energy;
    #[inline(always)]
    fn run(self) -> Energy {
        let (mut signal, mut noise) = ([0.0; LANES], [0.0; LANES]);
        let mut add = |lane: usize, x: X::Bits, y: Y::Bits| {
            let (x, y) = (X::to_f64(x), Y::to_f64(y));
            signal[lane] += x * x;
            noise[lane] += (x - y) * (x - y);
        };
        let (xs, ys) = (self.0.chunks_exact(LANES), self.1.chunks_exact(LANES));
        let (x_rest, y_rest) = (xs.remainder(), ys.remainder());
        for (x, y) in xs.zip(ys) {
            for lane in 0..LANES {
                add(lane, x[lane], y[lane]);
            }
        }
        for (lane, (&x, &y)) in x_rest.iter().zip(y_rest).enumerate() {
            add(lane, x, y);
        }
        Energy { signal: signal.iter().sum(), noise: noise.iter().sum() }
    }
}

/// Energies of `x` and of `x` - `decoded`.
///
/// # Errors
/// If the lengths differ. NaN and infinity go into the sums.
pub fn energy<X: Number, Y: Number>(
    x: &[X::Bits],
    decoded: &[Y::Bits],
    threads: Option<NonZeroUsize>,
) -> Result<Energy> {
    energy_at::<X, Y>(level(), x, decoded, threads)
}

fn energy_at<X: Number, Y: Number>(
    level: Level,
    x: &[X::Bits],
    decoded: &[Y::Bits],
    threads: Option<NonZeroUsize>,
) -> Result<Energy> {
    if x.len() != decoded.len() {
        return Err(Error::shape("xq", x.len(), decoded.len()));
    }
    let share = x.len().div_ceil(parallel::num_threads(threads, size_of_val(x))).next_multiple_of(PIECE).max(PIECE);
    let parts: Vec<_> = x.chunks(share).zip(decoded.chunks(share)).collect();
    let pieces = parallel::each(parts, |(x, y)| {
        let pairs = x.chunks(PIECE).zip(y.chunks(PIECE));
        pairs.map(|(x, y)| dispatch(level, Piece::<X, Y>(x, y))).collect::<Vec<_>>()
    });
    let mut total = Energy { signal: 0.0, noise: 0.0 };
    for piece in pieces.iter().flatten() {
        total.signal += piece.signal;
        total.noise += piece.noise;
    }
    Ok(total)
}

struct Crests<'a, X: Number> {
    out: &'a mut [f64],
    x: &'a [X::Bits],
    columns: usize,
    block: usize,
}

impl<X: Number> Kernel for Crests<'_, X> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let runs = self.x.chunks(self.columns).flat_map(|row| row.chunks(self.block));
        for (out, run) in self.out.iter_mut().zip(runs) {
            *out = crest_of::<X>(run);
        }
    }
}

#[inline(always)]
fn crest_of<X: Number>(run: &[X::Bits]) -> f64 {
    let (mut most, mut squares) = ([0.0_f64; LANES], [0.0; LANES]);
    let mut add = |lane: usize, bits: X::Bits| {
        let x = X::to_f64(bits).abs();
        // NaN is greater than nothing; the sum of squares keeps it.
        most[lane] = if x > most[lane] { x } else { most[lane] };
        squares[lane] += x * x;
    };
    let (pieces, rest) = run.as_chunks::<LANES>();
    for piece in pieces {
        for (lane, &bits) in piece.iter().enumerate() {
            add(lane, bits);
        }
    }
    for (lane, &bits) in rest.iter().enumerate() {
        add(lane, bits);
    }
    let rms = (squares.iter().sum::<f64>() / run.len() as f64).sqrt();
    if rms > 0.0 && rms.is_finite() { most.into_iter().fold(0.0, f64::max) / rms } else { f64::NAN }
}

/// Fill `out` with max|x| / rms(x) of each run of `block` elements of each row; the last run of a row may be shorter.
///
/// A block that is zero or holds NaN or infinity gives NaN.
///
/// # Errors
/// If `x` is no whole number of rows, or `out` has not one element per block.
pub fn crest<X: Number>(
    out: &mut [f64],
    x: &[X::Bits],
    columns: usize,
    block: usize,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    if columns == 0 || block == 0 || !x.len().is_multiple_of(columns) {
        return Err(Error::shape("x", format_args!("(rows, {columns}) with blocks of {block}"), x.len()));
    }
    let blocks = columns.div_ceil(block);
    if out.len() != x.len() / columns * blocks {
        return Err(Error::shape("out", x.len() / columns * blocks, out.len()));
    }
    let rows = (x.len() / columns).div_ceil(parallel::num_threads(threads, size_of_val(x))).max(1);
    let level = level();
    let parts: Vec<_> = out.chunks_mut(rows * blocks).zip(x.chunks(rows * columns)).collect();
    parallel::each(parts, |(out, x)| {
        dispatch(level, Crests::<X> { out, x, columns, block });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::source::{Bf16, F16, F32};
    use super::*;
    use crate::simd::levels;

    fn values(n: usize) -> (Vec<f32>, Vec<f32>) {
        let x: Vec<f32> = (0..n).map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 97.0).collect();
        let decoded = x.iter().map(|x| (x * 4.0).round() / 4.0).collect();
        (x, decoded)
    }

    #[test]
    fn energies_have_the_same_bits_on_any_threads_and_level() {
        let (x, decoded) = values(100_003);
        let one = energy_at::<F32, F32>(Level::Baseline, &x, &decoded, NonZeroUsize::new(1)).unwrap();
        let plain: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        assert!((one.signal / plain - 1.0).abs() < 1e-12);
        for level in levels() {
            for threads in [2, 3, 7] {
                let other = energy_at::<F32, F32>(level, &x, &decoded, NonZeroUsize::new(threads)).unwrap();
                assert_eq!(
                    (one.signal.to_bits(), one.noise.to_bits()),
                    (other.signal.to_bits(), other.noise.to_bits())
                );
            }
        }
    }

    #[test]
    fn every_format_is_widened() {
        let energies = [
            energy::<F64, F64>(&[2.0, 0.5], &[1.0, 0.5], None),
            energy::<F16, F32>(&[0x4000, 0x3800], &[1.0, 0.5], None),
            energy::<Bf16, F32>(&[0x4000, 0x3F00], &[1.0, 0.5], None),
        ];
        for each in energies {
            assert_eq!(each, Ok(Energy { signal: 4.25, noise: 1.0 }));
        }
        assert!(energy::<F32, F32>(&[1.0], &[], None).is_err());
        assert_eq!(energy::<F32, F32>(&[], &[], None), Ok(Energy { signal: 0.0, noise: 0.0 }));
    }

    #[test]
    fn crest_factors_go_block_by_block_and_row_by_row() {
        let x = [3.0_f32, 4.0, 0.0, 0.0, 5.0, 1.0, -1.0, 1.0, 1.0, f32::NAN];
        for threads in [1, 4] {
            let mut out = [0.0; 6];
            crest::<F32>(&mut out, &x, 5, 2, NonZeroUsize::new(threads)).unwrap();
            assert!((out[0] - 4.0 / 12.5_f64.sqrt()).abs() < 1e-15 && out[1].is_nan() && out[5].is_nan());
            assert_eq!(out[2..5], [1.0; 3]);
        }
        assert!(crest::<F32>(&mut [0.0], &x, 5, 0, None).is_err());
        assert!(crest::<F32>(&mut [0.0], &x, 5, 2, None).is_err());
        assert!(crest::<F32>(&mut [0.0], &x, 4, 2, None).is_err());
    }
}
