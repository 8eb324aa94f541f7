//! Order-preserving keys: a smaller key is a better value, whatever the dtype and the direction.
//!
//! Keys are signed integers, 32 bits wide where every dtype of the table is, else 64: integers keep all their bits (a
//! float64 merges neighbors above 2^53), a direction is a bit flip (negation overflows for the smallest integer and for
//! unsigned ones), and -0.0 equals 0.0. The key of NaN is the largest there is, worse than both infinities.

use std::ops::{Add, BitAnd, BitOr, Neg};

use crate::simd::Plain;

/// A key; the algorithms below `mask` see nothing else.
pub(super) trait Key:
    Plain + Ord + Send + Sync + std::fmt::Debug + BitAnd<Output = Self> + BitOr<Output = Self> + 'static
{
    /// The float with as many bits.
    type Float: Plain + Value<Self> + Neg<Output = Self::Float> + Add<Output = Self::Float> + PartialOrd + Into<f64>;
    /// The key of NaN, in either direction; no float has it. The largest or smallest integer may.
    const NAN: Self;
    /// The key as seen in the other direction.
    #[must_use]
    fn flipped(self) -> Self;
    /// All bits set or none: what a vector comparison gives.
    fn flag(set: bool) -> Self;
    /// The sum, wrapped around.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// The float that has this key, if any has.
    fn float(self) -> Self::Float;
    /// Whether this thread compares the smallest floats as they are; a process may ask its CPU to take them for 0.
    fn floats_are_exact() -> bool;
    /// How far the key is above `least`, which is not larger.
    fn above(self, least: Self) -> u64;
}

impl Key for i32 {
    type Float = f32;
    const NAN: Self = Self::MAX;
    fn floats_are_exact() -> bool {
        std::hint::black_box(f32::from_bits(1)) > 0.0
    }
    #[inline(always)]
    fn float(self) -> f32 {
        f32::from_bits((self ^ ((self >> 31).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
    }
    #[inline(always)]
    fn flipped(self) -> Self {
        !self
    }
    #[inline(always)]
    fn flag(set: bool) -> Self {
        -Self::from(set)
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn above(self, least: Self) -> u64 {
        u64::from(self.wrapping_sub(least).cast_unsigned())
    }
}

impl Key for i64 {
    type Float = f64;
    const NAN: Self = Self::MAX;
    fn floats_are_exact() -> bool {
        std::hint::black_box(f64::from_bits(1)) > 0.0
    }
    #[inline(always)]
    fn float(self) -> f64 {
        f64::from_bits((self ^ ((self >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
    }
    #[inline(always)]
    fn flipped(self) -> Self {
        !self
    }
    #[inline(always)]
    fn flag(set: bool) -> Self {
        -Self::from(set)
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn above(self, least: Self) -> u64 {
        self.wrapping_sub(least).cast_unsigned()
    }
}

/// A number that can be an objective, as a key of type `K`.
pub(super) trait Value<K>: Copy + Send + Sync + 'static {
    /// Whether it is not a number.
    fn is_nan(self) -> bool;
    /// A key that grows with the value; equal values have equal keys. Anything for NaN.
    fn ascending(self) -> K;
}

/// The key of a value with its direction.
#[inline(always)]
pub(super) fn key<K: Key, T: Value<K>>(value: T, maximize: bool) -> K {
    let ascending = value.ascending();
    let directed = if maximize { ascending.flipped() } else { ascending };
    if value.is_nan() { K::NAN } else { directed }
}

/// The bits of a 16-bit float: `LARGEST` is those of infinity.
#[derive(Clone, Copy)]
pub(super) struct Half<const INFINITY: u16>(pub(super) u16);

impl<K: From<i16>, const INFINITY: u16> Value<K> for Half<INFINITY> {
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.0 & 0x7FFF > INFINITY
    }
    #[inline(always)]
    fn ascending(self) -> K {
        let bits = if self.0 == 0x8000 { 0 } else { self.0.cast_signed() };
        K::from(bits ^ ((bits >> 15).cast_unsigned() >> 1).cast_signed())
    }
}

impl<K: From<i32>> Value<K> for f32 {
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    #[inline(always)]
    fn ascending(self) -> K {
        let bits = self.to_bits().cast_signed();
        let bits = if bits == i32::MIN { 0 } else { bits };
        K::from(bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed())
    }
}

impl Value<i64> for f64 {
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    #[inline(always)]
    fn ascending(self) -> i64 {
        let bits = self.to_bits().cast_signed();
        let bits = if bits == i64::MIN { 0 } else { bits };
        bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
    }
}

macro_rules! integer {
    ($($type:ty as $own:ty, $key:expr);*) => {$(
        impl<K: From<$own>> Value<K> for $type {
            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
            #[inline(always)]
            fn ascending(self) -> K {
                let key: fn($type) -> $own = $key;
                K::from(key(self))
            }
        }
    )*};
}

integer! {
    i8 as i8, |value| value; i16 as i16, |value| value; i32 as i32, |value| value; i64 as i64, |value| value;
    u8 as u8, |value| value; u16 as u16, |value| value;
    u32 as i32, |value| (value ^ 1 << 31).cast_signed(); u64 as i64, |value| (value ^ 1 << 63).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rises<T: Value<i64> + std::fmt::Debug>(values: &[T]) {
        for pair in values.windows(2) {
            assert!(key::<i64, T>(pair[0], false) < key::<i64, T>(pair[1], false), "{pair:?}");
            assert!(key::<i64, T>(pair[0], true) > key::<i64, T>(pair[1], true), "{pair:?}");
        }
    }

    #[test]
    fn keys_grow_with_the_value_in_both_directions() {
        rises(&[f64::NEG_INFINITY, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e300, f64::INFINITY]);
        rises(&[f32::NEG_INFINITY, -1e38, -1e-45, 0.0, 1e-45, 1.0, f32::INFINITY]);
        rises(&[i64::MIN, -1, 0, (1 << 53), (1 << 53) + 1, i64::MAX]);
        rises(&[0, 1, 1_u64 << 63, u64::MAX]);
        rises(&[0, 1, 1_u32 << 31, u32::MAX]);
        rises(&[i8::MIN, -1, 0, i8::MAX]);
    }

    #[test]
    fn floats_come_back_from_their_keys() {
        for value in [f64::NEG_INFINITY, -1e300, -5e-324, 0.0, 5e-324, 0.3, f64::INFINITY] {
            assert_eq!(key::<i64, f64>(value, false).float().to_bits(), value.to_bits());
            let narrow = value as f32 + 0.0;
            assert_eq!(key::<i32, f32>(narrow, true).flipped().float().to_bits(), narrow.to_bits());
        }
        assert!(i64::NAN.float().is_nan() && i64::NAN.flipped().float().is_nan());
        assert!(i32::NAN.float().is_nan() && i32::NAN.flipped().float().is_nan());
    }

    #[test]
    fn half_precision_keys_order_all_bits() {
        let mut all: Vec<(f32, i32)> = (0..=u16::MAX)
            .filter(|bits| bits & 0x7FFF <= 0x7F80)
            .map(|bits| (f32::from_bits(u32::from(bits) << 16), Half::<0x7F80>(bits).ascending()))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(all.windows(2).all(|pair| (pair[0].0 < pair[1].0) == (pair[0].1 < pair[1].1)));
        assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!(Value::<i32>::is_nan(Half::<0x7C00>(0xFC01)) && !Value::<i32>::is_nan(Half::<0x7C00>(0xFC00)));
    }

    #[test]
    fn zeros_are_equal_and_nan_is_worst_in_both_directions() {
        assert_eq!(key::<i64, f64>(-0.0, false), key::<i64, f64>(0.0, false));
        assert_eq!(key::<i32, f32>(-0.0, true), key::<i32, f32>(0.0, true));
        for maximize in [false, true] {
            assert_eq!(key::<i64, f64>(-f64::NAN, maximize), i64::NAN);
            assert!(key::<i32, f32>(f32::NEG_INFINITY, maximize) < i32::NAN);
            assert!(key::<i32, f32>(f32::INFINITY, maximize) < i32::NAN);
        }
    }
}
