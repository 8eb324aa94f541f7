//! The loops give what the slow way gives, at every level.

use super::mx_tests::blocks;
use super::nv::{BLOCK, Format, Global, Tensor, block, dequantize, quantize};
use super::{Options, amax, mx_tests, unpack};
use crate::quant::{Bf16, F16, F32, Float};
use crate::simd::{Level, levels};

fn options(level: Level) -> Options {
    Options { columns: BLOCK, logical_columns: BLOCK, ..mx_tests::options(level) }
}

/// Every block of `x` the slow way, then by the loops.
fn compare<S: Float>(format: Format, x: &[S::Bits], global: Global) {
    let slow = options(Level::Baseline);
    let (largest, top) = (format.element.largest(), format.scale.decode(format.scale.largest()));
    let found = match global {
        Global::Find => Global::Amax(amax::amax::<S>(x, &slow)),
        given => given,
    };
    let tensor = Tensor::new(found, top * largest, largest);
    let (mut codes, mut scales) = (vec![0; x.len() / 2], vec![0; x.len() / BLOCK]);
    for ((codes, scale), x) in codes.chunks_mut(BLOCK / 2).zip(&mut scales).zip(x.chunks(BLOCK)) {
        *scale = block::<S>(codes, x, format, &tensor, None, &slow, (0, None));
    }
    let mut values = Vec::new();
    for (codes, &scale) in codes.chunks(BLOCK / 2).zip(&scales) {
        let mut block = [0; BLOCK];
        unpack(&mut block, codes, 4);
        let value = |code| format.element.decode(code) * format.scale.decode(scale) * tensor.decode;
        values.extend(block.map(|code| S::from_f32(value(code))));
    }
    for level in levels() {
        let (mut fast, mut bytes) = (vec![1; codes.len()], vec![1; scales.len()]);
        let decode = quantize::<S>(&mut fast, &mut bytes, x, format, global, None, &options(level)).expect("fits");
        assert_eq!(decode.to_bits(), tensor.decode.to_bits());
        assert_eq!(bytes, scales, "{format:?} {level:?}");
        assert!(fast == codes, "{format:?} {level:?} {}", S::NAME);
        let mut out = vec![S::Bits::default(); x.len()];
        dequantize::<S>(&mut out, &codes, &scales, decode, format, &options(level)).expect("sizes fit");
        let same = |(&left, &right): (&S::Bits, &S::Bits)| {
            let (left, right) = (S::to_f32(left), S::to_f32(right));
            left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
        };
        assert!(out.iter().zip(&values).all(same), "{format:?} {level:?} {}", S::NAME);
    }
}

#[test]
fn loops_equal_the_slow_way() {
    for name in ["nvfp4", "nvfp4_ue5m3", "nvint4"] {
        let format = Format::named(name).expect("a known format");
        for global in [Global::Find, Global::Amax(3.0), Global::Amax(1e-36), Global::Scale(1e-4), Global::Scale(1e30)] {
            compare::<F32>(format, &blocks::<F32>(1100), global);
        }
        // Numbers of one magnitude, so that all scales are in use, and an odd number of blocks.
        let narrow: Vec<u16> = blocks::<Bf16>(300).iter().map(|bits| bits & 0x83FF | 0x3C00).collect();
        compare::<Bf16>(format, &narrow[..599 * BLOCK], Global::Find);
        compare::<F16>(format, &narrow, Global::Amax(2.0));
    }
}

#[test]
fn zeros_have_finite_scales() {
    let format = Format::named("nvfp4").expect("a known format");
    // What is too small for the least scale becomes zero, too.
    for (value, expected) in [(0.0_f32, 1.0), (-0.0, 1.0), (1e-45, f32::MIN_POSITIVE)] {
        let (mut codes, mut scales) = ([1; BLOCK / 2], [1]);
        let x = [value; BLOCK];
        let options = options(Level::Avx512);
        let global = quantize::<F32>(&mut codes, &mut scales, &x, format, Global::Find, None, &options);
        assert_eq!(global, Ok(expected));
        assert_eq!((scales, codes), ([0], [if value.is_sign_negative() { 0x88 } else { 0 }; BLOCK / 2]));
    }
}
