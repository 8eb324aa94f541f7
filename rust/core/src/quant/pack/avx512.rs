//! Packing in vectors of 64 bytes: multiply-add joins neighbors as in [`super::avx2`]; the gaps of the whole vector
//! close
//! at once. To unpack, the bytes of eight codes go to a 64-bit lane each, which is shifted by eight amounts at once.

use std::arch::x86_64::{
    _mm512_add_epi8, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_madd_epi16, _mm512_maddubs_epi16,
    _mm512_mul_epu32, _mm512_multishift_epi64_epi8, _mm512_or_si512, _mm512_permutexvar_epi8, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_srli_epi64, _mm512_sub_epi8, _mm512_xor_si512,
};

use super::x86::{BLOCK, factors, gather_table, in_lane, staged, word_table};
use super::{Order, Stream};
use crate::simd::vector::{load16, load64, put64, store64};

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn pack(out: &mut [u8], codes: &[u8], stream: Stream, around_cache: bool) -> (usize, u8) {
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

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn unpack(out: &mut [[u8; 64]], packed: &[u8], stream: Stream, around_cache: bool) -> usize {
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
