//! What the vector loops share: the choice of one, tables, and staging of whole cache lines.

use super::avx2::{pack as pack_avx2, unpack as unpack_avx2};
use super::avx512::{pack as pack_avx512, unpack as unpack_avx512};
use super::{Order, Stream};
use crate::simd::{Avx2, Avx512, Level, fence, with_features};

/// Pack whole blocks of codes into the start of `out`; returns how many codes, and these or-ed.
pub(super) fn pack(out: &mut [u8], codes: &[u8], stream: Stream, level: Level, around_cache: bool) -> (usize, u8) {
    match (Avx512::at(level), Avx2::at(level)) {
        (Some(proof), _) if stream.bits < 8 => {
            with_features!(Avx512, proof, pack_avx512(out, codes, stream, around_cache))
        }
        (_, Some(proof)) => with_features!(Avx2, proof, pack_avx2(out, codes, stream, around_cache)),
        _ => (0, 0),
    }
}

/// Unpack whole lines of codes from the start of `packed`; returns how many codes.
pub(super) fn unpack(out: &mut [u8], packed: &[u8], stream: Stream, level: Level, around_cache: bool) -> usize {
    let out = out.as_chunks_mut().0;
    let done = match (Avx512::at(level), Avx2::at(level)) {
        (Some(proof), _) => with_features!(Avx512, proof, unpack_avx512(out, packed, stream, around_cache)),
        (_, Some(proof)) => with_features!(Avx2, proof, unpack_avx2(out, packed, stream, around_cache)),
        _ => 0,
    };
    if around_cache {
        fence();
    }
    done
}

/// Codes that are packed at once: as many cache lines as a code has bits.
pub(super) const BLOCK: usize = 512;
/// Lines of a block, one that it begins in, one that a vector may write too much.
const STAGE: usize = 64 * 9;

/// Pack blocks by `fill` and write their lines by `put`. A stream that begins within a cache line is staged so that
/// whole
/// lines are written; a block is written while the next one is packed, when all its stores have reached the cache.
#[inline(always)]
pub(super) fn staged(
    out: &mut [u8],
    codes: &[u8],
    stream: Stream,
    around_cache: bool,
    mut fill: impl FnMut(&[u8; BLOCK], &mut [u8]),
    put: impl Fn(&mut [u8; 64], &[u8; 64]),
) -> usize {
    let begin = if around_cache { out.as_ptr().addr() % 64 } else { 0 };
    let block_bytes = 64 * stream.bits;
    let blocks = codes.as_chunks::<BLOCK>().0;
    let (mut one, mut other) = ([0; STAGE], [0; STAGE]);
    let (mut stage, mut before) = (&mut one, &mut other);
    let mut flush = |index: usize, stage: &[u8; STAGE]| {
        let mut lines = stage[..block_bytes].as_chunks::<64>().0;
        let mut at = index * block_bytes;
        if at < begin {
            at += 64;
            let mut line = [0; 64];
            put(&mut line, &lines[0]);
            out[..64 - begin].copy_from_slice(&line[begin..]);
            lines = &lines[1..];
        }
        let target = out[at - begin..].as_chunks_mut::<64>().0;
        for (target, line) in target.iter_mut().zip(lines) {
            put(target, line);
        }
    };
    for (index, block) in blocks.iter().enumerate() {
        stage[..64].copy_from_slice(&before[block_bytes..block_bytes + 64]);
        fill(block, &mut stage[begin..]);
        if index > 0 {
            flush(index - 1, before);
        }
        std::mem::swap(&mut stage, &mut before);
    }
    if !blocks.is_empty() {
        flush(blocks.len() - 1, before);
        let mut line = [0; 64];
        if let Some(rest) = before[block_bytes..].first_chunk() {
            put(&mut line, rest);
        }
        let end = blocks.len() * block_bytes;
        out[end - begin..end].copy_from_slice(&line[..begin]);
    }
    if around_cache {
        fence();
    }
    blocks.len() * BLOCK
}

/// Factors of the first and second of two neighbors of `bits` each.
pub(super) const fn factors(bits: usize, order: Order) -> (u32, u32) {
    match order {
        Order::Lsb => (1, 1 << bits),
        Order::Msb => (1 << bits, 1),
    }
}

/// Where byte `j` of a group of `bits` bytes lies in its 64-bit lane.
pub(super) const fn in_lane(j: usize, bits: usize, order: Order) -> u8 {
    match order {
        Order::Lsb => j as u8,
        Order::Msb => (bits - 1 - j) as u8,
    }
}

/// For a shuffle: the byte of a vector of 64-bit lanes for each byte of a stream; gaps are 0x80.
pub(super) fn gather_table<const N: usize>(bits: usize, order: Order) -> [u8; N] {
    std::array::from_fn(|at| {
        let (lane, j) = (at / bits, at % bits);
        if lane < N / 8 { (lane * 8) as u8 + in_lane(j, bits, order) } else { 0x80 }
    })
}

/// For a shuffle of 16 bytes: turns words round, or leaves everything where it is.
pub(super) fn word_table(swapped: bool) -> [u8; 16] {
    std::array::from_fn(|at| if swapped { at ^ 3 } else { at } as u8)
}
