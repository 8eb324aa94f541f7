//! Where results go: a small buffer in the first-level cache that is written out in whole cache lines.
//!
//! Large outputs go around the cache: they would only push out what is still needed. Lines are stored a few at a time,
//! so that reading goes on meanwhile.

use super::scaled::row_bytes;
use crate::quant::pack::{pack_codes, unpack_codes};
use crate::simd::{Level, Plain, STREAM_FROM_BYTES, bytes_mut, fence, store_around};

/// Elements that are asked for at once.
pub(crate) const PIECE: usize = 512;

/// Bytes of a cache line.
const LINE: usize = 64;

/// A slice that is filled from front to back, in pieces of any size up to [`PIECE`].
pub(crate) struct Sink<'a, T: Plain> {
    out: &'a mut [T],
    /// The last line is room for what is copied beyond the end.
    buffer: [T; PIECE + 2 * LINE],
    filled: usize,
    /// Elements before the first whole line.
    head: usize,
    around_cache: bool,
}

impl<'a, T: Plain> Sink<'a, T> {
    /// `total` is the size of the whole output, of which `out` may be one thread's part.
    #[inline(always)]
    pub(crate) fn new(out: &'a mut [T], total: usize) -> Self {
        let around_cache = total * size_of::<T>() >= STREAM_FROM_BYTES;
        let head = out.as_ptr().align_offset(LINE).min(LINE);
        Self { out, buffer: [T::default(); PIECE + 2 * LINE], filled: 0, head, around_cache }
    }

    /// Room for the next `count` elements, at most [`PIECE`]; all of them must be filled.
    #[inline(always)]
    pub(crate) fn next(&mut self, count: usize) -> &mut [T] {
        if self.filled + count > PIECE + LINE || self.filled >= PIECE / 2 {
            self.flush();
        }
        let from = self.filled;
        self.filled += count;
        &mut self.buffer[from..self.filled]
    }

    /// Forget the last `count` elements, which were the last that were asked for.
    #[inline(always)]
    pub(crate) fn take_back(&mut self, count: usize) {
        self.filled -= count;
    }

    /// Write whole lines; what is left, less than one, moves to the front.
    #[inline(always)]
    fn flush(&mut self) {
        const { assert!(LINE.is_multiple_of(size_of::<T>())) };
        let per_line = LINE / size_of::<T>();
        let head = self.head.min(self.filled);
        self.head -= head;
        let lines = (self.filled - head) / per_line;
        let count = head + lines * per_line;
        let (now, later) = std::mem::take(&mut self.out).split_at_mut(count);
        let (first, body) = now.split_at_mut(head);
        first.copy_from_slice(&self.buffer[..head]);
        if self.around_cache {
            store_around(body, &self.buffer[head..count]);
        } else {
            body.copy_from_slice(&self.buffer[head..count]);
        }
        self.out = later;
        if count < self.filled {
            // Of known size, which takes a few instructions in place of a call.
            let buffer = bytes_mut(&mut self.buffer);
            let from = count * size_of::<T>();
            buffer.copy_within(from..from + LINE, 0);
        }
        self.filled -= count;
    }

    /// Write the rest.
    #[inline(always)]
    pub(crate) fn finish(mut self) {
        self.flush();
        self.out[..self.filled].copy_from_slice(&self.buffer[..self.filled]);
        if self.around_cache {
            fence();
        }
    }
}

/// Codes, one to a byte, on their way to a [`Sink`] of packed bytes.
pub(crate) struct Packer<'a> {
    sink: Sink<'a, u8>,
    codes: [u8; 2 * PIECE],
    filled: usize,
    bits: u32,
    level: Level,
}

impl<'a> Packer<'a> {
    /// `total` bytes are the whole output, of which `out` may be one thread's part.
    #[inline(always)]
    pub(crate) fn new(out: &'a mut [u8], bits: u32, total: usize, level: Level) -> Self {
        Self { sink: Sink::new(out, total), codes: [0; 2 * PIECE], filled: 0, bits, level }
    }

    /// Room for the next `count` codes, at most [`PIECE`]; all of them must be filled.
    #[inline(always)]
    pub(crate) fn next(&mut self, count: usize) -> &mut [u8] {
        if self.bits == 8 {
            return self.sink.next(count);
        }
        if self.filled >= PIECE {
            self.pack(PIECE);
        }
        let from = self.filled;
        self.filled += count;
        &mut self.codes[from..self.filled]
    }

    /// Forget the last `count` codes, which were the last that were asked for.
    #[inline(always)]
    pub(crate) fn take_back(&mut self, count: usize) {
        if self.bits == 8 {
            self.sink.take_back(count);
        } else {
            self.filled -= count;
        }
    }

    /// `count` times the same code.
    pub(crate) fn fill(&mut self, code: u8, count: usize) {
        for done in (0..count).step_by(PIECE) {
            self.next(PIECE.min(count - done)).fill(code);
        }
    }

    #[inline(always)]
    fn pack(&mut self, count: usize) {
        let bytes = self.sink.next(row_bytes(count, self.bits));
        pack_codes(bytes, &self.codes[..count], self.bits, self.level);
        self.codes.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    /// The next code starts at a byte.
    #[inline(always)]
    pub(crate) fn end_row(&mut self) {
        while self.filled > 0 {
            self.pack(self.filled.min(PIECE));
        }
    }

    /// Write the rest.
    #[inline(always)]
    pub(crate) fn finish(mut self) {
        self.end_row();
        self.sink.finish();
    }
}

/// Packed codes of one row, back to one code per byte.
pub(crate) struct Unpacker<'a> {
    packed: &'a [u8],
    codes: [u8; 2 * PIECE],
    from: usize,
    to: usize,
    /// Codes not yet unpacked.
    left: usize,
    bits: u32,
    level: Level,
}

impl<'a> Unpacker<'a> {
    /// `packed` holds `count` codes.
    #[inline(always)]
    pub(crate) fn new(packed: &'a [u8], count: usize, bits: u32, level: Level) -> Self {
        Self { packed, codes: [0; 2 * PIECE], from: 0, to: 0, left: count, bits, level }
    }

    /// The next `count` codes, at most [`PIECE`].
    #[inline(always)]
    pub(crate) fn next(&mut self, count: usize) -> &[u8] {
        if self.bits == 8 {
            let (now, later) = self.packed.split_at(count);
            self.packed = later;
            return now;
        }
        if self.to - self.from < count {
            self.codes.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
            let more = self.left.min(PIECE);
            let (now, later) = self.packed.split_at(row_bytes(more, self.bits));
            unpack_codes(&mut self.codes[self.to..self.to + more], now, self.bits, self.level);
            self.packed = later;
            self.to += more;
            self.left -= more;
        }
        let from = self.from;
        self.from += count;
        &self.codes[from..self.from]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_size_arrive_in_order() {
        for (start, around) in [(0, false), (3, true), (40, true)] {
            let mut out = vec![0_u16; start + 10_000];
            let total = if around { STREAM_FROM_BYTES } else { 1 };
            let mut sink = Sink::new(&mut out[start..], total);
            let (mut next, mut size) = (0, 1);
            while next < 10_000 {
                let count = size.min(10_000 - next);
                for (index, each) in sink.next(count).iter_mut().enumerate() {
                    *each = (next + index) as u16;
                }
                next += count;
                size = size * 5 % 512 + 1;
            }
            sink.finish();
            assert!(out[start..].iter().enumerate().all(|(index, &each)| each == index as u16));
        }
    }
}
