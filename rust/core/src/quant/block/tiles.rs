//! FP8 weights in tiles that share a scale, 128 by 128 as DeepSeek-V3 has them. Tiles are cut off at the edges of the
//! matrix, not padded.
//!
//! A strip of tiles is read twice: once for the largest magnitudes, once, from a cache, for the codes, which leave row
//! by row in the order of memory.

use std::num::NonZeroUsize;

use super::fp8::Fp8;
use super::scaled::{INFINITY_BITS, Scaled, largest_bits, parts};
use super::sink::{PIECE, Sink};
use super::{Nan, Options, amax, finite};
use crate::quant::source::{F32, Float};
use crate::simd::{Kernel, Level, dispatch};
use crate::{Error, Result, parallel};

/// Sizes of a batch of matrices in tiles.
#[derive(Debug, Clone, Copy)]
pub struct Tiling {
    /// Rows and columns of a matrix.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
    /// Rows of a tile.
    pub tile_rows: usize,
    /// Columns of a tile, at most 512.
    pub tile_columns: usize,
}

impl Tiling {
    fn across(&self) -> usize {
        self.columns.div_ceil(self.tile_columns)
    }

    /// Check sizes of the matrices, their codes and their scales.
    fn check(&self, elements: usize, codes: usize, scales: usize) -> Result<()> {
        let matrix = self.rows * self.columns;
        if self.tile_rows == 0 || !(1..=PIECE).contains(&self.tile_columns) {
            let got = format_args!("{} by {}", self.tile_rows, self.tile_columns).to_string();
            return Err(Error::value("block", "1 or more rows by 1 to 512 columns", got));
        }
        if matrix == 0 || !elements.is_multiple_of(matrix) {
            let expected = format_args!("(batch, {}, {})", self.rows, self.columns).to_string();
            return Err(Error::shape("x", expected, elements));
        }
        let needed = elements / matrix * self.rows.div_ceil(self.tile_rows) * self.across();
        if codes != elements {
            return Err(Error::shape("codes", elements, codes));
        }
        if scales != needed {
            return Err(Error::shape("scales", needed, scales));
        }
        Ok(())
    }

    /// Elements of each strip of tiles, matrix after matrix.
    fn strips(&self, elements: usize) -> Vec<usize> {
        let matrix = self.rows * self.columns;
        let one = (0..self.rows).step_by(self.tile_rows).map(|row| self.tile_rows.min(self.rows - row) * self.columns);
        let one: Vec<usize> = one.collect();
        one.iter().copied().cycle().take(elements / matrix * one.len()).collect()
    }
}

/// Quantize a batch of matrices in tiles; one scale per tile, in rows of tiles.
pub fn quantize<S: Float>(
    codes: &mut [u8],
    scales: &mut [f32],
    x: &[S::Bits],
    format: Fp8,
    tiling: &Tiling,
    options: &Options,
) -> Result<()> {
    tiling.check(x.len(), codes.len(), scales.len())?;
    if options.nan == Nan::Raise {
        amax::check_finite::<S>(x, options)?;
    }
    let strips = tiling.strips(x.len());
    let total = codes.len();
    let (mut codes, mut scales, mut flat) = (codes, scales, 0);
    let mut work = Vec::with_capacity(strips.len());
    for count in strips {
        let (now, later) = codes.split_at_mut(count);
        let (scale, scales_later) = scales.split_at_mut(tiling.across());
        (codes, scales) = (later, scales_later);
        let x = &x[flat..flat + count];
        work.push(Quantize::<S> { codes: now, scales: scale, x, format, tiling, options, flat, total });
        flat += count;
    }
    run_all(work, parallel::num_threads(options.threads, size_of_val(x)), options.level);
    Ok(())
}

/// Run strips on threads, neighbors on the same one.
fn run_all<K: Kernel<Output = ()> + Send>(work: Vec<K>, threads: usize, level: Level) {
    let each = parts(work.len(), threads);
    let mut work = work.into_iter();
    let mut groups = Vec::with_capacity(threads);
    while work.len() > 0 {
        groups.push(work.by_ref().take(each).collect::<Vec<_>>());
    }
    parallel::each(groups, |group| group.into_iter().for_each(|strip| dispatch(level, strip)));
}

struct Quantize<'a, S: Float> {
    codes: &'a mut [u8],
    scales: &'a mut [f32],
    x: &'a [S::Bits],
    format: Fp8,
    tiling: &'a Tiling,
    options: &'a Options,
    /// Index of the first element in the batch.
    flat: usize,
    total: usize,
}

impl<S: Float> Kernel for Quantize<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Tiling { columns, tile_columns, .. } = *self.tiling;
        let mut largest = vec![0; self.scales.len()];
        for row in self.x.chunks_exact(columns) {
            for (largest, x) in largest.iter_mut().zip(row.chunks(tile_columns)) {
                *largest = largest_bits::<S>(x).max(*largest);
            }
        }
        let special = self.options.nan == Nan::Zero && largest.iter().any(|&each| each >= INFINITY_BITS);
        if special {
            largest = self.finite_largest();
        }
        for (scale, &largest) in self.scales.iter_mut().zip(&largest) {
            *scale = if largest < INFINITY_BITS { self.format.scale(largest) } else { f32::NAN };
        }
        let mut scratch = [0.0; PIECE];
        let mut clean = [0.0; PIECE];
        let mut sink = Sink::new(self.codes, self.total);
        let mut flat = self.flat;
        for row in self.x.chunks_exact(columns) {
            for (&scale, x) in self.scales.iter().zip(row.chunks(tile_columns)) {
                let codes = sink.next(x.len());
                if scale.is_nan() || scale == 0.0 {
                    codes.fill(0);
                } else {
                    let mut x = S::numbers(x).widened(&mut scratch);
                    if special {
                        clean.iter_mut().zip(x).for_each(|(clean, &value)| *clean = finite::<S>(value));
                        x = &clean[..x.len()];
                    }
                    self.format.encode(codes, x, scale, 0, self.options, self.options.key(flat));
                }
                flat += x.len();
            }
        }
        sink.finish();
    }
}

impl<S: Float> Quantize<'_, S> {
    /// The largest magnitudes of tiles with NaN as 0 and infinity as the largest finite number.
    #[cold]
    fn finite_largest(&self) -> Vec<u32> {
        let Tiling { columns, tile_columns, .. } = *self.tiling;
        let mut largest = vec![0; self.scales.len()];
        for row in self.x.chunks_exact(columns) {
            for (largest, x) in largest.iter_mut().zip(row.chunks(tile_columns)) {
                let clean: Vec<f32> = x.iter().map(|&bits| finite::<S>(S::to_f32(bits))).collect();
                *largest = largest_bits::<F32>(&clean).max(*largest);
            }
        }
        largest
    }
}

/// Dequantize: the inverse of [`quantize`].
pub fn dequantize<S: Float>(
    out: &mut [S::Bits],
    codes: &[u8],
    scales: &[f32],
    format: Fp8,
    tiling: &Tiling,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    tiling.check(out.len(), codes.len(), scales.len())?;
    let total = out.len();
    let num_threads = parallel::num_threads(threads, size_of_val(out));
    let strips = tiling.strips(total);
    let (mut out, mut flat) = (out, 0);
    let mut work = Vec::with_capacity(strips.len());
    for (count, scales) in strips.into_iter().zip(scales.chunks_exact(tiling.across())) {
        let (now, later) = out.split_at_mut(count);
        out = later;
        work.push(Dequantize::<S> { out: now, codes: &codes[flat..flat + count], scales, format, tiling, total });
        flat += count;
    }
    run_all(work, num_threads, level);
    Ok(())
}

struct Dequantize<'a, S: Float> {
    out: &'a mut [S::Bits],
    codes: &'a [u8],
    scales: &'a [f32],
    format: Fp8,
    tiling: &'a Tiling,
    total: usize,
}

impl<S: Float> Kernel for Dequantize<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut sink = Sink::new(self.out, self.total);
        for row in self.codes.chunks_exact(self.tiling.columns) {
            for (&scale, codes) in self.scales.iter().zip(row.chunks(self.tiling.tile_columns)) {
                self.format.decode::<S>(sink.next(codes.len()), codes, scale, 0);
            }
        }
        sink.finish();
    }
}
