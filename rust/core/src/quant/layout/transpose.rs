//! Packed weights turned over: from words that lie along outputs to words that lie along inputs, without arithmetic.
//!
//! GPTQ stores the words of compressed-tensors transposed: [`words`]. AWQ packs eight outputs into a word where others
//! pack
//! eight inputs: [`nibbles`]. Both work through pieces of the result that fit the first-level cache and write these
//! row by row, whole cache lines around the cache.

use std::num::NonZeroUsize;

use crate::simd::{self, Level};
use crate::{Error, Result, parallel};

#[cfg(target_arch = "x86_64")]
use super::transpose_x86;

/// Where nibble `j` of an AWQ word belongs: it holds column `AWQ_ORDER[j]`.
pub const AWQ_ORDER: [u8; 8] = [0, 2, 4, 6, 1, 3, 5, 7];
/// Nibble `j` belongs where it is.
pub const PLAIN_ORDER: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// A word, little-endian.
pub(super) type Word = [u8; 4];
/// A piece of the result: `H` rows of `W` words.
pub(super) type Piece<const H: usize, const W: usize> = [[Word; W]; H];

/// A matrix of little-endian words that is only read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) cols: usize,
}

impl Matrix<'_> {
    /// Ask for words `col..col + count` of the rows from `row` on: the next piece, while this one is in work.
    fn prefetch(&self, row: usize, rows: usize, col: usize, count: usize) {
        for row in row..row + rows {
            for line in (0..4 * count + 63).step_by(64) {
                simd::prefetch_line(self.bytes, 4 * (row * self.cols + col) + line.min(4 * count - 1));
            }
        }
    }

    /// `N` bytes from word `col` of row `row` on.
    #[inline(always)]
    pub(super) fn at<const N: usize>(&self, row: usize, col: usize) -> Option<&[u8; N]> {
        self.bytes.get(4 * (row * self.cols + col)..)?.first_chunk()
    }

    #[inline(always)]
    fn word(&self, row: usize, col: usize) -> Word {
        *self.at(row, col).unwrap_or(&[0; 4])
    }
}

/// A rectangle of the result: its first row and word, and how many of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rectangle {
    pub(super) row: usize,
    pub(super) col: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// Transpose `source`, rows of `cols` 4-byte words, into `out`.
pub fn words(out: &mut [u8], source: &[u8], cols: usize, threads: Option<NonZeroUsize>, level: Level) -> Result<()> {
    let rows = rows_of(source, cols, "source")?;
    same_size(out, source)?;
    let source = Matrix { bytes: source, cols };
    let ahead = |place: Rectangle| source.prefetch(place.col, place.cols, place.row, place.rows);
    by_pieces::<64, 64>(out, rows, threads, ahead, |piece, place| {
        #[cfg(target_arch = "x86_64")]
        if transpose_x86::words(piece, source, place, level) {
            return;
        }
        let _ = level;
        for (i, row) in piece.iter_mut().enumerate().take(place.rows) {
            for (j, word) in row.iter_mut().enumerate().take(place.cols) {
                *word = source.word(place.col + j, place.row + i);
            }
        }
    });
    Ok(())
}

/// Transpose a matrix of nibbles, packed eight in a word along the rows of `source` and of `out` alike: nibble `j` of
/// a word of `source` holds column `source_order[j]` of the eight, and a word of `out` holds them by `out_order`.
///
/// Both numbers of nibbles must be multiples of 8.
pub fn nibbles(
    out: &mut [u8],
    source: &[u8],
    cols: usize,
    orders: (&[u8; 8], &[u8; 8]),
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let rows = rows_of(source, cols, "source")?;
    same_size(out, source)?;
    if !rows.is_multiple_of(8) {
        return Err(Error::shape("source", "a multiple of 8 rows", format!("{rows} rows")));
    }
    let source = Matrix { bytes: source, cols };
    let ahead = |place: Rectangle| source.prefetch(8 * place.col, 8 * place.cols, place.row / 8, place.rows / 8);
    // Eight times as many rows are read as words are made: 64 bytes of each.
    by_pieces::<128, 32>(out, rows / 8, threads, ahead, |piece, place| {
        #[cfg(target_arch = "x86_64")]
        if transpose_x86::nibbles(piece, source, place, orders, level) {
            return;
        }
        let _ = level;
        for i in (0..place.rows).step_by(8) {
            #[expect(clippy::needless_range_loop, reason = "a column of the piece, not one of its rows")]
            for j in 0..place.cols {
                let (row, col) = (8 * (place.col + j), (place.row + i) / 8);
                let eight = orders.1.map(|k| u32::from_le_bytes(source.word(row + k as usize, col)));
                for (nibble, &row) in orders.0.iter().enumerate() {
                    let codes = eight.iter().enumerate().map(|(k, word)| (word >> (4 * nibble) & 15) << (4 * k));
                    piece[i + row as usize][j] = codes.sum::<u32>().to_le_bytes();
                }
            }
        }
    });
    Ok(())
}

fn rows_of(source: &[u8], cols: usize, argument: &'static str) -> Result<usize> {
    let rows = (source.len() / 4).checked_div(cols).unwrap_or(0);
    if rows * cols * 4 == source.len() {
        Ok(rows)
    } else {
        Err(Error::shape(argument, format!("(rows, {cols}) words"), format!("{} bytes", source.len())))
    }
}

fn same_size(out: &[u8], source: &[u8]) -> Result<()> {
    if out.len() == source.len() {
        Ok(())
    } else {
        Err(Error::shape("out", format!("{} bytes", source.len()), format!("{} bytes", out.len())))
    }
}

/// Make `out`, rows of `cols` words, piece by piece; threads get whole multiples of `H` rows.
fn by_pieces<const H: usize, const W: usize>(
    out: &mut [u8],
    cols: usize,
    threads: Option<NonZeroUsize>,
    ahead: impl Fn(Rectangle) + Sync,
    fill: impl Fn(&mut Piece<H, W>, Rectangle) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let around_cache = out.len() >= simd::STREAM_FROM_BYTES;
    let (row_bytes, rows) = (cols * 4, out.len() / (cols * 4));
    let share = rows.div_ceil(parallel::num_threads(threads, 2 * out.len())).next_multiple_of(H);
    let parts = out.chunks_mut(share * row_bytes).enumerate().collect();
    parallel::each(parts, |(index, out): (usize, &mut [u8])| {
        let mut piece = [[[0; 4]; W]; H];
        // Pieces begin at cache lines of the result where all its rows do.
        let head = if row_bytes.is_multiple_of(64) { out.as_ptr().align_offset(64) / 4 % W } else { 0 };
        for (band, out) in out.chunks_mut(H * row_bytes).enumerate() {
            let (row, rows) = (index * share + band * H, out.len() / row_bytes);
            let mut col = 0;
            while col < cols {
                let width = if col == 0 && head > 0 { head } else { W }.min(cols - col);
                let next = col + width;
                if next < cols {
                    ahead(Rectangle { row, col: next, rows, cols: W.min(cols - next) });
                }
                fill(&mut piece, Rectangle { row, col, rows, cols: width });
                for (out, made) in out.chunks_mut(row_bytes).zip(&piece) {
                    let (out, made) = (&mut out[4 * col..4 * (col + width)], made[..width].as_flattened());
                    if around_cache {
                        simd::stream_piece(out, made);
                    } else {
                        out.copy_from_slice(made);
                    }
                }
                col = next;
            }
        }
        simd::fence();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<u8> {
        (0..count as u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
    }

    #[test]
    fn words_are_transposed_at_every_size_and_level() {
        for (rows, cols) in [(0, 3), (1, 1), (3, 17), (8, 8), (9, 70), (64, 64), (130, 75), (1100, 1000)] {
            let source = numbers(rows * cols);
            let mut expected = vec![0; source.len()];
            for (index, word) in source.chunks(4).enumerate() {
                let at = 4 * (index % cols * rows + index / cols);
                expected[at..at + 4].copy_from_slice(word);
            }
            for level in simd::levels() {
                for threads in [1, 3] {
                    let mut out = vec![0xAA; source.len()];
                    words(&mut out, &source, cols, NonZeroUsize::new(threads), level).unwrap();
                    assert!(out == expected, "{rows} {cols} {level:?}");
                }
            }
        }
    }

    #[test]
    fn nibbles_are_transposed_at_every_size_and_level() {
        let nibble = |bytes: &[u8], at: usize| bytes[at / 2] >> (at % 2 * 4) & 15;
        for (rows, cols) in [(8, 1), (64, 8), (72, 9), (512, 64), (200, 75), (2048, 1000)] {
            let source = numbers(rows * cols);
            for orders in [(&AWQ_ORDER, &PLAIN_ORDER), (&PLAIN_ORDER, &AWQ_ORDER)] {
                let mut expected = vec![0; source.len()];
                let out_row = rows / 8 * 8;
                for row in 0..rows {
                    for col in 0..cols * 8 {
                        let (j, k) = (col % 8, (0..8).find(|&k| orders.1[k] as usize == row % 8).unwrap());
                        let target = (col / 8 * 8 + orders.0[j] as usize) * out_row + row / 8 * 8 + k;
                        expected[target / 2] |= nibble(&source, row * cols * 8 + col) << (target % 2 * 4);
                    }
                }
                for level in simd::levels() {
                    let mut out = vec![0xAA; source.len()];
                    nibbles(&mut out, &source, cols, orders, NonZeroUsize::new(2), level).unwrap();
                    assert!(out == expected, "{rows} {cols} {level:?}");
                }
            }
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(words(&mut [0; 8], &[0; 12], 3, None, simd::level()).is_err());
        assert!(words(&mut [0; 12], &[0; 12], 2, None, simd::level()).is_err());
        assert!(nibbles(&mut [0; 12], &[0; 12], 1, (&AWQ_ORDER, &PLAIN_ORDER), None, simd::level()).is_err());
    }
}
