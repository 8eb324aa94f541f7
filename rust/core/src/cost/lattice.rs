//! Values on a rectangular grid of `D` axes, read between the grid points by multilinear interpolation.
//!
//! Outside the axes the nearest face answers: a grid holds ratios of measured to analytic time, which flatten out,
//! while the analytic part carries the growth.

use super::curve::check_axis;
use crate::{Error, Result};

/// Values on a rectangular grid, the last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice<const D: usize> {
    axes: [Vec<f64>; D],
    values: Vec<f64>,
}

impl<const D: usize> Lattice<D> {
    /// A grid of finite `values` in C order over strictly increasing `axes`.
    pub fn new(axes: [Vec<f64>; D], values: Vec<f64>) -> Result<Self> {
        axes.iter().try_for_each(|axis| check_axis("axis", axis))?;
        let size: usize = axes.iter().map(Vec::len).product();
        if values.len() != size {
            return Err(Error::shape("values", format!("({size},)"), format!("({},)", values.len())));
        }
        if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::value("values", "finite", bad));
        }
        Ok(Self { axes, values })
    }

    /// The grid of `value` at each point of `axes`.
    pub fn sample(axes: [Vec<f64>; D], mut value: impl FnMut([f64; D]) -> f64) -> Result<Self> {
        let size: usize = axes.iter().map(Vec::len).product();
        let values = (0..size).map(|flat| value(point(&axes, flat))).collect();
        Self::new(axes, values)
    }

    /// A grid from scattered `rows` of which the points on `axes` are kept. A grid point without a row takes the value
    /// of the nearest one that has it along the first axis that does, tried from the last axis to the first.
    pub fn from_rows(axes: [Vec<f64>; D], rows: impl Iterator<Item = ([f64; D], f64)>) -> Result<Self> {
        let size: usize = axes.iter().map(Vec::len).product();
        let mut values = vec![f64::NAN; size];
        for (x, value) in rows {
            if let Some(flat) = flat_index(&axes, &x) {
                values[flat] = value;
            }
        }
        for dimension in (0..D).rev() {
            fill_along(&axes, dimension, &mut values);
        }
        if values.iter().any(|value| value.is_nan()) {
            return Err(Error::value("rows", "at least one on the grid", "none"));
        }
        Self::new(axes, values)
    }

    /// The interpolated value at `x`, each coordinate clamped to its axis.
    pub fn at(&self, x: [f64; D]) -> f64 {
        let mut total = 0.0;
        self.corners(x, |weight, value| total += weight * value);
        total
    }

    /// The largest of the values that [`Self::at`] mixes.
    pub fn max_at(&self, x: [f64; D]) -> f64 {
        let mut largest = f64::NEG_INFINITY;
        self.corners(x, |_, value| largest = largest.max(value));
        largest
    }

    /// Whether `x` lies within all axes.
    pub fn contains(&self, x: [f64; D]) -> bool {
        self.axes.iter().zip(x).all(|(axis, x)| (axis[0]..=axis[axis.len() - 1]).contains(&x))
    }

    /// Show each corner around `x` that has a weight.
    fn corners(&self, x: [f64; D], mut show: impl FnMut(f64, f64)) {
        let mut base = 0;
        let mut steps = [(0usize, 0.0f64); D];
        let mut stride = self.values.len();
        for d in 0..D {
            let axis = &self.axes[d];
            stride /= axis.len();
            let i = axis.partition_point(|knot| *knot <= x[d]).clamp(1, axis.len().max(2) - 1) - 1;
            base += i * stride;
            if axis.len() > 1 {
                steps[d] = (stride, ((x[d] - axis[i]) / (axis[i + 1] - axis[i])).clamp(0.0, 1.0));
            }
        }
        for corner in 0..1usize << D {
            let (mut index, mut weight) = (base, 1.0);
            for (d, (step, fraction)) in steps.iter().enumerate() {
                if corner >> d & 1 == 1 {
                    index += step;
                    weight *= fraction;
                } else {
                    weight *= 1.0 - fraction;
                }
            }
            // A corner of weight zero is not read: on an axis of one point it would lie outside.
            if weight != 0.0 {
                show(weight, self.values[index]);
            }
        }
    }
}

fn point<const D: usize>(axes: &[Vec<f64>; D], mut flat: usize) -> [f64; D] {
    let mut x = [0.0; D];
    for d in (0..D).rev() {
        x[d] = axes[d][flat % axes[d].len()];
        flat /= axes[d].len();
    }
    x
}

fn flat_index<const D: usize>(axes: &[Vec<f64>; D], x: &[f64; D]) -> Option<usize> {
    let mut flat = 0;
    for d in 0..D {
        let i = axes[d].binary_search_by(|knot| knot.total_cmp(&x[d])).ok()?;
        flat = flat * axes[d].len() + i;
    }
    Some(flat)
}

/// Give every missing value on each line along `dimension` that of its nearest neighbor on the line, the lower one on a
/// tie.
fn fill_along<const D: usize>(axes: &[Vec<f64>; D], dimension: usize, values: &mut [f64]) {
    let length = axes[dimension].len();
    let stride: usize = axes[dimension + 1..].iter().map(Vec::len).product();
    for start in (0..values.len()).filter(|flat| (flat / stride).is_multiple_of(length)) {
        let line: Vec<f64> = (0..length).map(|i| values[start + i * stride]).collect();
        for i in (0..length).filter(|i| line[*i].is_nan()) {
            let nearest = (0..length).filter(|j| !line[*j].is_nan()).min_by_key(|j| j.abs_diff(i));
            if let Some(j) = nearest {
                values[start + i * stride] = line[j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multilinear_functions_are_exact_inside_and_clamped_outside() {
        let axes = [vec![0.0, 1.0, 4.0], vec![1.0, 2.0], vec![5.0]];
        let f = |x: [f64; 3]| 1.0 + 2.0 * x[0] + 3.0 * x[1] + x[0] * x[1];
        let grid = Lattice::sample(axes, f).unwrap();
        assert!((grid.at([2.5, 1.25, 5.0]) - f([2.5, 1.25, 5.0])).abs() < 1e-12);
        assert!((grid.at([9.0, 0.0, 7.0]) - f([4.0, 1.0, 5.0])).abs() < 1e-12);
    }

    #[test]
    fn missing_points_take_their_nearest_neighbor() {
        let axes = [vec![1.0, 2.0, 3.0], vec![1.0, 2.0]];
        let rows = [([1.0, 1.0], 10.0), ([2.0, 1.0], 20.0), ([2.0, 2.0], 21.0), ([2.5, 1.0], 99.0)];
        let grid = Lattice::from_rows(axes, rows.into_iter()).unwrap();
        for (x, y) in [([1.0, 2.0], 10.0), ([3.0, 1.0], 20.0), ([3.0, 2.0], 21.0)] {
            assert!((grid.at(x) - y).abs() < 1e-12);
        }
        assert!(Lattice::from_rows([vec![1.0], vec![1.0]], std::iter::empty()).is_err());
    }
}
