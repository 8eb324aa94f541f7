//! Codes as planes of bits, for kernels that multiply bit by bit with population counts: `FlexQ`, ABQ-LLM.
//!
//! A word of plane `p` holds bit `p` of 32 consecutive codes of a row, the first at the most significant bit. `FlexQ`
//! orders words so that a thread block reads contiguously: `[cols / 128][rows / chunk][bits][chunk][4]`; ABQ:
//! `[bits][rows][cols / 32]`.

use std::num::NonZeroUsize;

use crate::simd::{Kernel, Level, dispatch};
use crate::{Error, Result, parallel};

/// Sizes and order of planes.
#[derive(Debug, Clone, Copy)]
pub struct Planes {
    /// Bits of a code, 1 to 8.
    pub bits: usize,
    /// Rows of the matrix of codes.
    pub rows: usize,
    /// For `FlexQ`, rows of a chunk, the last of which is padded with zeros; for ABQ, nothing.
    pub chunk: Option<usize>,
}

/// The bytes of 32 codes of one plane: a little-endian word whose most significant bit is the first code's.
type Word = [u8; 4];

impl Planes {
    /// Columns of `codes`; an error if that or `planes` has the wrong size.
    fn cols(&self, codes: usize, planes: usize) -> Result<usize> {
        if !(1..=8).contains(&self.bits) {
            return Err(Error::value("bits", "from 1 to 8", self.bits));
        }
        if let Some(chunk) = self.chunk.filter(|chunk| !(1..=1024).contains(chunk)) {
            return Err(Error::value("chunk", "from 1 to 1024", chunk));
        }
        let cols = codes.checked_div(self.rows).unwrap_or(0);
        let unit = if self.chunk.is_some() { 128 } else { 32 };
        if cols * self.rows != codes || !cols.is_multiple_of(unit) {
            let expected = format!("({}, a multiple of {unit})", self.rows);
            return Err(Error::shape("x", expected, format!("{codes} elements")));
        }
        let rows = self.chunk.map_or(self.rows, |chunk| self.rows.next_multiple_of(chunk));
        if planes != rows * (cols / 8) * self.bits {
            let expected = format!("{} bytes", rows * (cols / 8) * self.bits);
            return Err(Error::shape("planes", expected, format!("{planes} bytes")));
        }
        Ok(cols)
    }
}

/// Pack `codes` into `out`. A code that does not fit is an error; `out` is undefined then.
pub fn pack(out: &mut [u8], codes: &[u8], planes: &Planes, threads: Option<NonZeroUsize>, level: Level) -> Result<()> {
    let cols = planes.cols(codes.len(), out.len())?;
    if codes.is_empty() {
        return Ok(());
    }
    let parts = parts(out.as_chunks_mut().0, planes, cols, parallel::num_threads(threads, 2 * codes.len()));
    let seen = parallel::each(parts, |part| dispatch(level, Pack { part, codes, planes, cols }));
    if seen.into_iter().all(|each| u32::from(each) >> planes.bits == 0) {
        return Ok(());
    }
    let index = codes.iter().position(|&code| u32::from(code) >> planes.bits != 0).unwrap_or(0);
    let (row, column) = (index / cols, index % cols);
    let expected = format!("from 0 to {} for {} bits", (1 << planes.bits) - 1, planes.bits);
    Err(Error::value("x", expected, format!("{} at row {row}, column {column}", codes[index])))
}

/// Unpack `packed` into `out`, rows of codes.
pub fn unpack(
    out: &mut [u8],
    packed: &[u8],
    planes: &Planes,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let cols = planes.cols(out.len(), packed.len())?;
    if out.is_empty() {
        return Ok(());
    }
    let share = planes.rows.div_ceil(parallel::num_threads(threads, 2 * out.len()));
    let parts = out.chunks_mut(share * cols).enumerate().collect();
    let words = packed.as_chunks().0;
    parallel::each(parts, |(index, out): (usize, &mut [u8])| {
        dispatch(level, Unpack { out, first_row: index * share, words, planes, cols });
    });
    Ok(())
}

/// What one thread fills: slices of words, with the codes that they begin at.
struct Part<'a> {
    first_row: usize,
    first_col: usize,
    slices: Vec<&'a mut [Word]>,
}

/// `FlexQ` is cut between blocks of 128 columns, ABQ between rows, of which each plane has its own slice.
fn parts<'a>(out: &'a mut [Word], planes: &Planes, cols: usize, num_threads: usize) -> Vec<Part<'a>> {
    if planes.chunk.is_some() {
        let blocks = cols / 128;
        let (share, block) = (blocks.div_ceil(num_threads), out.len() / blocks);
        let slices = out.chunks_mut(share * block).enumerate();
        return slices
            .map(|(index, slice)| Part { first_row: 0, first_col: index * share * 128, slices: vec![slice] })
            .collect();
    }
    let (share, row) = (planes.rows.div_ceil(num_threads), cols / 32);
    let mut parts: Vec<Part<'a>> = (0..planes.rows.div_ceil(share))
        .map(|index| Part { first_row: index * share, first_col: 0, slices: Vec::new() })
        .collect();
    for plane in out.chunks_mut(planes.rows * row) {
        for (part, slice) in parts.iter_mut().zip(plane.chunks_mut(share * row)) {
            part.slices.push(slice);
        }
    }
    parts
}

struct Pack<'a> {
    part: Part<'a>,
    codes: &'a [u8],
    planes: &'a Planes,
    cols: usize,
}

impl Kernel for Pack<'_> {
    type Output = u8;
    #[inline(always)]
    fn run(self) -> u8 {
        let Self { mut part, codes, planes: &Planes { bits, rows, chunk }, cols } = self;
        let mut seen = 0;
        let mut words = |row: usize, col: usize| match codes[row * cols + col..].first_chunk() {
            Some(codes) => {
                seen = codes.iter().fold(seen, |seen, &code| seen | code);
                gather(codes)
            }
            None => [[0; 4]; 8],
        };
        if let Some(chunk) = chunk {
            let padded = rows.next_multiple_of(chunk);
            for (block, out) in part.slices[0].chunks_mut(padded * bits * 4).enumerate() {
                for row in 0..padded {
                    for quarter in 0..4 {
                        let col = part.first_col + block * 128 + quarter * 32;
                        let made = if row < rows { words(row, col) } else { [[0; 4]; 8] };
                        for (plane, &word) in made.iter().enumerate().take(bits) {
                            let line = (row / chunk * bits + plane) * chunk + row % chunk;
                            out[line * 4 + quarter] = word;
                        }
                    }
                }
            }
        } else {
            for at in 0..part.slices[0].len() {
                let made = words(part.first_row + at / (cols / 32), at % (cols / 32) * 32);
                for (slice, word) in part.slices.iter_mut().zip(made) {
                    slice[at] = word;
                }
            }
        }
        seen
    }
}

struct Unpack<'a> {
    out: &'a mut [u8],
    first_row: usize,
    words: &'a [Word],
    planes: &'a Planes,
    cols: usize,
}

impl Kernel for Unpack<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { out, first_row, words, planes: &Planes { bits, rows, chunk }, cols } = self;
        for (index, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
            let (row, word) = (first_row + index / (cols / 32), index % (cols / 32));
            let at = |plane: usize| match chunk {
                None => (plane * rows + row) * (cols / 32) + word,
                Some(chunk) => {
                    let block = word / 4 * rows.div_ceil(chunk) + row / chunk;
                    ((block * bits + plane) * chunk + row % chunk) * 4 + word % 4
                }
            };
            let mut planes = [[0; 4]; 8];
            for (plane, target) in planes.iter_mut().enumerate().take(bits) {
                *target = words[at(plane)];
            }
            *out = scatter(&planes);
        }
    }
}

/// One bit of each of eight bytes.
const LOWEST: u64 = 0x0101_0101_0101_0101;

/// The words of all planes of 32 codes.
#[inline(always)]
fn gather(codes: &[u8; 32]) -> [Word; 8] {
    // Brings bit 8·i to bit 63 - i; no two products meet.
    const TO_TOP: u64 = 0x8040_2010_0804_0201;
    let mut planes = [[0; 4]; 8];
    for (eight, codes) in codes.as_chunks().0.iter().enumerate() {
        let codes = u64::from_le_bytes(*codes);
        for (plane, word) in planes.iter_mut().enumerate() {
            word[3 - eight] = ((codes >> plane & LOWEST).wrapping_mul(TO_TOP) >> 56) as u8;
        }
    }
    planes
}

/// The codes of words of all planes.
#[inline(always)]
fn scatter(planes: &[Word; 8]) -> [u8; 32] {
    // Byte i of the codes looks at bit 7 - i of the plane.
    const BIT: u64 = 0x0102_0408_1020_4080;
    let mut codes = [0; 32];
    for (eight, codes) in codes.as_chunks_mut().0.iter_mut().enumerate() {
        let bits = |word: &Word| ((u64::from(word[3 - eight]) * LOWEST & BIT) + 0x7F * LOWEST) >> 7 & LOWEST;
        *codes = planes.iter().enumerate().fold(0, |all, (plane, word)| all | bits(word) << plane).to_le_bytes();
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd;

    #[test]
    fn the_first_code_is_at_the_most_significant_bit() {
        let mut codes = [0; 32];
        (codes[0], codes[31], codes[9]) = (1, 3, 128);
        let planes = gather(&codes);
        assert_eq!(planes.map(u32::from_le_bytes), [0x8000_0001, 1, 0, 0, 0, 0, 0, 0x0040_0000]);
        assert_eq!(scatter(&planes), codes);
    }

    #[test]
    fn every_bit_lies_where_the_formula_says() {
        for (bits, rows, cols, chunk) in
            [(6, 11, 256, Some(8)), (1, 3, 128, Some(2)), (8, 5, 384, Some(5)), (3, 7, 96, None), (8, 1, 32, None)]
        {
            let planes = Planes { bits, rows, chunk };
            let codes: Vec<u8> = (0..rows * cols).map(|i| (i * 37 >> 2) as u8 >> (8 - bits)).collect();
            let padded = chunk.map_or(rows, |chunk| rows.next_multiple_of(chunk));
            let mut expected = vec![0_u32; padded * cols / 32 * bits];
            for (index, code) in codes.iter().enumerate() {
                let (row, col) = (index / cols, index % cols);
                for p in 0..bits {
                    let at = if let Some(chunk) = chunk {
                        let block = col / 128 * (padded / chunk) + row / chunk;
                        ((block * bits + p) * chunk + row % chunk) * 4 + col % 128 / 32
                    } else {
                        (p * rows + row) * (cols / 32) + col / 32
                    };
                    expected[at] |= u32::from(code >> p & 1) << (31 - col % 32);
                }
            }
            let expected: Vec<u8> = expected.into_iter().flat_map(u32::to_le_bytes).collect();
            for (level, threads) in simd::levels().into_iter().zip([1, 2, 4]) {
                let mut out = vec![0xAA; expected.len()];
                pack(&mut out, &codes, &planes, NonZeroUsize::new(threads), level).unwrap();
                assert_eq!(out, expected);
                let mut back = vec![0xAA; codes.len()];
                unpack(&mut back, &out, &planes, NonZeroUsize::new(threads), level).unwrap();
                assert_eq!(back, codes);
            }
        }
    }

    #[test]
    fn codes_and_sizes_that_do_not_fit_are_refused() {
        let planes = Planes { bits: 2, rows: 1, chunk: None };
        let run = |planes: &Planes, codes: &[u8], out: usize| {
            pack(&mut vec![0; out], codes, planes, None, simd::level()).map_err(|error| error.to_string())
        };
        let mut codes = [3; 64];
        assert_eq!(run(&planes, &codes, 16), Ok(()));
        codes[40] = 4;
        assert_eq!(
            run(&planes, &codes, 16).unwrap_err(),
            "`x` must be from 0 to 3 for 2 bits, got 4 at row 0, column 40"
        );
        assert!(run(&planes, &codes[..40], 10).is_err());
        assert!(run(&planes, &codes, 15).is_err());
        assert!(run(&Planes { chunk: Some(0), ..planes }, &codes, 16).is_err());
        assert!(run(&Planes { bits: 9, ..planes }, &codes, 16).is_err());
        assert_eq!(run(&Planes { rows: 0, ..planes }, &[], 0), Ok(()));
    }
}
