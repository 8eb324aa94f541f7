//! The loops against the specification, at every SIMD level, for every format.

use super::run::{decode_at, encode_at};
use super::*;
use crate::quant::format::*;
use crate::quant::{Bf16, F16, F32, Float};
use crate::random::word;
use crate::simd::levels;

const FLOATS: [FloatFormat; 12] =
    [E4M3FN, E5M2, E4M3, E3M4, E4M3FNUZ, E5M2FNUZ, E4M3B11FNUZ, E2M3, E3M2, E2M1, UE4M3, UE5M3];

/// Random bit patterns, the edges of float32, and what lies around every code and every midpoint of `format`.
fn inputs(format: &FloatFormat) -> Vec<f32> {
    let mut bits: Vec<u32> = (0..20_000).map(|index| word(1, index)).collect();
    bits.extend((0..20_000).map(|index| 0x3000_0000 + word(2, index) % 0x1800_0000));
    bits.extend([
        0,
        1,
        0x40_0000,
        0x7F_FFFF,
        0x80_0000,
        0x7F40_0000,
        0x7F7F_FFFF,
        0x7F80_0000,
        0x7F80_0001,
        0x7FFF_FFFF,
    ]);
    let values: Vec<f32> = (0..=255).map(|code| format.decode(code)).filter(|value| value.is_finite()).collect();
    let mut numbers: Vec<f32> = values.iter().flat_map(|&a| values.iter().map(move |&b| f32::midpoint(a, b))).collect();
    numbers.truncate(20_000);
    bits.extend(numbers.iter().flat_map(|value| [value.next_up(), *value, value.next_down()]).map(f32::to_bits));
    bits.iter().flat_map(|&bits| [bits, bits ^ 1 << 31]).map(f32::from_bits).collect()
}

#[test]
fn floats_equal_their_specification() {
    for format in FLOATS {
        let x = inputs(&format);
        for rounding in [Rounding::NearestEven, Rounding::HalfAway, Rounding::Stochastic] {
            for saturate in [false, true] {
                let random = |index| if rounding == Rounding::Stochastic { word(5, index) } else { 0 };
                let expected: Vec<u8> = (0..)
                    .zip(&x)
                    .map(|(index, &value)| format.encode(value, rounding, saturate, random(index)).unwrap_or(0))
                    .collect();
                for level in levels() {
                    let mut out = vec![0; x.len()];
                    let options = Options { saturate, rounding, seed: 5, nan: NanPolicy::Zero, ..Options::default() };
                    encode_at::<F32>(level, &mut out, &x, Scalar::Float(format), &options).unwrap();
                    let first = out.iter().zip(&expected).position(|(a, b)| a != b);
                    assert_eq!(
                        first.map(|at| (x[at], out[at], expected[at])),
                        None,
                        "{format:?} {rounding:?} {level:?}"
                    );
                }
            }
        }
    }
}

fn decoded<T: Float>(format: Scalar, expected: impl Fn(u8) -> f32, same: impl Fn(T::Bits, T::Bits) -> bool) {
    let codes: Vec<u8> = (0..=255).chain(0..37).collect();
    for level in levels() {
        let mut out = vec![T::Bits::default(); codes.len()];
        decode_at::<T>(level, &mut out, &codes, format, None).unwrap();
        for (&code, &got) in codes.iter().zip(&out) {
            assert!(same(got, T::from_f32(expected(code))), "{format:?} {code} {} {level:?}", T::NAME);
        }
    }
}

#[test]
fn every_code_decodes_to_its_value() {
    for format in FLOATS {
        let (scalar, value) = (Scalar::Float(format), |code| format.decode(code));
        decoded::<F32>(scalar, value, |a, b| a.to_bits() == b.to_bits());
        decoded::<F16>(scalar, value, |a, b| a == b);
        decoded::<Bf16>(scalar, value, |a, b| a == b);
    }
    let power = |code: u8| if code == 255 { f32::NAN } else { 2_f64.powi(i32::from(code) - 127) as f32 };
    decoded::<F32>(Scalar::Exponent, power, |a, b| a.to_bits() == b.to_bits());
    decoded::<F16>(Scalar::Exponent, power, |a, b| a == b);
    decoded::<Bf16>(Scalar::Exponent, power, |a, b| a == b);
}

#[test]
fn wide_sources_are_widened_first() {
    let bits: Vec<u16> = (0..=u16::MAX).collect();
    for level in levels() {
        let options = Options { nan: NanPolicy::Zero, ..Options::default() };
        let mut out = vec![0; bits.len()];
        encode_at::<F16>(level, &mut out, &bits, Scalar::Float(E4M3FN), &options).unwrap();
        assert!(
            out.iter().zip(&bits).all(|(&code, &bits)| {
                Some(code) == E4M3FN.encode(F16::to_f32(bits), Rounding::NearestEven, true, 0)
            })
        );
        encode_at::<Bf16>(level, &mut out, &bits, Scalar::Float(E2M1), &options).unwrap();
        assert!(out.iter().zip(&bits).all(|(&code, &bits)| {
            code == E2M1.encode(Bf16::to_f32(bits), Rounding::NearestEven, true, 0).unwrap_or(0)
        }));
    }
}

#[test]
fn a_number_without_code_is_named() {
    let mut x = vec![1.0_f32; 10_000];
    x[7003] = f32::NAN;
    let mut out = vec![9; x.len()];
    let int4 = Scalar::Integer(Integer { bits: 4, signed: true });
    for format in [Scalar::Float(E2M1), int4] {
        let refused = encode::<F32>(&mut out, &x, format, &Options::default()).unwrap_err();
        assert_eq!(refused.to_string(), "`x` must be numbers, for the format has no NaN, got NaN at flat index 7003");
        assert!(out.iter().all(|&code| code == 9), "nothing is written");
    }
    assert!(encode::<F32>(&mut out, &x, Scalar::Float(E4M3FN), &Options::default()).is_ok());
    assert!(encode::<F32>(&mut out[1..], &x, int4, &Options::default()).is_err());
}

#[test]
fn formats_that_cannot_be_are_refused() {
    let bad = [
        FloatFormat { exponent_bits: 5, ..E4M3FN },
        FloatFormat { mantissa_bits: 400, ..E4M3FN },
        FloatFormat { bias: 125, ..E4M3FN },
        FloatFormat { bias: -120, ..E4M3FN },
        FloatFormat { signed: false, ..E4M3FNUZ },
        FloatFormat { exponent_bits: 0, ..E4M3 },
        FloatFormat { exponent_bits: 0, mantissa_bits: 0, bias: 0, signed: true, special: Special::Nan },
    ];
    assert!(bad.iter().all(|format| format.check().is_err()));
    assert!(FLOATS.iter().all(|format| format.check().is_ok()));
    assert!(Scalar::Integer(Integer { bits: 9, signed: true }).check().is_err());
}
