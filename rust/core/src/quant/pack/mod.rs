//! Codes of 1 to 8 bits as dense bit streams, and back.
//!
//! A stream has no gaps: with the least significant bit first, code `i` occupies bits `[i·b, (i+1)·b)` of the
//! little-endian integer that the bytes are; with the most significant bit first, of the big-endian one. Eight codes
//! fill exactly `b` bytes, which is what every loop here rests on. [`portable`] is the loop for any CPU and for tails.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::num::NonZeroUsize;

use crate::simd::{self, Level};
use crate::{Error, Result, parallel};

/// Which end of a byte or word the first code is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least significant bit first: compressed-tensors, GPTQ, GGUF.
    Lsb,
    /// The most significant bit first: `numpy.packbits`, FP6-LLM.
    Msb,
}

/// What a byte outside the stream stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// The code itself, `0..2^b`.
    Unsigned,
    /// A signed number `q`; its code is `q + 2^(b-1)`.
    Offset,
    /// A signed number; its code is the lower `b` bits of its two's complement.
    Twos,
}

/// How codes lie in memory.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Bits of a code, 1 to 8.
    pub bits: u32,
    /// Direction of the stream.
    pub order: Order,
    /// Bytes of a word, 1 or 4: rows end at a word, and words are stored little-endian.
    pub word_bytes: usize,
    /// Meaning of the bytes that are packed.
    pub coding: Coding,
}

/// One stream: what the loops need to know. A byte `x` has the code `(x + add) ^ flip`.
#[derive(Debug, Clone, Copy)]
struct Stream {
    bits: usize,
    order: Order,
    add: u8,
    flip: u8,
    /// Whether the bytes of each 4-byte word are turned round.
    swapped: bool,
}

/// Codes that a thread gets at least: whole words, and whole cache lines of either side.
const PIECE: usize = 8192;

impl Stream {
    /// Codes as they are, from the lowest bit on.
    const fn dense(bits: u32) -> Self {
        Self { bits: bits as usize, order: Order::Lsb, add: 0, flip: 0, swapped: false }
    }
    const fn mask(&self) -> u8 {
        0xFF >> (8 - self.bits)
    }
    const fn bytes(&self, codes: usize) -> usize {
        (codes * self.bits).div_ceil(8)
    }
}

impl Packing {
    /// Bytes of a row of `cols` codes; an error if that is more than memory can hold.
    pub fn row_bytes(&self, cols: usize) -> Result<usize> {
        let row = cols.checked_mul(self.bits as usize).filter(|&bits| bits < isize::MAX as usize);
        row.map(|bits| bits.div_ceil(8 * self.word_bytes) * self.word_bytes)
            .ok_or_else(|| Error::value("cols", "small enough for memory", cols))
    }

    fn check(&self) -> Result<Stream> {
        if !(1..=8).contains(&self.bits) {
            return Err(Error::value("bits", "from 1 to 8", self.bits));
        }
        if !matches!(self.word_bytes, 1 | 4) {
            return Err(Error::value("word", "8 or 32", self.word_bytes * 8));
        }
        let half = 1_u8 << (self.bits - 1);
        let (add, flip) = match self.coding {
            Coding::Unsigned => (0, 0),
            Coding::Offset => (half, 0),
            Coding::Twos => (half, half),
        };
        let swapped = self.word_bytes == 4 && self.order == Order::Msb;
        Ok(Stream { bits: self.bits as usize, order: self.order, add, flip, swapped })
    }

    /// Codes and bytes of a row, of which each starts where the last ended if none is padded.
    fn rows(&self, codes: usize, cols: usize, packed: usize) -> Result<(usize, usize)> {
        let row_bytes = self.row_bytes(cols)?;
        let rows = codes.checked_div(cols).unwrap_or(0);
        if rows * cols != codes {
            return Err(Error::shape("x", format!("(rows, {cols})"), format!("{codes} elements")));
        }
        if rows * row_bytes != packed {
            return Err(Error::shape("packed", format!("{rows} rows of {row_bytes} bytes"), format!("{packed} bytes")));
        }
        let dense = cols * self.bits as usize == row_bytes * 8;
        Ok(if dense { (codes, packed) } else { (cols, row_bytes) })
    }
}

/// Pack `codes`, a matrix of `cols` columns, into `out`, rows one after the other. A code that does not fit is an
/// error;
/// `out` is undefined then.
pub fn pack(
    out: &mut [u8],
    codes: &[u8],
    cols: usize,
    packing: &Packing,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let stream = packing.check()?;
    let (row_codes, row_bytes) = packing.rows(codes.len(), cols, out.len())?;
    if codes.is_empty() {
        return Ok(());
    }
    let around_cache = out.len() >= simd::STREAM_FROM_BYTES;
    let num_threads = parallel::num_threads(threads, codes.len() + out.len());
    // One row: cut between pieces. More: cut between rows.
    let (unit_codes, unit_bytes) =
        if codes.len() == row_codes { (PIECE, PIECE / 8 * stream.bits) } else { (row_codes, row_bytes) };
    let units = codes.len().div_ceil(unit_codes).div_ceil(num_threads);
    let parts = out.chunks_mut(units * unit_bytes).zip(codes.chunks(units * unit_codes)).collect();
    let seen = parallel::each(parts, |(out, codes): (&mut [u8], &[u8])| {
        let rows = out.chunks_mut(row_bytes).zip(codes.chunks(row_codes));
        rows.fold(0, |seen, (out, codes)| seen | pack_row(out, codes, stream, level, around_cache))
    });
    if seen.into_iter().any(|each| each & !stream.mask() != 0) {
        Err(misfit(codes, cols, packing, stream))
    } else {
        Ok(())
    }
}

/// Pack one stream; returns all codes or-ed, from which one that does not fit is seen.
fn pack_row(out: &mut [u8], codes: &[u8], stream: Stream, level: Level, around_cache: bool) -> u8 {
    #[cfg(target_arch = "x86_64")]
    let (done, seen) = x86::pack(out, codes, stream, level, around_cache);
    #[cfg(not(target_arch = "x86_64"))]
    let (done, seen, _) = (0, 0, around_cache);
    let rest = &mut out[done / 8 * stream.bits..];
    let seen = seen | portable::pack(rest, &codes[done..], stream, level);
    rest[stream.bytes(codes.len() - done)..].fill(0);
    if stream.swapped {
        portable::swap_words(rest, level);
    }
    seen
}

/// Pack one row of codes below 2^bits from the lowest bit of `out` on; bits after the last code are 0.
pub(crate) fn pack_codes(out: &mut [u8], codes: &[u8], bits: u32, level: Level) {
    pack_row(out, codes, Stream::dense(bits), level, false);
}

/// The inverse of [`pack_codes`].
pub(crate) fn unpack_codes(out: &mut [u8], packed: &[u8], bits: u32, level: Level) {
    unpack_row(out, packed, Stream::dense(bits), level, false);
}

/// Unpack `packed` into `out`, a matrix of `cols` columns. Padding is not looked at.
pub fn unpack(
    out: &mut [u8],
    packed: &[u8],
    cols: usize,
    packing: &Packing,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let stream = packing.check()?;
    let (row_codes, row_bytes) = packing.rows(out.len(), cols, packed.len())?;
    if out.is_empty() {
        return Ok(());
    }
    let around_cache = out.len() >= simd::STREAM_FROM_BYTES;
    let num_threads = parallel::num_threads(threads, packed.len() + out.len());
    let (unit_codes, unit_bytes) =
        if out.len() == row_codes { (PIECE, PIECE / 8 * stream.bits) } else { (row_codes, row_bytes) };
    let units = out.len().div_ceil(unit_codes).div_ceil(num_threads);
    let parts = out.chunks_mut(units * unit_codes).zip(packed.chunks(units * unit_bytes)).collect();
    parallel::each(parts, |(out, packed): (&mut [u8], &[u8])| {
        for (out, packed) in out.chunks_mut(row_codes).zip(packed.chunks(row_bytes)) {
            unpack_row(out, packed, stream, level, around_cache);
        }
    });
    Ok(())
}

fn unpack_row(out: &mut [u8], packed: &[u8], stream: Stream, level: Level, around_cache: bool) {
    if !stream.swapped {
        return unpack_stream(out, packed, stream, level, around_cache);
    }
    let mut words = [0; PIECE];
    for (out, packed) in out.chunks_mut(PIECE).zip(packed.chunks(PIECE / 8 * stream.bits)) {
        let words = &mut words[..packed.len()];
        words.copy_from_slice(packed);
        portable::swap_words(words, level);
        unpack_stream(out, words, stream, level, around_cache);
    }
}

fn unpack_stream(out: &mut [u8], packed: &[u8], stream: Stream, level: Level, around_cache: bool) {
    // Up to the first cache line; not where that splits a group.
    let head = if around_cache { out.as_ptr().align_offset(64).min(out.len()) / 8 * 8 } else { 0 };
    portable::unpack(&mut out[..head], packed, stream, level);
    let (out, packed) = (&mut out[head..], &packed[head / 8 * stream.bits..]);
    #[cfg(target_arch = "x86_64")]
    let done = x86::unpack(out, packed, stream, level, around_cache);
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    portable::unpack(&mut out[done..], &packed[done / 8 * stream.bits..], stream, level);
}

/// Says which element does not fit.
#[cold]
fn misfit(codes: &[u8], cols: usize, packing: &Packing, stream: Stream) -> Error {
    let index = codes.iter().position(|&x| x.wrapping_add(stream.add) & !stream.mask() != 0).unwrap_or(0);
    let (lowest, highest) = (-i32::from(stream.add), i32::from(stream.mask()) - i32::from(stream.add));
    let value =
        if packing.coding == Coding::Unsigned { i32::from(codes[index]) } else { i32::from(codes[index] as i8) };
    let (row, column) = (index / cols, index % cols);
    let bits = stream.bits;
    Error::value(
        "x",
        format_args!("from {lowest} to {highest} for {bits} bits"),
        format_args!("{value} at row {row}, column {column}"),
    )
}
