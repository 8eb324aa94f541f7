//! Dense bit streams against one written bit by bit, for every width, order, word, tail, level and number of threads.

use paretoserve_core::quant::pack::{Coding, Order, Packing, pack, unpack};
use paretoserve_core::simd;
use proptest::prelude::*;
use std::num::NonZeroUsize;

/// The stream of one row by the definition.
fn bit_by_bit(codes: &[u8], packing: &Packing) -> Vec<u8> {
    let bits = packing.bits as usize;
    let mut out = vec![0_u8; packing.row_bytes(codes.len()).unwrap()];
    let word_bits = packing.word_bytes * 8;
    for (i, &code) in codes.iter().enumerate() {
        for bit in 0..bits {
            let significance = if packing.order == Order::Lsb { bit } else { bits - 1 - bit };
            let at = i * bits + bit;
            // In which bit of its word, then in which byte of the little-endian word.
            let within = if packing.order == Order::Lsb { at % word_bits } else { word_bits - 1 - at % word_bits };
            out[at / word_bits * packing.word_bytes + within / 8] |= (code >> significance & 1) << (within % 8);
        }
    }
    out
}

fn codings() -> impl Strategy<Value = Coding> {
    prop::sample::select(vec![Coding::Unsigned, Coding::Offset, Coding::Twos])
}

fn packings() -> impl Strategy<Value = Packing> {
    (1_u32..9, any::<bool>(), any::<bool>(), codings()).prop_map(|(bits, lsb, bytes, coding)| Packing {
        bits,
        order: if lsb { Order::Lsb } else { Order::Msb },
        word_bytes: if bytes { 1 } else { 4 },
        coding,
    })
}

/// The number of `coding` that `code` stands for, as a byte.
fn number(code: u8, packing: &Packing) -> u8 {
    let half = 1_u8 << (packing.bits - 1);
    match packing.coding {
        Coding::Unsigned => code,
        Coding::Offset => code.wrapping_sub(half),
        Coding::Twos => (code ^ half).wrapping_sub(half),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn equals_bit_by_bit_and_comes_back(
        packing in packings(),
        (cols, values) in (1_usize..200, 0_usize..5)
            .prop_flat_map(|(cols, rows)| (Just(cols), prop::collection::vec(any::<u8>(), cols * rows))),
        threads in 1_usize..4,
    ) {
        let threads = NonZeroUsize::new(threads);
        let codes: Vec<u8> = values.iter().map(|value| value >> (8 - packing.bits)).collect();
        let numbers: Vec<u8> = codes.iter().map(|&code| number(code, &packing)).collect();
        let expected: Vec<u8> = codes.chunks(cols).flat_map(|row| bit_by_bit(row, &packing)).collect();
        for level in simd::levels() {
            let mut packed = vec![0xAA; expected.len()];
            pack(&mut packed, &numbers, cols, &packing, threads, level).unwrap();
            prop_assert_eq!(&packed, &expected, "{:?}", level);
            let mut back = vec![0xAA; numbers.len()];
            unpack(&mut back, &packed, cols, &packing, threads, level).unwrap();
            prop_assert_eq!(&back, &numbers, "{:?}", level);
        }
    }

    #[test]
    fn a_code_too_wide_is_found_wherever_it_is(
        packing in packings().prop_filter("8 bits hold everything", |packing| packing.bits < 8),
        len in 1_usize..300,
        at in any::<prop::sample::Index>(),
    ) {
        let mut numbers = vec![number(0, &packing); len];
        let at = at.index(len);
        // The first number beyond the highest code.
        numbers[at] = 1 << (packing.bits - u32::from(packing.coding != Coding::Unsigned));
        for level in simd::levels() {
            let mut packed = vec![0; packing.row_bytes(len).unwrap()];
            let error = pack(&mut packed, &numbers, len, &packing, None, level).unwrap_err().to_string();
            let place = format!("row 0, column {at}");
            prop_assert!(error.ends_with(&place), "{}", error);
        }
    }
}

#[test]
fn long_streams_are_the_same_around_the_cache_and_on_threads() {
    let codes: Vec<u8> = (0..9_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (bits, order, word_bytes) in [(5, Order::Msb, 4), (4, Order::Lsb, 1), (8, Order::Msb, 4)] {
        let packing = Packing { bits, order, word_bytes, coding: Coding::Unsigned };
        let codes: Vec<u8> = codes.iter().map(|code| code >> (8 - bits)).collect();
        let len = packing.row_bytes(codes.len()).unwrap();
        let expected = bit_by_bit(&codes, &packing);
        for threads in [1, 3] {
            let threads = NonZeroUsize::new(threads);
            let mut packed = vec![0xAA; len];
            pack(&mut packed, &codes, codes.len(), &packing, threads, simd::level()).unwrap();
            assert!(packed == expected);
            let mut back = vec![0xAA; codes.len()];
            unpack(&mut back, &packed, codes.len(), &packing, threads, simd::level()).unwrap();
            assert!(back == codes);
        }
    }
}

#[test]
fn wrong_sizes_are_refused() {
    let packing = Packing { bits: 3, order: Order::Lsb, word_bytes: 4, coding: Coding::Unsigned };
    let run = |out: usize, codes: usize, cols: usize| {
        pack(&mut vec![0; out], &vec![0; codes], cols, &packing, None, simd::level()).map_err(|error| error.to_string())
    };
    assert_eq!(run(8, 20, 10), Ok(()));
    assert_eq!(run(0, 0, 0), Ok(()));
    assert_eq!(run(8, 21, 10).unwrap_err(), "`x` must have shape (rows, 10), got 21 elements");
    assert_eq!(run(7, 20, 10).unwrap_err(), "`packed` must have shape 2 rows of 4 bytes, got 7 bytes");
    assert!(packing.row_bytes(usize::MAX).is_err());
    let none = Packing { bits: 0, ..packing };
    assert!(pack(&mut [], &[], 0, &none, None, simd::level()).is_err());
}
