//! The part of space that a reference point bounds, in units in which nothing overflows.
//!
//! Every objective is minimized (a maximized one is negated, which is exact) and divided by the power of two that
//! brings its extent, the largest distance of a point to the reference, into [0.5, 1). That is exact, too, so
//! differences of coordinates keep all their bits; only the finished volume is multiplied back.

use super::super::NanPolicy;
use super::Options;
use crate::error::{Error, Result};

/// Points strictly better than the reference in every objective, objective by objective.
pub(super) struct Region {
    /// Scaled values to be minimized, one vector per objective.
    pub(super) columns: Vec<Vec<f64>>,
    /// The scaled reference.
    pub(super) reference: Vec<f64>,
    /// The row of each point in the input, rising.
    pub(super) rows: Vec<u32>,
    /// Rows with a number for every objective that do not beat the reference everywhere.
    pub(super) num_outside: usize,
    /// A volume here is that of the input divided by two to this power.
    pub(super) exponent: i64,
    /// Some point spans an infinite volume; the columns are then not scaled.
    pub(super) infinite: bool,
}

impl Region {
    /// Read `points`, row after row, as many objectives per row as `reference` has values.
    pub(super) fn new(
        argument: &'static str,
        points: &[f64],
        reference: &[f64],
        options: &Options<'_>,
    ) -> Result<Self> {
        let d = reference.len();
        check(argument, points, reference, options)?;
        let signs: Vec<f64> = options.maximize.iter().map(|&maximize| if maximize { -1.0 } else { 1.0 }).collect();
        // Adding zero makes -0.0 and 0.0 the same bits.
        let reference: Vec<f64> = reference.iter().zip(&signs).map(|(value, sign)| value * sign + 0.0).collect();
        let (mut columns, mut num_outside) = (vec![vec![0.0; points.len() / d]; d], 0);
        let mut rows = Vec::with_capacity(points.len() / d);
        for (row, values) in points.chunks_exact(d).enumerate() {
            let (mut inside, mut missing) = (true, false);
            let given = values.iter().zip(&signs).zip(&reference);
            for (column, ((&value, &sign), &reference)) in columns.iter_mut().zip(given) {
                let own = value * sign + 0.0;
                inside &= own < reference;
                missing |= own.is_nan();
                // The next row takes this place if this one is not inside.
                column[rows.len()] = own;
            }
            if inside {
                rows.push(row as u32);
            } else if !missing {
                num_outside += 1;
            } else if options.nan == NanPolicy::Raise {
                return Err(nan_in(argument, row, values));
            }
        }
        for column in &mut columns {
            column.truncate(rows.len());
        }
        Ok(Self { columns, reference, rows, num_outside, exponent: 0, infinite: false })
    }

    /// Bring every extent, over both regions if there are two, into [0.5, 1).
    pub(super) fn scaled(mut self, other: Option<&mut Self>) -> Self {
        let mut other = other;
        for k in 0..self.reference.len() {
            let more = other.as_ref().map_or(&[][..], |other| &other.columns[k][..]);
            let least = least(&self.columns[k]).min(least(more));
            if least == f64::INFINITY {
                continue;
            }
            if !(least.is_finite() && self.reference[k].is_finite()) {
                self.infinite = true;
                continue;
            }
            let extent = self.reference[k] - least;
            let exponent = if extent.is_finite() {
                exponent_of(extent) + 1
            } else {
                exponent_of(self.reference[k] * 0.5 - least * 0.5) + 2
            };
            self.exponent += exponent;
            scale(&mut self.columns[k], -exponent);
            scale(std::slice::from_mut(&mut self.reference[k]), -exponent);
            if let Some(other) = other.as_mut() {
                scale(&mut other.columns[k], -exponent);
                other.reference[k] = self.reference[k];
            }
        }
        self
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The values of one point.
    pub(super) fn copy_point(&self, point: usize, row: &mut [f64]) {
        for (value, column) in row.iter_mut().zip(&self.columns) {
            *value = column[point];
        }
    }

    /// A volume in the units of the input.
    pub(super) fn unscaled(&self, volume: f64) -> f64 {
        times_power(volume, self.exponent)
    }

    /// Refuse a region in which differences of volumes mean nothing.
    pub(super) fn finite(self, argument: &'static str) -> Result<Self> {
        if self.infinite {
            let got = "an infinite volume\nhint: give a finite `ref` and drop points with an infinite objective";
            return Err(Error::value(argument, "points and a `ref` that span a finite volume", got));
        }
        Ok(self)
    }

    /// Keep the points at `positions` only.
    pub(super) fn keep(&mut self, positions: &[u32]) {
        for column in &mut self.columns {
            *column = positions.iter().map(|&position| column[position as usize]).collect();
        }
        self.rows = positions.iter().map(|&position| self.rows[position as usize]).collect();
    }
}

fn check(argument: &'static str, points: &[f64], reference: &[f64], options: &Options<'_>) -> Result<()> {
    let d = reference.len();
    if d == 0 || !points.len().is_multiple_of(d) {
        return Err(Error::shape(argument, format!("(n, {d})"), format!("{} values", points.len())));
    }
    if points.len() / d > i32::MAX as usize {
        return Err(Error::value(argument, "at most 2147483647 rows", points.len() / d));
    }
    if options.maximize.len() != d {
        return Err(Error::shape("sense", format!("({d},)"), format!("({},)", options.maximize.len())));
    }
    match reference.iter().position(|value| value.is_nan()) {
        Some(k) => Err(Error::value("ref", "free of NaN", format!("NaN for objective {k}"))),
        None => Ok(()),
    }
}

fn nan_in(argument: &'static str, row: usize, values: &[f64]) -> Error {
    let column = values.iter().position(|value| value.is_nan()).unwrap_or(0);
    Error::value(
        argument,
        "free of NaN",
        format!("NaN in row {row}, column {column}\nhint: nan=\"drop\" leaves such rows out"),
    )
}

/// The power of two of the leading bit of a positive number.
fn exponent_of(value: f64) -> i64 {
    let bits = value.to_bits() >> 52;
    if bits > 0 { bits as i64 - 1023 } else { exponent_of(value * 2_f64.powi(64)) - 64 }
}

/// The least of some numbers, infinity of none; eight at a time.
fn least(values: &[f64]) -> f64 {
    let (vectors, rest) = values.as_chunks::<8>();
    let mut lanes = [f64::INFINITY; 8];
    for vector in vectors {
        for (lane, &value) in lanes.iter_mut().zip(vector) {
            *lane = if value < *lane { value } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(f64::INFINITY, |least, &value| least.min(value))
}

fn scale(values: &mut [f64], exponent: i64) {
    if exponent.abs() <= STEP {
        let factor = power(exponent);
        for value in values {
            *value *= factor;
        }
    } else {
        for value in values {
            *value = times_power(*value, exponent);
        }
    }
}

/// Powers up to this one are normal numbers, and so are their reciprocals.
const STEP: i64 = 1000;

/// Two to the power of `exponent`, from `-STEP` to `STEP`.
fn power(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// `value` times two to the power of `exponent`, in steps that neither overflow nor vanish before the result does.
fn times_power(value: f64, exponent: i64) -> f64 {
    let (mut value, mut left) = (value, exponent);
    while left != 0 && value != 0.0 && value.is_finite() {
        let step = left.clamp(-STEP, STEP);
        value *= power(step);
        left -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options<'static> =
        Options { maximize: &[false, true], nan: NanPolicy::Raise, threads: None, stop: &|| false };

    #[test]
    fn points_are_minimized_scaled_and_counted() {
        let region = Region::new("points", &[0.0, 5.0, 4.0, 1.0, 3.0, 1.5], &[4.0, 1.0], &OPTIONS);
        let region = region.expect("it is a table").scaled(None);
        assert_eq!((region.rows.as_slice(), region.num_outside), (&[0, 2][..], 1));
        assert_eq!(region.columns, [[0.0, 0.375], [-0.625, -0.1875]]);
        assert_eq!(region.unscaled(1.0), 64.0);
    }

    #[test]
    fn extents_may_have_any_size() {
        for (least, reference) in [(0.0, 5e-324), (-1.7e308, 1.7e308), (0.0, 1e-310), (1e300, 1.5e300)] {
            let options = Options { maximize: &[false], ..OPTIONS };
            let region = Region::new("points", &[least], &[reference], &options).expect("it is a table").scaled(None);
            let extent = region.reference[0] - region.columns[0][0];
            assert!((0.5..1.0).contains(&extent), "{extent}");
            assert_eq!(region.unscaled(extent), reference - least);
        }
    }
}
