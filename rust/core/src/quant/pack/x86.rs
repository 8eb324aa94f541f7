//! Packing in vectors. Every width and order runs the same few instructions; what differs is in tables.
//!
//! AVX2 packs by multiply-add: neighbors of 8, 16, then 32 bits are joined as `low + high·2^k`, and a byte shuffle closes
//! the gaps. It unpacks by shuffling two bytes around each code into a 16-bit lane and multiplying by a power of two,
//! which is a shift of its own for each lane. No `pext`, which is slow on Zen 1 and 2. AVX-512 closes gaps over the whole
//! vector and shifts 64-bit lanes by bytes of a table.

use std::arch::x86_64::{
    _mm256_add_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_epu32, _mm256_mullo_epi16, _mm256_or_si256, _mm256_set_m128i,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_srli_epi64, _mm256_sub_epi8, _mm256_xor_si256, _mm512_add_epi8,
    _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_mul_epu32,
    _mm512_multishift_epi64_epi8, _mm512_or_si512, _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_srli_epi64,
    _mm512_sub_epi8, _mm512_xor_si512,
};

use super::{Order, Stream};
use crate::simd::vector::{fence, load16, load32, load64, put32, put64, store16, store32, store64};
use crate::simd::{Avx2, Avx512, Level, with_features};

/// Pack a multiple of 8 codes into the start of `out`; returns how many, and these or-ed.
pub(super) fn pack(out: &mut [u8], codes: &[u8], stream: Stream, level: Level, around_cache: bool) -> (usize, u8) {
    if stream.bits == 8 {
        (0, 0)
    } else if let Some(proof) = Avx512::at(level) {
        with_features!(Avx512, proof, pack_avx512(out, codes, stream, around_cache))
    } else if let Some(proof) = Avx2::at(level) {
        with_features!(Avx2, proof, pack_avx2(out, codes, stream, around_cache))
    } else {
        (0, 0)
    }
}

/// Unpack a multiple of 8 codes from the start of `packed`; returns how many.
pub(super) fn unpack(out: &mut [u8], packed: &[u8], stream: Stream, level: Level, around_cache: bool) -> usize {
    let out = out.as_chunks_mut().0;
    let done = if stream.bits == 8 {
        0
    } else if let Some(proof) = Avx512::at(level) {
        with_features!(Avx512, proof, unpack_avx512(out, packed, stream, around_cache))
    } else if let Some(proof) = Avx2::at(level) {
        with_features!(Avx2, proof, unpack_avx2(out, packed, stream, around_cache))
    } else {
        0
    };
    if around_cache {
        fence();
    }
    done
}

/// Codes that are packed at once: as many cache lines as a code has bits.
const BLOCK: usize = 512;
/// Lines of a block, one that it begins in, one that a vector may write too much.
const STAGE: usize = 64 * 9;

/// Pack blocks by `fill` and write their lines by `put`. A stream that begins within a cache line is staged so that whole
/// lines are written; a block is written while the next one is packed, when all its stores have reached the cache.
#[inline(always)]
fn staged(
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
const fn factors(bits: usize, order: Order) -> (u32, u32) {
    match order {
        Order::Lsb => (1, 1 << bits),
        Order::Msb => (1 << bits, 1),
    }
}

/// Where byte `j` of a group of `bits` bytes lies in its 64-bit lane.
const fn in_lane(j: usize, bits: usize, order: Order) -> u8 {
    match order {
        Order::Lsb => j as u8,
        Order::Msb => (bits - 1 - j) as u8,
    }
}

/// For a shuffle: the byte of a vector of 64-bit lanes for each byte of a stream; gaps are 0x80.
fn gather_table<const N: usize>(bits: usize, order: Order) -> [u8; N] {
    std::array::from_fn(|at| {
        let (lane, j) = (at / bits, at % bits);
        if lane < N / 8 { (lane * 8) as u8 + in_lane(j, bits, order) } else { 0x80 }
    })
}

/// For a shuffle of 16 bytes: turns words round, or leaves everything where it is.
fn word_table(swapped: bool) -> [u8; 16] {
    std::array::from_fn(|at| if swapped { at ^ 3 } else { at } as u8)
}

#[target_feature(enable = "avx2")]
fn pack_avx2(out: &mut [u8], codes: &[u8], stream: Stream, around_cache: bool) -> (usize, u8) {
    let Stream { bits, order, add, flip, .. } = stream;
    let (add, flip) = (_mm256_set1_epi8(add as i8), _mm256_set1_epi8(flip as i8));
    let (first, second) = factors(bits, order);
    let join16 = _mm256_set1_epi16((first | second << 8) as i16);
    let (first, second) = factors(2 * bits, order);
    let join32 = _mm256_set1_epi32((first | second << 16) as i32);
    let (first, second) = factors(4 * bits, order);
    let (first, second) = (_mm256_set1_epi64x(i64::from(first)), _mm256_set1_epi64x(i64::from(second)));
    let close = _mm256_broadcastsi128_si256(load16(&gather_table(bits, order)));
    let turn = _mm256_broadcastsi128_si256(load16(&word_table(stream.swapped)));
    let mut seen = _mm256_setzero_si256();
    let fill = |block: &[u8; BLOCK], mut target: &mut [u8]| {
        for group in block.as_chunks::<32>().0 {
            let sum = _mm256_add_epi8(load32(group), add);
            seen = _mm256_or_si256(seen, sum);
            let joined = _mm256_madd_epi16(_mm256_maddubs_epi16(join16, _mm256_xor_si256(sum, flip)), join32);
            let upper = _mm256_mul_epu32(_mm256_srli_epi64(joined, 32), second);
            let joined = _mm256_shuffle_epi8(_mm256_or_si256(_mm256_mul_epu32(joined, first), upper), close);
            // Each half is stored whole; the next store overwrites what is too much of it.
            for half in [_mm256_castsi256_si128(joined), _mm256_extracti128_si256(joined, 1)] {
                let Some(place) = target.first_chunk_mut() else { break };
                store16(place, half);
                target = &mut target[2 * bits..];
            }
        }
    };
    let put = |target: &mut [u8; 64], line: &[u8; 64]| {
        let [low, high] = [0, 1].map(|half| _mm256_shuffle_epi8(load32(&line.as_chunks().0[half]), turn));
        put32(target, low, high, around_cache);
    };
    let done = staged(out, codes, stream, around_cache, fill, put);
    let mut bytes = [0; 32];
    store32(&mut bytes, seen);
    (done, bytes.into_iter().fold(0, |all, each| all | each))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn pack_avx512(out: &mut [u8], codes: &[u8], stream: Stream, around_cache: bool) -> (usize, u8) {
    let Stream { bits, order, add, flip, .. } = stream;
    let (add, flip) = (_mm512_set1_epi8(add as i8), _mm512_set1_epi8(flip as i8));
    let (first, second) = factors(bits, order);
    let join16 = _mm512_set1_epi16((first | second << 8) as i16);
    let (first, second) = factors(2 * bits, order);
    let join32 = _mm512_set1_epi32((first | second << 16) as i32);
    let (first, second) = factors(4 * bits, order);
    let (first, second) = (_mm512_set1_epi64(i64::from(first)), _mm512_set1_epi64(i64::from(second)));
    let close = load64(&gather_table(bits, order));
    let turn = _mm512_broadcast_i32x4(load16(&word_table(stream.swapped)));
    let mut seen = _mm512_setzero_si512();
    let fill = |block: &[u8; BLOCK], mut target: &mut [u8]| {
        for group in block.as_chunks::<64>().0 {
            let sum = _mm512_add_epi8(load64(group), add);
            seen = _mm512_or_si512(seen, sum);
            let joined = _mm512_madd_epi16(_mm512_maddubs_epi16(join16, _mm512_xor_si512(sum, flip)), join32);
            let upper = _mm512_mul_epu32(_mm512_srli_epi64(joined, 32), second);
            let joined = _mm512_or_si512(_mm512_mul_epu32(joined, first), upper);
            let Some(place) = target.first_chunk_mut() else { break };
            store64(place, _mm512_permutexvar_epi8(close, joined));
            target = &mut target[8 * bits..];
        }
    };
    let put = |target: &mut [u8; 64], line: &[u8; 64]| {
        put64(target, _mm512_shuffle_epi8(load64(line), turn), around_cache);
    };
    let done = staged(out, codes, stream, around_cache, fill, put);
    let mut bytes = [0; 64];
    store64(&mut bytes, seen);
    (done, bytes.into_iter().fold(0, |all, each| all | each))
}

/// For code `i` of 16: the two bytes around it, the lower first, and the power of two that brings it to bits 8 and up.
fn window(i: usize, bits: usize, order: Order) -> ([u8; 2], u16) {
    let (byte, bit) = ((i * bits / 8) as u8, i * bits % 8);
    match order {
        Order::Lsb => ([byte, byte + 1], 1 << (8 - bit)),
        Order::Msb if bit + bits <= 8 => ([byte, 0x80], 1 << (bit + bits)),
        Order::Msb => ([byte + 1, byte], 1 << (bit + bits - 8)),
    }
}

#[target_feature(enable = "avx2")]
fn unpack_avx2(out: &mut [[u8; 64]], packed: &[u8], stream: Stream, around_cache: bool) -> usize {
    let Stream { bits, order, add, flip, .. } = stream;
    let (add, flip) = (_mm256_set1_epi8(add as i8), _mm256_set1_epi8(flip as i8));
    let table = |odd: usize| {
        let windows: [_; 8] = std::array::from_fn(|lane| window(2 * lane + odd, bits, order));
        let (bytes, factors) = (windows.map(|each| each.0), windows.map(|each| each.1.to_le_bytes()));
        (bytes.as_flattened().try_into().unwrap_or([0; 16]), factors.as_flattened().try_into().unwrap_or([0; 16]))
    };
    let ((bytes, factors), (odd_bytes, odd_factors)) = (table(0), table(1));
    let (even, even_factor) =
        (_mm256_broadcastsi128_si256(load16(&bytes)), _mm256_broadcastsi128_si256(load16(&factors)));
    let (odd, odd_factor) =
        (_mm256_broadcastsi128_si256(load16(&odd_bytes)), _mm256_broadcastsi128_si256(load16(&odd_factors)));
    let mask = _mm256_set1_epi8(stream.mask() as i8);
    let odd_mask = _mm256_set1_epi16(i16::from(stream.mask()) << 8);
    let codes = |low: &[u8; 16], high: &[u8; 16]| {
        let source = _mm256_set_m128i(load16(high), load16(low));
        let lower = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(source, even), even_factor), 8);
        let upper = _mm256_mullo_epi16(_mm256_shuffle_epi8(source, odd), odd_factor);
        let codes = _mm256_or_si256(_mm256_and_si256(lower, mask), _mm256_and_si256(upper, odd_mask));
        _mm256_sub_epi8(_mm256_xor_si256(codes, flip), add)
    };
    let (mut done, mut at) = (0, 0);
    for line in out {
        let quarters = [0, 2, 4, 6].map(|eighth| packed.get(at + eighth * bits..).and_then(<[u8]>::first_chunk));
        let [Some(a), Some(b), Some(c), Some(d)] = quarters else { break };
        put32(line, codes(a, b), codes(c, d), around_cache);
        (done, at) = (done + 64, at + 8 * bits);
    }
    done
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn unpack_avx512(out: &mut [[u8; 64]], packed: &[u8], stream: Stream, around_cache: bool) -> usize {
    let Stream { bits, order, add, flip, .. } = stream;
    let (add, flip) = (_mm512_set1_epi8(add as i8), _mm512_set1_epi8(flip as i8));
    let spread: [u8; 64] = std::array::from_fn(|at| {
        let (lane, j) = (at / 8, at % 8);
        if j < bits { (lane * bits) as u8 + in_lane(j, bits, order) } else { 0 }
    });
    let shifts: [u8; 64] = std::array::from_fn(|at| match order {
        Order::Lsb => (at % 8 * bits) as u8,
        Order::Msb => ((7 - at % 8) * bits) as u8,
    });
    let (spread, shifts) = (load64(&spread), load64(&shifts));
    let mask = _mm512_set1_epi8(stream.mask() as i8);
    let (mut done, mut at) = (0, 0);
    for line in out {
        let Some(source) = packed.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let lanes = _mm512_permutexvar_epi8(spread, load64(source));
        let codes = _mm512_and_si512(_mm512_multishift_epi64_epi8(shifts, lanes), mask);
        put64(line, _mm512_sub_epi8(_mm512_xor_si512(codes, flip), add), around_cache);
        (done, at) = (done + 64, at + 8 * bits);
    }
    done
}
