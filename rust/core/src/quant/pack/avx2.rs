//! Packing in vectors of 32 bytes. Every width and order runs the same few instructions; what differs is in tables.
//!
//! To pack, neighbors of 8, 16, then 32 bits are joined by multiply-add as `low + high·2^k`, and a byte shuffle closes
//! the
//! gaps. To unpack, the two bytes around a code are shuffled into a 16-bit lane and multiplied by a power of two,
//! which is
//! a shift of its own for each lane. No `pext`, which is slow on Zen 1 and 2. One and four bits have shorter ways.

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_add_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castsi256_si128,
    _mm256_cvtepu8_epi16, _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_mul_epu32, _mm256_mullo_epi16, _mm256_or_si256, _mm256_packus_epi16,
    _mm256_permute4x64_epi64, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_slli_epi16,
    _mm256_srl_epi16, _mm256_srli_epi16, _mm256_srli_epi64, _mm256_sub_epi8, _mm256_xor_si256,
};

use super::x86::{BLOCK, factors, gather_table, staged, word_table};
use super::{Order, Stream};
use crate::simd::vector::{load16, load32, put32, store16, store32};

#[target_feature(enable = "avx2")]
pub(super) fn pack(out: &mut [u8], codes: &[u8], stream: Stream, around_cache: bool) -> (usize, u8) {
    let Stream { bits, order, add, flip, swapped } = stream;
    let (add, flip) = (_mm256_set1_epi8(add as i8), _mm256_set1_epi8(flip as i8));
    let mut seen = _mm256_setzero_si256();
    let mut code = |group: &[u8; 32]| {
        let sum = _mm256_add_epi8(load32(group), add);
        seen = _mm256_or_si256(seen, sum);
        _mm256_xor_si256(sum, flip)
    };
    let turn = _mm256_broadcastsi128_si256(load16(&word_table(swapped)));
    let put = |target: &mut [u8; 64], line: &[u8; 64]| {
        let [low, high] = [0, 1].map(|half| _mm256_shuffle_epi8(load32(&line.as_chunks().0[half]), turn));
        put32(target, low, high, around_cache);
    };
    let (first, second) = factors(bits % 8, order);
    let join16 = _mm256_set1_epi16((first | second << 8) as i16);
    let done = match bits {
        1 => {
            let reverse: [u8; 16] = std::array::from_fn(|at| if order == Order::Msb { at ^ 7 } else { at } as u8);
            let reverse = _mm256_broadcastsi128_si256(load16(&reverse));
            let fill = |block: &[u8; BLOCK], target: &mut [u8]| {
                for (group, target) in block.as_chunks().0.iter().zip(target.as_chunks_mut().0) {
                    let top = _mm256_slli_epi16(_mm256_shuffle_epi8(code(group), reverse), 7);
                    *target = _mm256_movemask_epi8(top).to_le_bytes();
                }
            };
            staged(out, codes, stream, around_cache, fill, put)
        }
        4 => {
            let fill = |block: &[u8; BLOCK], target: &mut [u8]| {
                for (groups, target) in block.as_chunks::<64>().0.iter().zip(target.as_chunks_mut().0) {
                    let [low, high] =
                        [0, 1].map(|half| _mm256_maddubs_epi16(join16, code(&groups.as_chunks().0[half])));
                    // Packing works on halves of vectors: bring them into order.
                    store32(target, _mm256_permute4x64_epi64(_mm256_packus_epi16(low, high), 0b11_01_10_00));
                }
            };
            staged(out, codes, stream, around_cache, fill, put)
        }
        8 => {
            let fill = |block: &[u8; BLOCK], target: &mut [u8]| {
                for (group, target) in block.as_chunks().0.iter().zip(target.as_chunks_mut().0) {
                    store32(target, code(group));
                }
            };
            staged(out, codes, stream, around_cache, fill, put)
        }
        _ => {
            let (first, second) = factors(2 * bits, order);
            let join32 = _mm256_set1_epi32((first | second << 16) as i32);
            let (first, second) = factors(4 * bits, order);
            let (first, second) = (_mm256_set1_epi64x(i64::from(first)), _mm256_set1_epi64x(i64::from(second)));
            let close = _mm256_broadcastsi128_si256(load16(&gather_table(bits, order)));
            let fill = |block: &[u8; BLOCK], mut target: &mut [u8]| {
                for group in block.as_chunks().0 {
                    let joined = _mm256_madd_epi16(_mm256_maddubs_epi16(join16, code(group)), join32);
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
            staged(out, codes, stream, around_cache, fill, put)
        }
    };
    let mut bytes = [0; 32];
    store32(&mut bytes, seen);
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

/// Shuffle and factors for every other code.
#[target_feature(enable = "avx2")]
fn window_tables(odd: usize, bits: usize, order: Order) -> [__m256i; 2] {
    let windows: [_; 8] = std::array::from_fn(|lane| window(2 * lane + odd, bits, order));
    let (mut bytes, mut factors) = ([0; 16], [0; 16]);
    bytes.copy_from_slice(windows.map(|each| each.0).as_flattened());
    factors.copy_from_slice(windows.map(|each| each.1.to_le_bytes()).as_flattened());
    [bytes, factors].map(|table| _mm256_broadcastsi128_si256(load16(&table)))
}

#[target_feature(enable = "avx2")]
pub(super) fn unpack(out: &mut [[u8; 64]], packed: &[u8], stream: Stream, around_cache: bool) -> usize {
    let Stream { bits, order, add, flip, .. } = stream;
    let (add, flip) = (_mm256_set1_epi8(add as i8), _mm256_set1_epi8(flip as i8));
    let mask = _mm256_set1_epi8(stream.mask() as i8);
    let number = |codes: __m256i| _mm256_sub_epi8(_mm256_xor_si256(codes, flip), add);
    match bits {
        1 => {
            let spread = std::array::from_fn(|at| (at / 8) as u8);
            let each = std::array::from_fn(|at| 1 << if order == Order::Msb { 7 - at % 8 } else { at % 8 });
            let (spread, each) = (load32(&spread), load32(&each));
            let codes = |bytes: &[u8; 4]| {
                let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(i32::from_le_bytes(*bytes)), spread);
                number(_mm256_min_epu8(_mm256_and_si256(bytes, each), mask))
            };
            let lines = out.iter_mut().zip(packed.as_chunks::<8>().0);
            lines
                .map(|(line, source)| {
                    let halves = source.as_chunks().0;
                    put32(line, codes(&halves[0]), codes(&halves[1]), around_cache);
                })
                .count()
                * 64
        }
        4 => {
            let shifts = if order == Order::Msb { [4, 8] } else { [0, 4] };
            let [right, left] = shifts.map(|count| _mm_cvtsi32_si128(count));
            let codes = |bytes: &[u8; 16]| {
                let bytes = _mm256_cvtepu8_epi16(load16(bytes));
                let both = _mm256_or_si256(_mm256_srl_epi16(bytes, right), _mm256_sll_epi16(bytes, left));
                number(_mm256_and_si256(both, mask))
            };
            let lines = out.iter_mut().zip(packed.as_chunks::<32>().0);
            lines
                .map(|(line, source)| {
                    let halves = source.as_chunks().0;
                    put32(line, codes(&halves[0]), codes(&halves[1]), around_cache);
                })
                .count()
                * 64
        }
        8 => {
            let lines = out.iter_mut().zip(packed.as_chunks::<64>().0);
            lines
                .map(|(line, source)| {
                    let halves = source.as_chunks().0;
                    put32(line, number(load32(&halves[0])), number(load32(&halves[1])), around_cache);
                })
                .count()
                * 64
        }
        _ => {
            let ([even, even_factor], [odd, odd_factor]) =
                (window_tables(0, bits, order), window_tables(1, bits, order));
            let odd_mask = _mm256_set1_epi16(i16::from(stream.mask()) << 8);
            let codes = |low: &[u8; 16], high: &[u8; 16]| {
                let source = _mm256_set_m128i(load16(high), load16(low));
                let lower = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(source, even), even_factor), 8);
                let upper = _mm256_mullo_epi16(_mm256_shuffle_epi8(source, odd), odd_factor);
                number(_mm256_or_si256(_mm256_and_si256(lower, mask), _mm256_and_si256(upper, odd_mask)))
            };
            let (mut done, mut at) = (0, 0);
            for line in out {
                let quarters =
                    [0, 2, 4, 6].map(|eighth| packed.get(at + eighth * bits..).and_then(<[u8]>::first_chunk));
                let [Some(a), Some(b), Some(c), Some(d)] = quarters else { break };
                put32(line, codes(a, b), codes(c, d), around_cache);
                (done, at) = (done + 64, at + 8 * bits);
            }
            done
        }
    }
}
