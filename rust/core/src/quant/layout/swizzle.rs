//! Block scales in the order in which tensor cores read them: cuBLAS, CUTLASS, vLLM, Transformer Engine.
//!
//! A tile of 128 rows and 4 columns lies in 512 bytes: scale `(r, c)` of the tile at `(r mod 32)·16 + (r div 32)·4 +
//! c`. With the 4 scales of a row as one word, that is a transpose of 4×32 words. Tiles follow each other row by row.

use std::num::NonZeroUsize;

use crate::simd::{self, Kernel, Level};
use crate::{Error, Result, parallel};

/// Rows of a tile.
pub const ROWS: usize = 128;
/// Columns of a tile.
pub const COLS: usize = 4;
/// Tiles that are made at once: their rows are whole cache lines of the matrix.
const RUN: usize = 16;
/// Bands up to this size are asked for while the one before is in work; larger ones would not stay in the cache.
const AHEAD: usize = 256 << 10;

/// Four scales of a row.
type Word = [u8; COLS];
/// The words of a tile whose rows are equal modulo 32.
type Quad = [Word; 4];

/// Lay out `scales`, a matrix of `cols` columns, in tiles; what a tile has beyond the matrix becomes 0.
pub fn swizzle(out: &mut [u8], scales: &[u8], cols: usize, threads: Option<NonZeroUsize>, level: Level) -> Result<()> {
    let band = band(out.len(), scales.len(), cols, "scales")?;
    if scales.is_empty() {
        return Ok(());
    }
    let around_cache = out.len() >= simd::STREAM_FROM_BYTES;
    let share = share(out.len(), band, threads);
    let parts = out.chunks_mut(share * band).zip(scales.chunks(share * ROWS * cols)).collect();
    parallel::each(parts, |(out, all): (&mut [u8], &[u8])| {
        for (index, (out, scales)) in out.chunks_mut(band).zip(all.chunks(ROWS * cols)).enumerate() {
            let from_here = &all[index * ROWS * cols..];
            simd::dispatch(level, Swizzle { out, scales, from_here, cols, around_cache });
        }
        simd::fence();
    });
    Ok(())
}

/// Take `tiled` scales back to a matrix of `cols` columns; padding is not looked at.
pub fn unswizzle(out: &mut [u8], tiled: &[u8], cols: usize, threads: Option<NonZeroUsize>, level: Level) -> Result<()> {
    let band = band(tiled.len(), out.len(), cols, "out")?;
    if out.is_empty() {
        return Ok(());
    }
    // Only whole lines: parts of lines are slower around the cache.
    let around_cache = out.len() >= simd::STREAM_FROM_BYTES && cols.is_multiple_of(64);
    let share = share(tiled.len(), band, threads);
    let parts = out.chunks_mut(share * ROWS * cols).zip(tiled.chunks(share * band)).collect();
    parallel::each(parts, |(out, tiled): (&mut [u8], &[u8])| {
        for (out, tiled) in out.chunks_mut(ROWS * cols).zip(tiled.chunks(band)) {
            simd::dispatch(level, Unswizzle { out, tiled, cols, around_cache });
        }
        simd::fence();
    });
    Ok(())
}

/// Bytes of a band of tiles.
fn band(tiled: usize, matrix: usize, cols: usize, argument: &'static str) -> Result<usize> {
    let rows = matrix.checked_div(cols).unwrap_or(0);
    if rows * cols != matrix {
        return Err(Error::shape(argument, format!("(rows, {cols})"), format!("{matrix} elements")));
    }
    // No matrix, no tiles: how wide a row would be may be beyond what can be counted in bytes.
    let (band, count) = match rows {
        0 => (0, 0),
        _ => (cols.next_multiple_of(COLS) * ROWS, rows.div_ceil(ROWS)),
    };
    if count * band != tiled {
        return Err(Error::shape("tiles", format!("{} bytes", count * band), format!("{tiled} bytes")));
    }
    Ok(band)
}

fn share(bytes: usize, band: usize, threads: Option<NonZeroUsize>) -> usize {
    (bytes / band).div_ceil(parallel::num_threads(threads, 2 * bytes)).max(1)
}

struct Swizzle<'a> {
    out: &'a mut [u8],
    scales: &'a [u8],
    /// The scales and those of the bands that follow.
    from_here: &'a [u8],
    cols: usize,
    around_cache: bool,
}

impl Kernel for Swizzle<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { out, scales, from_here, cols, around_cache } = self;
        let mut buffer = [[[0; 4 * COLS]; 32]; RUN];
        let whole_rows = scales.len() == ROWS * cols;
        for (run, out) in out.chunks_mut(RUN * ROWS * COLS).enumerate() {
            let column = run * RUN * COLS;
            let row = |r: usize| scales.get(r * cols + column..).unwrap_or(&[]);
            let tiles = out.len() / (ROWS * COLS);
            if ROWS * cols <= AHEAD {
                // The same share of the next band, in the order of memory. Lines a power of two apart, as those of a
                // column are, would push each other out.
                let from = (ROWS * cols + column * ROWS).min(from_here.len());
                simd::prefetch(&from_here[from..(from + RUN * COLS * ROWS).min(from_here.len())]);
            } else {
                let next = if column + RUN * COLS < cols { column + RUN * COLS } else { ROWS * cols };
                for r in 0..ROWS {
                    simd::prefetch_line(from_here, r * cols + next);
                }
            }
            if whole_rows && column + RUN * COLS <= cols {
                for r in 0..32 {
                    let rows = [0, 1, 2, 3].map(|quarter| row(r + 32 * quarter).first_chunk::<{ RUN * COLS }>());
                    let [Some(a), Some(b), Some(c), Some(d)] = rows else { break };
                    let rows = [a, b, c, d].map(|row| row.as_chunks::<COLS>().0);
                    for (tile, target) in buffer.iter_mut().enumerate() {
                        let quad: Quad = [rows[0][tile], rows[1][tile], rows[2][tile], rows[3][tile]];
                        target[r].copy_from_slice(quad.as_flattened());
                    }
                }
            } else {
                buffer = [[[0; 4 * COLS]; 32]; RUN];
                for (r, row) in scales.chunks(cols).enumerate() {
                    for (c, &scale) in row.iter().enumerate().skip(column).take(RUN * COLS) {
                        buffer[(c - column) / COLS][r % 32][r / 32 * COLS + c % COLS] = scale;
                    }
                }
            }
            let made = buffer[..tiles].as_flattened().as_flattened();
            if around_cache {
                simd::stream_piece(out, made);
            } else {
                out.copy_from_slice(made);
            }
        }
    }
}

struct Unswizzle<'a> {
    out: &'a mut [u8],
    tiled: &'a [u8],
    cols: usize,
    around_cache: bool,
}

impl Kernel for Unswizzle<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { out, tiled, cols, around_cache } = self;
        let tiles = tiled.as_chunks::<{ 4 * COLS }>().0.as_chunks::<32>().0;
        let whole_runs = if out.len() == ROWS * cols { cols / (RUN * COLS) } else { 0 };
        for (run, tiles) in tiles.as_chunks::<RUN>().0.iter().enumerate().take(whole_runs) {
            for r in 0..32 {
                // A whole line of each of four rows.
                let mut lines = [[[0; COLS]; RUN]; 4];
                for (t, tile) in tiles.iter().enumerate() {
                    let quad = tile[r].as_chunks::<COLS>().0;
                    for (line, word) in lines.iter_mut().zip(quad) {
                        line[t] = *word;
                    }
                }
                for (quarter, line) in lines.iter().enumerate() {
                    let from = (r + 32 * quarter) * cols + run * RUN * COLS;
                    let out = &mut out[from..from + RUN * COLS];
                    if around_cache {
                        simd::store_around(out, line.as_flattened());
                    } else {
                        out.copy_from_slice(line.as_flattened());
                    }
                }
            }
        }
        let done = whole_runs * RUN * COLS;
        if done == cols {
            return;
        }
        for (r, row) in out.chunks_mut(cols).enumerate() {
            let from = r / 32 * COLS;
            for (word, tile) in row[done..].chunks_mut(COLS).zip(&tiles[done / COLS..]) {
                word.copy_from_slice(&tile[r % 32][from..from + word.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scale_lies_where_the_formula_says_and_padding_is_zero() {
        for (rows, cols) in [(1_usize, 1_usize), (128, 4), (130, 7), (300, 64), (257, 133), (128, 128)] {
            let scales: Vec<u8> = (0..rows * cols).map(|i| (i % 255 + 1) as u8).collect();
            let (height, width) = (rows.next_multiple_of(ROWS), cols.next_multiple_of(COLS));
            let mut expected = vec![0; height * width];
            for (index, &scale) in scales.iter().enumerate() {
                let (r, c) = (index / cols, index % cols);
                let tile = r / 128 * (width / 4) + c / 4;
                expected[tile * 512 + r % 32 * 16 + r % 128 / 32 * 4 + c % 4] = scale;
            }
            for level in simd::levels() {
                let mut out = vec![0xAA; height * width];
                swizzle(&mut out, &scales, cols, NonZeroUsize::new(2), level).unwrap();
                assert!(out == expected, "{rows} {cols}");
                let mut back = vec![0xAA; scales.len()];
                unswizzle(&mut back, &out, cols, NonZeroUsize::new(2), level).unwrap();
                assert!(back == scales, "{rows} {cols}");
            }
        }
    }

    #[test]
    fn nothing_is_fine_and_wrong_sizes_are_not() {
        swizzle(&mut [], &[], 0, None, simd::level()).unwrap();
        swizzle(&mut [], &[], 5, None, simd::level()).unwrap();
        assert!(swizzle(&mut [0; 512], &[1; 3], 2, None, simd::level()).is_err());
        assert!(swizzle(&mut [0; 511], &[1; 4], 2, None, simd::level()).is_err());
    }
}
