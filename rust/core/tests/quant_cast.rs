//! Casts of any float format of at most 8 bits: the loops equal the specification, rounding is monotone and idempotent.

use paretoserve_core::quant::cast::{NanPolicy, Options, Scalar, decode, encode};
use paretoserve_core::quant::{F32, FloatFormat, Rounding, Special};
use paretoserve_core::random;
use proptest::prelude::*;

fn formats() -> impl Strategy<Value = FloatFormat> {
    let special =
        prop_oneof![Just(Special::Ieee), Just(Special::Nan), Just(Special::NanAtNegativeZero), Just(Special::None)];
    (0_u32..=8, 0_u32..=7, -40_i32..=127, any::<bool>(), special)
        .prop_map(|(exponent_bits, mantissa_bits, bias, signed, special)| FloatFormat {
            exponent_bits,
            mantissa_bits,
            bias,
            signed,
            special,
        })
        .prop_filter("not a format", |format| format.check().is_ok())
}

/// Any bits, and numbers near the range of the format.
fn numbers() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop_oneof![any::<u32>(), 0x3000_0000_u32..0x4F00_0000, 0_u32..0x100_0000], 1..200)
}

fn codes(format: FloatFormat, x: &[f32], options: &Options) -> Vec<u8> {
    let mut out = vec![0; x.len()];
    encode::<F32>(&mut out, x, Scalar::Float(format), options).unwrap();
    out
}

proptest! {
    #[test]
    fn loops_equal_the_specification(
        format in formats(), bits in numbers(), saturate in any::<bool>(), seed in any::<u64>()
    ) {
        let x: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        for rounding in [Rounding::NearestEven, Rounding::HalfAway, Rounding::Stochastic] {
            let options = Options { saturate, rounding, seed, nan: NanPolicy::Zero, ..Options::default() };
            for (index, (code, &value)) in codes(format, &x, &options).into_iter().zip(&x).enumerate() {
                let word = random::word(seed, index as u64);
                let expected = format.encode(value, rounding, saturate, word).unwrap_or(0);
                prop_assert_eq!(code, expected, "{:?} of {:e}", rounding, value);
            }
        }
    }

    #[test]
    fn decoded_codes_are_kept_and_rounding_is_monotone(format in formats(), bits in numbers()) {
        let mut x: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| !x.is_nan()).collect();
        x.retain(|&value| format.signed || value >= 0.0);
        x.sort_by(f32::total_cmp);
        let first = codes(format, &x, &Options::default());
        let mut values = vec![0.0; x.len()];
        decode::<F32>(&mut values, &first, Scalar::Float(format), None).unwrap();
        prop_assert!(values.is_sorted());
        for (value, code) in values.iter().zip(&first) {
            prop_assert_eq!(value.to_bits(), format.decode(*code).to_bits());
        }
        prop_assert_eq!(codes(format, &values, &Options::default()), first);
    }
}
