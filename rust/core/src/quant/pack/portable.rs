//! Packing in 64-bit integers: eight codes at once, in three steps that each join neighbors. For any CPU, for tails.

use super::{Order, Stream};
use crate::simd::{Kernel, Level, dispatch};

/// Lanes of 8, 16 and 32 bits in which neighbors are joined: the lower half of each pair.
const LOWER: [u64; 3] = [0x00FF_00FF_00FF_00FF, 0x0000_FFFF_0000_FFFF, 0x0000_0000_FFFF_FFFF];

/// The `b` bytes of eight codes, in the lower bytes.
#[inline(always)]
fn join(mut x: u64, bits: usize, order: Order) -> u64 {
    if order == Order::Msb {
        x = x.swap_bytes();
    }
    for (step, lower) in LOWER.into_iter().enumerate() {
        x = x & lower | (x >> (8 << step) & lower) << (bits << step);
    }
    if order == Order::Msb { (x << (64 - 8 * bits)).swap_bytes() } else { x }
}

/// The inverse of [`join`]; upper bytes are not looked at.
#[inline(always)]
fn split(mut x: u64, bits: usize, order: Order) -> u64 {
    if order == Order::Msb {
        x = x.swap_bytes() >> (64 - 8 * bits);
    }
    for (step, lower) in LOWER.into_iter().enumerate().rev() {
        let field = lower & lower >> ((8 << step) - (bits << step));
        x = x & field | (x >> (bits << step) & field) << (8 << step);
    }
    if order == Order::Msb { x.swap_bytes() } else { x }
}

struct Pack<'a> {
    out: &'a mut [u8],
    codes: &'a [u8],
    stream: Stream,
}

impl Kernel for Pack<'_> {
    type Output = u8;
    #[inline(always)]
    fn run(self) -> u8 {
        let Self { out, codes, stream } = self;
        let Stream { bits, order, add, flip, .. } = stream;
        if bits == 8 {
            for (out, &x) in out.iter_mut().zip(codes) {
                *out = x.wrapping_add(add) ^ flip;
            }
            return 0;
        }
        let mut seen = 0;
        let (groups, tail) = codes.as_chunks::<8>();
        let mut code = |x: u8| {
            let sum = x.wrapping_add(add);
            seen |= sum;
            sum ^ flip
        };
        for (index, group) in groups.iter().enumerate() {
            let joined = join(u64::from_le_bytes(group.map(&mut code)), bits, order).to_le_bytes();
            put(&mut out[index * bits..], joined, bits);
        }
        let mut last = [0; 8];
        for (last, &x) in last.iter_mut().zip(tail) {
            *last = code(x);
        }
        let joined = join(u64::from_le_bytes(last), bits, order).to_le_bytes();
        put(&mut out[groups.len() * bits..], joined, stream.bytes(tail.len()));
        seen
    }
}

/// Write the first `count` bytes; all eight where there is room, because that is one store.
#[inline(always)]
fn put(out: &mut [u8], bytes: [u8; 8], count: usize) {
    if let Some(all) = out.first_chunk_mut::<8>() {
        *all = bytes;
    } else {
        out[..count].copy_from_slice(&bytes[..count]);
    }
}

struct Unpack<'a> {
    out: &'a mut [u8],
    packed: &'a [u8],
    stream: Stream,
}

impl Kernel for Unpack<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { out, packed, stream: Stream { bits, order, add, flip, .. } } = self;
        let number = |code: u8| (code ^ flip).wrapping_sub(add);
        if bits == 8 {
            for (out, &code) in out.iter_mut().zip(packed) {
                *out = number(code);
            }
            return;
        }
        for (index, group) in out.chunks_mut(8).enumerate() {
            let rest = &packed[index * bits..];
            let mut bytes = [0; 8];
            if let Some(all) = rest.first_chunk::<8>() {
                bytes = *all;
            } else {
                let count = rest.len().min(bits);
                bytes[..count].copy_from_slice(&rest[..count]);
            }
            let codes = split(u64::from_le_bytes(bytes), bits, order).to_le_bytes().map(number);
            if let Some(all) = group.first_chunk_mut::<8>() {
                *all = codes;
            } else {
                group.copy_from_slice(&codes[..group.len()]);
            }
        }
    }
}

struct SwapWords<'a>(&'a mut [u8]);

impl Kernel for SwapWords<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for word in self.0.as_chunks_mut::<4>().0 {
            word.reverse();
        }
    }
}

/// Turn the bytes of each 4-byte word round.
pub(super) fn swap_words(bytes: &mut [u8], level: Level) {
    dispatch(level, SwapWords(bytes));
}

/// Pack all of `codes`; returns them or-ed.
pub(super) fn pack(out: &mut [u8], codes: &[u8], stream: Stream, level: Level) -> u8 {
    dispatch(level, Pack { out, codes, stream })
}

/// Fill `out` from the start of `packed`.
pub(super) fn unpack(out: &mut [u8], packed: &[u8], stream: Stream, level: Level) {
    dispatch(level, Unpack { out, packed, stream });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_codes_of_three_bits_fill_three_bytes() {
        // 1 | 2<<3 | 3<<6 | ... as compressed-tensors writes them, and 001 010 011 ... as numpy's packbits does.
        let codes = u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 0]);
        assert_eq!(join(codes, 3, Order::Lsb), 0o765_4321);
        assert_eq!(join(codes, 3, Order::Msb).to_le_bytes()[..3], [0b0010_1001, 0b1100_1011, 0b1011_1000]);
    }

    #[test]
    fn split_undoes_join_whatever_follows() {
        for bits in 1..=8 {
            let codes =
                u64::from_le_bytes([1, 255, 37, 200, 85, 170, 0, 129]) & u64::from_le_bytes([0xFF >> (8 - bits); 8]);
            for order in [Order::Lsb, Order::Msb] {
                let garbage = if bits == 8 { 0 } else { u64::MAX << (8 * bits) };
                assert_eq!(split(join(codes, bits, order) | garbage, bits, order), codes);
            }
        }
    }
}
