//! Boxes of an epsilon grid as keys, and rows of a table as lists of keys.

use super::table::{Column, Table, Values};

/// A table whose rows can be read as keys.
pub(super) trait Rows: Sync {
    /// Number of keys of a row.
    fn num_objectives(&self) -> usize;
    /// Append the keys of `rows`, row after row.
    fn append_keys(&self, rows: &[u32], keys: &mut Vec<i64>);
}

impl Rows for Table<'_> {
    fn num_objectives(&self) -> usize {
        Table::num_objectives(self)
    }

    fn append_keys(&self, rows: &[u32], keys: &mut Vec<i64>) {
        let d = Table::num_objectives(self);
        let start = keys.len();
        keys.resize(start + rows.len() * d, 0);
        let mut column = vec![0_i64; rows.len()];
        for k in 0..d {
            self.gather(k, rows, &mut column);
            for (out, &key) in keys[start..].chunks_exact_mut(d).zip(&column) {
                out[k] = key;
            }
        }
    }
}

/// The boxes that hold the values; a size of 0 leaves the value as it is.
pub(super) struct Boxes<'a> {
    pub(super) table: &'a Table<'a>,
    pub(super) eps: &'a [f64],
}

impl Rows for Boxes<'_> {
    fn num_objectives(&self) -> usize {
        self.eps.len()
    }

    fn append_keys(&self, rows: &[u32], keys: &mut Vec<i64>) {
        let start = keys.len();
        self.table.append_keys(rows, keys);
        for (own, &row) in keys[start..].chunks_exact_mut(self.eps.len()).zip(rows) {
            for ((key, column), &eps) in own.iter_mut().zip(self.table.columns()).zip(self.eps) {
                if eps > 0.0 && *key != i64::MAX {
                    let number = box_number(column, row as usize, eps);
                    *key = if column.maximize { !number } else { number };
                }
            }
        }
    }
}

/// Up to this many boxes on each side of zero are numbered. Beyond, a float is as coarse as its box, so it is its own
/// box; with box numbers in the middle of the key space and the plain keys moved aside, the keys still grow with the
/// value.
const MOST_BOXES: i64 = 1 << 50;

/// The number of the box of size `eps` that holds a float.
pub(super) fn float_box(value: f64, eps: f64) -> i64 {
    let number = (value / eps).floor();
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

/// The number of the box of size `eps` that holds a value, as a key that grows with the value.
fn box_number(column: &Column<'_>, row: usize, eps: f64) -> i64 {
    let index = row * column.stride;
    // Between integers a distance of at most eps is one of at most floor(eps).
    let signed = |value: i64| value.div_euclid((eps as i64).max(1));
    let unsigned = |value: u64| ((value / (eps as u64).max(1)) ^ 1 << 63).cast_signed();
    match column.values {
        Values::F64(values) => float_box(values[index], eps),
        Values::F32(values) => float_box(f64::from(values[index]), eps),
        Values::F16(values) => float_box(half(values[index]), eps),
        Values::Bf16(values) => float_box(f64::from(f32::from_bits(u32::from(values[index]) << 16)), eps),
        Values::I8(values) => signed(values[index].into()),
        Values::I16(values) => signed(values[index].into()),
        Values::I32(values) => signed(values[index].into()),
        Values::I64(values) => signed(values[index]),
        Values::U8(values) => unsigned(values[index].into()),
        Values::U16(values) => unsigned(values[index].into()),
        Values::U32(values) => unsigned(values[index].into()),
        Values::U64(values) => unsigned(values[index]),
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
        box_number(&Column { values, stride: 1, maximize: false }, row, eps)
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
    fn half_precision_values_are_exact() {
        for (bits, value) in [(0x3C00, 1.0), (0xC500, -5.0), (0x0001, 2_f64.powi(-24)), (0x7BFF, 65504.0)] {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xFC00), f64::NEG_INFINITY);
    }
}
