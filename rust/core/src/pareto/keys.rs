//! Order-preserving keys: a smaller key is a better value, whatever the dtype and the direction.
//!
//! Integers keep all their bits (a float64 merges neighbors above 2^53), a direction is a bit flip (negation overflows
//! for the smallest integer and for unsigned ones), and -0.0 equals 0.0. NaN is `u64::MAX`, worse than both infinities.

/// A number that can be an objective.
pub trait Value: Copy + Send + Sync + 'static {
    /// Whether it is not a number.
    fn is_nan(self) -> bool;
    /// A key that grows with the value; equal values have equal keys. Never `u64::MAX` or 0 for a float.
    fn ascending(self) -> u64;
    /// The number of the box of size `eps` (above 0) that holds the value, as a key that grows with the value.
    fn ascending_box(self, eps: f64) -> u64;
}

const SIGN: u64 = 1 << 63;

fn float_key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// Up to this many boxes on each side of zero are numbered. Beyond, a float is as coarse as its box, so it is its own
/// box; with box numbers in the middle of the key space and the plain keys moved aside, the keys still grow with the
/// value.
const MOST_BOXES: i64 = 1 << 50;

fn float_box(value: f64, eps: f64) -> u64 {
    let number = (value / eps).floor();
    if number.abs() < MOST_BOXES as f64 {
        SIGN + (number as i64 + MOST_BOXES) as u64
    } else if value < 0.0 {
        float_key(value)
    } else {
        float_key(value) + 2 * MOST_BOXES as u64
    }
}

macro_rules! float_value {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn is_nan(self) -> bool {
                self != self
            }
            fn ascending(self) -> u64 {
                float_key(f64::from(self))
            }
            fn ascending_box(self, eps: f64) -> u64 {
                float_box(f64::from(self), eps)
            }
        }
    )*};
}

macro_rules! integer_value {
    ($wide:ty, $flip:expr; $($type:ty),*) => {$(
        impl Value for $type {
            fn is_nan(self) -> bool {
                false
            }
            fn ascending(self) -> u64 {
                <$wide>::from(self) as u64 ^ $flip
            }
            fn ascending_box(self, eps: f64) -> u64 {
                // Between integers a distance of at most eps is one of at most floor(eps).
                let size = (eps as $wide).max(1);
                <$wide>::from(self).div_euclid(size) as u64 ^ $flip
            }
        }
    )*};
}

float_value!(f32, f64);
integer_value!(i64, SIGN; i8, i16, i32, i64);
integer_value!(u64, 0; u8, u16, u32, u64);

fn directed<T: Value>(value: T, maximize: bool, ascending: impl Fn(T) -> u64) -> u64 {
    if value.is_nan() {
        u64::MAX
    } else if maximize {
        !ascending(value)
    } else {
        ascending(value)
    }
}

/// A table whose rows can be read as keys.
pub(super) trait Rows: Sync {
    /// Number of keys of a row.
    fn num_objectives(&self) -> usize;
    /// Append the keys of `rows`, row after row.
    fn append_keys(&self, rows: &[u32], keys: &mut Vec<u64>);
}

/// The values themselves.
pub(super) struct Matrix<'a, T> {
    pub(super) values: &'a [T],
    pub(super) maximize: &'a [bool],
}

impl<T: Value> Rows for Matrix<'_, T> {
    fn num_objectives(&self) -> usize {
        self.maximize.len()
    }

    fn append_keys(&self, rows: &[u32], keys: &mut Vec<u64>) {
        let d = self.maximize.len();
        for &row in rows {
            let values = &self.values[row as usize * d..][..d];
            keys.extend(
                values.iter().zip(self.maximize).map(|(&value, &maximize)| directed(value, maximize, T::ascending)),
            );
        }
    }
}

/// The boxes that hold the values; a size of 0 leaves the value as it is.
pub(super) struct Boxes<'a, T> {
    pub(super) values: &'a [T],
    pub(super) maximize: &'a [bool],
    pub(super) eps: &'a [f64],
}

impl<T: Value> Rows for Boxes<'_, T> {
    fn num_objectives(&self) -> usize {
        self.maximize.len()
    }

    fn append_keys(&self, rows: &[u32], keys: &mut Vec<u64>) {
        let d = self.maximize.len();
        for &row in rows {
            let values = &self.values[row as usize * d..][..d];
            for ((&value, &maximize), &eps) in values.iter().zip(self.maximize).zip(self.eps) {
                keys.push(directed(value, maximize, |value| {
                    if eps > 0.0 { value.ascending_box(eps) } else { value.ascending() }
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grow_with_the_value() {
        let values = [f64::NEG_INFINITY, f64::MIN, -1.5, -5e-324, 0.0, 5e-324, 1.5, f64::MAX, f64::INFINITY];
        assert!(values.windows(2).all(|pair| pair[0].ascending() < pair[1].ascending()));
        assert!(f64::INFINITY.ascending() < u64::MAX);
        assert_eq!((-0.0_f64).ascending(), 0.0_f64.ascending());
        assert_eq!((-0.0_f32).ascending(), 0.0_f32.ascending());
        let integers = [i64::MIN, -1, 0, 1 << 53, (1 << 53) + 1, i64::MAX];
        assert!(integers.windows(2).all(|pair| pair[0].ascending() < pair[1].ascending()));
        assert!(((1_u64 << 53) + 1).ascending() < u64::MAX.ascending());
    }

    #[test]
    fn nan_is_worst_in_both_directions() {
        for maximize in [false, true] {
            for other in [f64::NEG_INFINITY, f64::INFINITY] {
                assert!(directed(other, maximize, f64::ascending) < directed(f64::NAN, maximize, f64::ascending));
            }
        }
    }

    #[test]
    fn boxes_grow_with_the_value_and_end_where_floats_are_coarse() {
        let values = [f64::NEG_INFINITY, -1e300, -1e15, -1.0, -0.5, 0.0, 0.5, 1.0, 1e15, 1e300, f64::INFINITY];
        for eps in [1e-300, 0.5, 1.0, 3.0] {
            assert!(values.windows(2).all(|pair| pair[0].ascending_box(eps) <= pair[1].ascending_box(eps)), "{eps}");
        }
        assert_eq!(0.25_f64.ascending_box(0.5), 0.0_f64.ascending_box(0.5));
        assert!(1e300_f64.ascending_box(1e-300) < 1.1e300_f64.ascending_box(1e-300));
        assert_eq!((-1_i32).ascending_box(3.9), (-3_i32).ascending_box(3.9));
        assert_ne!((-1_i32).ascending_box(3.9), 0_i32.ascending_box(3.9));
        assert_ne!(6_u8.ascending_box(0.5), 7_u8.ascending_box(0.5));
    }
}
