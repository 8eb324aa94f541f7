//! A table of objectives as it lies in memory: columns of any real dtype and stride, read as keys.
//!
//! A C-order matrix, a Fortran-order one and separate arrays are the same to the algorithms, and nothing is copied but
//! the keys of the rows that an algorithm asks for.

use super::keys::Key;
use super::read::{Floats, ReadKeys};
use super::source::Source;
use crate::error::{Error, Result};

/// The numbers of a column; 16-bit floats as their bits.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is the dtype of its name")]
pub enum Values<'a> {
    Bf16(&'a [u16]),
    F16(&'a [u16]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
}

/// One objective: row `i` is `values[i * stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The numbers, and whatever lies between those of the column.
    pub values: Values<'a>,
    /// Distance between rows, in numbers; 0 repeats the first.
    pub stride: usize,
    /// Larger is better.
    pub maximize: bool,
}

impl Column<'_> {
    fn num_values(&self) -> usize {
        let (bytes, width) = self.values.bytes();
        bytes.len() / width
    }

    fn is_narrow(&self) -> bool {
        !matches!(self.values, Values::F64(_) | Values::I64(_) | Values::U64(_))
    }

    /// The first of `num_rows` rows that is NaN.
    fn first_nan(&self, num_rows: usize) -> Option<usize> {
        macro_rules! position {
            ($slice:expr, $is_nan:expr) => {
                if self.stride == 1 {
                    $slice[..num_rows].iter().position($is_nan)
                } else {
                    (0..num_rows).find(|row| $is_nan(&$slice[row * self.stride]))
                }
            };
        }
        match self.values {
            Values::F64(slice) => position!(slice, |value: &f64| value.is_nan()),
            Values::F32(slice) => position!(slice, |value: &f32| value.is_nan()),
            Values::F16(slice) => position!(slice, |bits: &u16| bits & 0x7FFF > 0x7C00),
            Values::Bf16(slice) => position!(slice, |bits: &u16| bits & 0x7FFF > 0x7F80),
            _ => None,
        }
    }
}

/// Columns of one length.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    columns: Vec<Column<'a>>,
    num_rows: usize,
}

impl<'a> Table<'a> {
    /// A table of `num_rows` rows.
    ///
    /// # Errors
    /// If there is no column, a column is too short, or there are more rows than an `i32` counts.
    pub fn new(columns: Vec<Column<'a>>, num_rows: usize) -> Result<Self> {
        if columns.is_empty() {
            return Err(Error::shape("points", "(n, d) with d of 1 or more", format!("({num_rows}, 0)")));
        }
        if num_rows > i32::MAX as usize {
            return Err(Error::value("points", "at most 2147483647 rows", format!("{num_rows} rows")));
        }
        for column in &columns {
            let needed =
                num_rows.checked_sub(1).map_or(Some(0), |last| last.checked_mul(column.stride)?.checked_add(1));
            if needed.is_none_or(|needed| needed > column.num_values()) {
                let got = format!("{} values with a stride of {}", column.num_values(), column.stride);
                return Err(Error::shape("points", format!("({num_rows}, {})", columns.len()), got));
            }
        }
        Ok(Self { columns, num_rows })
    }

    /// A C-order matrix of float64, every objective minimized: what tests and inner calls use.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn of_matrix(points: &'a [f64], num_rows: usize, d: usize) -> Result<Self> {
        let column =
            |k: usize| Column { values: Values::F64(points.get(k..).unwrap_or(&[])), stride: d, maximize: false };
        Self::new((0..d).map(column).collect(), num_rows)
    }

    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Number of objectives, 1 or more.
    pub fn num_objectives(&self) -> usize {
        self.columns.len()
    }

    /// The columns.
    pub(super) fn columns(&self) -> &[Column<'a>] {
        &self.columns
    }

    /// Whether 32-bit keys hold every column.
    pub fn is_narrow(&self) -> bool {
        self.columns.iter().all(Column::is_narrow)
    }

    /// The keys of consecutive rows of objective `k`, from row `first` on.
    #[inline(always)]
    pub(super) fn read<K: ReadKeys>(&self, k: usize, first: usize, out: &mut [K]) {
        assert!(first + out.len() <= self.num_rows, "the rows are in the table");
        K::read(&self.columns[k], first, out);
    }

    /// The keys of `rows` of objective `k`.
    #[inline(always)]
    pub(super) fn gather<K: ReadKeys>(&self, k: usize, rows: &[u32], out: &mut [K]) {
        K::gather(&self.columns[k], rows, out);
    }

    /// The columns, if all are floats with as many bits as a key.
    pub(super) fn floats<K: ReadKeys>(&self) -> Option<Vec<Floats<'a, K::Float>>> {
        let floats = |column: &Column<'a>| {
            let (stride, maximize) = (column.stride, column.maximize);
            K::floats(column).map(|values| Floats { values, stride, maximize })
        };
        self.columns.iter().map(floats).collect()
    }

    /// The keys of `rows`, one vector per objective.
    pub(super) fn columns_of<K: ReadKeys>(&self, rows: &[u32]) -> Vec<Vec<K>> {
        (0..self.num_objectives())
            .map(|k| {
                let mut keys = vec![K::default(); rows.len()];
                self.gather(k, rows, &mut keys);
                keys
            })
            .collect()
    }

    /// The columns that can hold a NaN.
    pub(super) fn float_columns(&self) -> Vec<usize> {
        let is_float = |values| matches!(values, Values::F64(_) | Values::F32(_) | Values::F16(_) | Values::Bf16(_));
        (0..self.columns.len()).filter(|&k| is_float(self.columns[k].values)).collect()
    }

    /// The first row with a NaN, and its first column with one.
    pub(super) fn first_nan(&self) -> Option<(usize, usize)> {
        let firsts = self.columns.iter().enumerate();
        firsts.filter_map(|(k, column)| column.first_nan(self.num_rows).map(|row| (row, k))).min()
    }

    /// Per row: whether it has a NaN. Empty if no row has one.
    pub(super) fn nan_rows(&self) -> Vec<bool> {
        let mut any = Vec::new();
        let mut keys = vec![0_i64; self.num_rows.min(4096)];
        for (k, column) in self.columns.iter().enumerate() {
            let Some(first) = column.first_nan(self.num_rows) else { continue };
            any.resize(self.num_rows, false);
            for start in (first..self.num_rows).step_by(4096) {
                let keys = &mut keys[..4096.min(self.num_rows - start)];
                Source::read(self, k, start, keys);
                for (any, &key) in any[start..].iter_mut().zip(&*keys) {
                    *any |= key == i64::NAN;
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_layout_gives_the_same_keys() {
        let rows = [[1.5, -2.0], [0.0, f64::NAN], [-0.0, 7.0]];
        let flat: Vec<f64> = rows.concat();
        let (x, y): (Vec<f32>, Vec<f64>) = rows.iter().map(|&[x, y]| (x as f32, y)).unzip();
        let matrix = Table::of_matrix(&flat, 3, 2).expect("it is a table");
        let columns = vec![
            Column { values: Values::F32(&x), stride: 1, maximize: false },
            Column { values: Values::F64(&y), stride: 1, maximize: false },
        ];
        let separate = Table::new(columns, 3).expect("it is a table");
        let keys = |table: &Table<'_>| -> Vec<Vec<i64>> { table.columns_of(&[0, 1, 2]) };
        assert_eq!(keys(&matrix)[1], keys(&separate)[1]);
        let order = |column: &[i64]| -> Vec<usize> {
            (0..3).map(|i| column.iter().filter(|&&other| other < column[i]).count()).collect()
        };
        assert_eq!(order(&keys(&matrix)[0]), order(&keys(&separate)[0]));
        assert_eq!(matrix.first_nan(), Some((1, 1)));
        assert_eq!(separate.nan_rows(), [false, true, false]);
        assert!(!separate.is_narrow());
    }

    #[test]
    fn short_columns_and_none_are_refused() {
        assert!(Table::new(vec![], 3).is_err());
        let column = Column { values: Values::U8(&[1, 2, 3]), stride: 2, maximize: true };
        assert!(Table::new(vec![column], 3).is_err());
        assert!(Table::new(vec![column], 2).is_ok());
        assert!(Table::new(vec![Column { values: Values::U8(&[]), stride: usize::MAX, maximize: true }], 0).is_ok());
    }
}
