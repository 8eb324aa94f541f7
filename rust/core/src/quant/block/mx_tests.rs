//! The loops give what the slow way gives, at every level, for blocks of every kind.

use super::mx::{BLOCK, block, dequantize, quantize};
use super::scale::{self, Rule, Shared};
use super::{Element, Nan, Options, Rounding, pack, unpack};
use crate::quant::{Bf16, F16, F32, Float};
use crate::random::word;
use crate::simd::{Level, levels};

const ELEMENTS: [&str; 8] = ["e4m3fn", "e5m2", "e2m3", "e3m2", "e2m1", "int8", "int6", "int4"];

pub(super) fn options(level: Level) -> Options {
    Options {
        rounding: Rounding::NearestEven,
        seed: 0,
        nan: Nan::Scale,
        columns: BLOCK,
        logical_columns: BLOCK,
        threads: std::num::NonZeroUsize::new(3),
        level,
    }
}

/// Blocks with every exponent of float32, ties, zeros, subnormal numbers, infinities and NaN.
pub(super) fn blocks<S: Float>(count: usize) -> Vec<S::Bits> {
    let value = |index: usize| {
        let (block, random) = (index / BLOCK, word(1, index as u64));
        let exponent = (block * 7 % 256) as u32;
        let below = random >> 27 & if block.is_multiple_of(3) { 31 } else { 3 };
        let mantissa = match block % 4 {
            0 => random & 0x70_0000,
            1 => random & 0x7E_0000,
            2 => (random & 0x7C_0000) + 1,
            _ => random & 0x7F_FFFF,
        };
        let zero = block % 17 == 5 || random.is_multiple_of(11);
        let magnitude = if zero { 0 } else { exponent.saturating_sub(below).min(254) << 23 | mantissa };
        let special = if block % 101 == 7 && random.is_multiple_of(13) { 0x7F80_0000 | random & 0x40_0000 } else { 0 };
        f32::from_bits(magnitude | special | random << 31)
    };
    (0..count * BLOCK).map(|index| S::from_f32(value(index))).collect()
}

fn compare<S: Float>(element: Element, rule: Rule) {
    let x = blocks::<S>(1100);
    let per_block = BLOCK * element.bits() as usize / 8;
    let (mut codes, mut scales) = (vec![0; x.len() / BLOCK * per_block], vec![0; x.len() / BLOCK]);
    let shared = Shared::new(rule, &element);
    for (index, x) in x.chunks(BLOCK).enumerate() {
        let codes = &mut codes[index * per_block..][..per_block];
        scales[index] = block::<S>(codes, x, element, shared, None, &options(Level::Baseline), 0);
    }
    let mut values = Vec::new();
    for (codes, &scale) in codes.chunks(per_block).zip(&scales) {
        let mut block = [0; BLOCK];
        unpack(&mut block, codes, element.bits());
        values.extend(block.map(|code| S::from_f32(element.decode(code) * scale::value(scale))));
    }
    for level in levels() {
        let (mut fast, mut bytes) = (vec![1; codes.len()], vec![1; scales.len()]);
        quantize::<S>(&mut fast, &mut bytes, &x, element, rule, None, &options(level)).expect("sizes fit");
        assert_eq!(bytes, scales, "{element:?} {level:?}");
        assert!(fast == codes, "{element:?} {level:?} {}", S::NAME);
        let mut out = vec![S::Bits::default(); x.len()];
        dequantize::<S>(&mut out, &codes, &scales, element, &options(level)).expect("sizes fit");
        let same = |(&left, &right): (&S::Bits, &S::Bits)| {
            let (left, right) = (S::to_f32(left), S::to_f32(right));
            left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
        };
        assert!(out.iter().zip(&values).all(same), "{element:?} {level:?} {}", S::NAME);
    }
}

#[test]
fn loops_equal_the_slow_way() {
    for name in ELEMENTS {
        let element = Element::of_mx(name).expect("a known element");
        for rule in [Rule::Floor, Rule::Rceil, Rule::Ceil, Rule::Even] {
            compare::<F32>(element, rule);
        }
        compare::<F16>(element, Rule::Rceil);
        compare::<Bf16>(element, Rule::Floor);
    }
}

#[test]
fn every_code_is_decoded_under_every_scale() {
    for name in ELEMENTS {
        let element = Element::of_mx(name).expect("a known element");
        let block: [u8; BLOCK] = std::array::from_fn(|at| (at * 37 & ((1 << element.bits()) - 1)) as u8);
        let mut codes = vec![0; BLOCK * element.bits() as usize / 8];
        pack(&mut codes, &block, element.bits());
        let codes: Vec<u8> = codes.repeat(256);
        let scales: Vec<u8> = (0..=255).collect();
        for level in levels() {
            let mut out = vec![0.0; 256 * BLOCK];
            dequantize::<F32>(&mut out, &codes, &scales, element, &options(level)).expect("sizes fit");
            for (index, &value) in out.iter().enumerate() {
                let exact = f64::from(element.decode(block[index % BLOCK])) * 2_f64.powi((index / BLOCK) as i32 - 127);
                let nan = index / BLOCK == 255 || exact.is_nan();
                assert!(
                    if nan { value.is_nan() } else { value.to_bits() == (exact as f32).to_bits() },
                    "{name} {level:?} {index}"
                );
            }
        }
    }
}

/// Large outputs go around the cache, by ways that depend on where they start.
fn large<S: Float>(element: Element, count: usize) {
    let blocks = count / BLOCK;
    let random = |key, index: usize| (word(key, index as u64) >> 8) as u8;
    let codes: Vec<u8> = (0..count * element.bits() as usize / 8).map(|index| random(3, index)).collect();
    let scales: Vec<u8> = (0..blocks).map(|index| random(4, index)).collect();
    let mut expected = vec![S::Bits::default(); count];
    let small = (count / 16, codes.len() / 16, blocks / 16);
    let parts = expected.chunks_mut(small.0).zip(codes.chunks(small.1)).zip(scales.chunks(small.2));
    for ((out, codes), scales) in parts {
        dequantize::<S>(out, codes, scales, element, &options(Level::Baseline)).expect("sizes fit");
    }
    for level in levels() {
        for start in [0, 1, 16] {
            let mut out = vec![S::Bits::default(); count + 64];
            let start = start + out.as_ptr().align_offset(64);
            let one = Options { threads: std::num::NonZeroUsize::new(1), ..options(level) };
            dequantize::<S>(&mut out[start..start + count], &codes, &scales, element, &one).expect("sizes fit");
            let same = out[start..].iter().zip(&expected).all(|(&left, &right)| {
                let (left, right) = (S::to_f32(left), S::to_f32(right));
                left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
            });
            assert!(same, "{element:?} {level:?} {start} {}", S::NAME);
        }
    }
}

#[test]
fn large_outputs_are_those_of_small_ones() {
    for name in ["e4m3fn", "e5m2", "e3m2", "e2m1", "int8"] {
        let element = Element::of_mx(name).expect("a known element");
        large::<F32>(element, (1 << 20) + 16 * BLOCK);
        large::<Bf16>(element, (1 << 21) + 16 * BLOCK);
    }
}
