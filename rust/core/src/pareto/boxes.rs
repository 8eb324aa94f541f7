//! Boxes of an epsilon grid as keys: of one size everywhere, or each larger than the one before by a factor.
//!
//! A box must grow with the value, else a dominated row might be kept. Additive boxes are quotients rounded down; the
//! bounds of multiplicative ones are powers, computed the same way for every value, which says between which two it is.

use super::source::{Rows, Source};
use super::table::{Column, Table, Values};
use crate::error::{Error, Result};

/// How boxes grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Boxes begin at the multiples of the size.
    Add,
    /// Boxes begin at the powers of 1 + size; for positive values.
    Multiply,
}

/// A grid of boxes; a size of 0 leaves the values of an objective as they are.
#[derive(Debug, Clone, Copy)]
pub struct Boxes<'a> {
    /// One size per objective.
    pub sizes: &'a [f64],
    /// How they grow.
    pub kind: Grid,
}

/// The bounds of narrower multiplicative boxes would not all be different floats.
pub(super) const LEAST_FACTOR: f64 = 1e-12;

/// Up to this many boxes on each side of zero are numbered. Beyond, a float is as coarse as its box, so it is its own
/// box; with box numbers in the middle of the key space and the plain keys moved aside, the keys still grow with the
/// value.
const MOST_BOXES: i64 = 1 << 50;

impl Boxes<'_> {
    /// The boxes of objective `k` that hold `rows`, as keys: better is smaller.
    pub(super) fn numbers(&self, table: &Table<'_>, k: usize, rows: &[u32]) -> Vec<i64> {
        let mut keys = vec![0; rows.len()];
        Source::gather(table, k, rows, &mut keys);
        let (column, size) = (&table.columns()[k], self.sizes[k]);
        if size > 0.0 {
            for (key, &row) in keys.iter_mut().zip(rows) {
                // A NaN, and the integer whose key is the same, stays the worst there is.
                if *key != i64::MAX {
                    let number = match self.kind {
                        Grid::Add => added(column, row as usize, size),
                        Grid::Multiply => multiplied(value(column, row as usize), size.ln_1p()),
                    };
                    *key = if column.maximize { !number } else { number };
                }
            }
        }
        keys
    }
}

/// Refuse values that no multiplicative box holds; a row with a NaN is passed over if such rows are left out.
pub(super) fn check(table: &Table<'_>, rows: Rows<'_>, boxes: Boxes<'_>, skip_nan: bool) -> Result<()> {
    if boxes.kind == Grid::Add {
        return Ok(());
    }
    let positive = |row: usize, k: usize| {
        boxes.sizes[k] <= 0.0 || value(&table.columns()[k], row) > 0.0 || value(&table.columns()[k], row).is_nan()
    };
    let missing = |row: usize| table.columns().iter().any(|column| value(column, row).is_nan());
    for row in (0..rows.len()).map(|position| rows.at(position) as usize) {
        if let Some(k) = (0..table.num_objectives()).find(|&k| !positive(row, k))
            && !(skip_nan && missing(row))
        {
            let got = format!("{} in row {row}, column {k}", value(&table.columns()[k], row));
            let hint = "hint: eps_kind=\"add\" takes any value, and a size of 0 leaves an objective as it is";
            return Err(Error::value("points", "positive for eps_kind=\"mult\"", format!("{got}\n{hint}")));
        }
    }
    Ok(())
}

/// The number of the box `[size * number, size * (number + 1))` that holds a float.
pub(super) fn float_box(value: f64, size: f64) -> i64 {
    let number = (value / size).floor();
    let bits = value.to_bits().cast_signed();
    let key = bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed();
    if number.abs() < MOST_BOXES as f64 {
        number as i64
    } else if value < 0.0 {
        key - MOST_BOXES
    } else {
        key + MOST_BOXES
    }
}

/// The number of the box of one size that holds a value.
fn added(column: &Column<'_>, row: usize, size: f64) -> i64 {
    let index = row * column.stride;
    // Between integers a distance of at most size is one of at most floor(size).
    let signed = |value: i64| value.div_euclid((size as i64).max(1));
    let unsigned = |value: u64| ((value / (size as u64).max(1)) ^ 1 << 63).cast_signed();
    match column.values {
        Values::I8(values) => signed(values[index].into()),
        Values::I16(values) => signed(values[index].into()),
        Values::I32(values) => signed(values[index].into()),
        Values::I64(values) => signed(values[index]),
        Values::U8(values) => unsigned(values[index].into()),
        Values::U16(values) => unsigned(values[index].into()),
        Values::U32(values) => unsigned(values[index].into()),
        Values::U64(values) => unsigned(values[index]),
        _ => float_box(value(column, row), size),
    }
}

/// The number of the box `[exp(step * number), exp(step * (number + 1)))` that holds a positive value.
fn multiplied(value: f64, step: f64) -> i64 {
    // Below, bounds would run into the coarse numbers near zero: there all is moved up by a power of two.
    const SMALL: f64 = 1e-200;
    const UP: f64 = (1_u64 << 63) as f64 * (1_u64 << 63) as f64 * (1_u64 << 63) as f64 * (1_u64 << 63) as f64;
    if value.is_infinite() {
        i64::MAX - 1
    } else if value < SMALL {
        // The two computations may round differently where they meet.
        between_bounds(value * UP, UP.ln(), step).min(between_bounds(SMALL, 0.0, step))
    } else {
        between_bounds(value, 0.0, step)
    }
}

/// The largest number for which `exp(step * number + up) <= value`.
fn between_bounds(value: f64, up: f64, step: f64) -> i64 {
    let bound = |number: f64| (step * number + up).exp();
    let mut number = ((value.ln() - up) / step).floor();
    // The logarithm is rounded, so the number may be one off; the bounds decide.
    while bound(number) > value {
        number -= 1.0;
    }
    while bound(number + 1.0) <= value {
        number += 1.0;
    }
    number as i64
}

/// A value as float64; integers above 2^53 are rounded.
fn value(column: &Column<'_>, row: usize) -> f64 {
    let index = row * column.stride;
    match column.values {
        Values::F64(values) => values[index],
        Values::F32(values) => values[index].into(),
        Values::F16(values) => half(values[index]),
        Values::Bf16(values) => f32::from_bits(u32::from(values[index]) << 16).into(),
        Values::I8(values) => values[index].into(),
        Values::I16(values) => values[index].into(),
        Values::I32(values) => values[index].into(),
        Values::I64(values) => values[index] as f64,
        Values::U8(values) => values[index].into(),
        Values::U16(values) => values[index].into(),
        Values::U32(values) => values[index].into(),
        Values::U64(values) => values[index] as f64,
    }
}

/// The value of a float16.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 => f64::INFINITY,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: Values<'_>, row: usize, eps: f64) -> i64 {
        added(&Column { values, stride: 1, maximize: false }, row, eps)
    }

    #[test]
    fn boxes_grow_with_the_value_and_end_where_floats_are_coarse() {
        let values = [f64::NEG_INFINITY, -1e300, -1e15, -1.0, -0.5, 0.0, 0.5, 1.0, 1e15, 1e300, f64::INFINITY];
        for eps in [1e-300, 0.5, 1.0, 3.0] {
            assert!(values.windows(2).all(|pair| float_box(pair[0], eps) <= float_box(pair[1], eps)), "{eps}");
        }
        assert_eq!(float_box(0.25, 0.5), float_box(0.0, 0.5));
        assert!(float_box(1e300, 1e-300) < float_box(1.1e300, 1e-300));
        let integers = Values::I32(&[-1, -3, 0]);
        assert_eq!(of(integers, 0, 3.9), of(integers, 1, 3.9));
        assert_ne!(of(integers, 0, 3.9), of(integers, 2, 3.9));
        assert_ne!(of(Values::U8(&[6, 7]), 0, 0.5), of(Values::U8(&[6, 7]), 1, 0.5));
    }

    #[test]
    fn factors_give_boxes_that_grow_with_the_value() {
        let values =
            [5e-324, 1e-323, 1e-310, 1e-200, 1.1e-200, 0.5, 1.0, 1.05, 1.1, 2.0, 1e300, f64::MAX, f64::INFINITY];
        for size in [1e-12, 0.1, 3.0, 1e9] {
            let numbers = values.map(|value| multiplied(value, f64::ln_1p(size)));
            assert!(numbers.is_sorted(), "{size}: {numbers:?}");
        }
        let numbers: Vec<i64> =
            [1.0, 1.05, 1.0999, 1.1001, 1.2099].map(|value| multiplied(value, 0.1_f64.ln_1p())).into();
        assert_eq!(numbers, [0, 0, 0, 1, 1]);
        let nearby: Vec<i64> =
            (0..4000).map(|i| multiplied(1e-200 * (1.0 - 2e-16 * f64::from(2000 - i)), 1e-12)).collect();
        assert!(nearby.is_sorted());
    }

    #[test]
    fn half_precision_values_are_exact() {
        for (bits, value) in [(0x3C00, 1.0), (0xC500, -5.0), (0x0001, 2_f64.powi(-24)), (0x7BFF, 65504.0)] {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xFC00), f64::NEG_INFINITY);
    }
}
