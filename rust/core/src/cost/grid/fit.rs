//! Least-squares fit of a grid to scattered rows.
//!
//! Minimizes the squared misfit of the rows plus a small penalty on the bend of the grid along each axis, which fills
//! knots without rows from their neighbors. Rows are reweighted so that the absolute misfit counts, not its square:
//! timings have outliers. Matrix-free conjugate gradients in a fixed order, so the result does not depend on threads or
//! libraries.

use super::Grid;
use crate::{Error, Result};

/// How a fit trades rows for smoothness.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothness {
    /// Weight of the squared bend at a knot, against one row; one number per axis.
    pub bend: Vec<f64>,
    /// Weight of the squared difference of neighbors; keeps what rows and bends leave open near its neighbors.
    pub slope: f64,
    /// Rounds of reweighting; 0 is plain least squares.
    pub rounds: u32,
}

/// The problem while it is solved.
pub struct Fit {
    /// Per row: where its corners start, and knots and weights of all corners.
    starts: Vec<usize>,
    corners: Vec<(u32, f32)>,
    penalties: Vec<[(usize, f64); 3]>,
    knots: usize,
}

impl Fit {
    /// Fit values on `axes` so that interpolation at the `points` (row-major, one coordinate per axis) gives `targets`.
    /// O(rows x 2^axes x iterations).
    pub fn solve(axes: Vec<Vec<f64>>, points: &[f64], targets: &[f64], smoothness: &Smoothness) -> Result<Grid> {
        let knots = axes.iter().map(Vec::len).product();
        let dimensions = axes.len();
        let empty = Grid::new(axes, vec![0.0; knots], vec![false; knots])?;
        check(dimensions, points, targets, smoothness)?;
        let fit = Self::assemble(&empty, points, smoothness);
        let mut weights = vec![1.0; targets.len()];
        // Start from the mean so that grids without any bend information are sensible.
        let mean = targets.iter().sum::<f64>() / targets.len() as f64;
        let mut values = vec![mean; knots];
        for round in 0..=smoothness.rounds {
            fit.conjugate_gradients(&weights, targets, &mut values);
            if round < smoothness.rounds {
                for (row, (weight, target)) in weights.iter_mut().zip(targets).enumerate() {
                    *weight = 0.05 / (fit.predict(row, &values) - target).abs().max(0.01);
                }
            }
        }
        let mut support = vec![0.0; knots];
        for &(knot, weight) in &fit.corners {
            support[knot as usize] += f64::from(weight);
        }
        let supported: Vec<bool> = support.iter().map(|&weight| weight >= 0.25).collect();
        let supported = between(&empty, &supported);
        Grid::new(empty.axes, values.iter().map(|&value| value as f32).collect(), supported)
    }

    fn assemble(grid: &Grid, points: &[f64], smoothness: &Smoothness) -> Self {
        let mut starts = vec![0];
        let mut corners = Vec::new();
        for point in points.chunks_exact(grid.axes.len()) {
            let around = grid.corners(point);
            for corner in 0..around.count {
                corners.push((around.index[corner] as u32, around.weight[corner] as f32));
            }
            starts.push(corners.len());
        }
        Self { starts, corners, penalties: penalties(grid, smoothness), knots: grid.values.len() }
    }

    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.corners[self.starts[row]..self.starts[row + 1]]
    }

    fn predict(&self, row: usize, values: &[f64]) -> f64 {
        self.row(row).iter().map(|&(knot, weight)| f64::from(weight) * values[knot as usize]).sum()
    }

    /// `out = (A' W A + P' P) x`.
    fn normal_product(&self, weights: &[f64], x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (row, weight) in weights.iter().enumerate() {
            let misfit = weight * self.predict(row, x);
            for &(knot, share) in self.row(row) {
                out[knot as usize] += f64::from(share) * misfit;
            }
        }
        for penalty in &self.penalties {
            let bend: f64 = penalty.iter().map(|&(knot, factor)| factor * x[knot]).sum();
            for &(knot, factor) in penalty {
                out[knot] += factor * bend;
            }
        }
    }

    /// Solve the normal equations, starting at and writing to `x`.
    fn conjugate_gradients(&self, weights: &[f64], targets: &[f64], x: &mut [f64]) {
        let mut diagonal = vec![1e-12; self.knots];
        let mut residual = vec![0.0; self.knots];
        for (row, (weight, target)) in weights.iter().zip(targets).enumerate() {
            for &(knot, share) in self.row(row) {
                let share = f64::from(share);
                diagonal[knot as usize] += weight * share * share;
                residual[knot as usize] += weight * share * target;
            }
        }
        for &(knot, factor) in self.penalties.iter().flatten() {
            diagonal[knot] += factor * factor;
        }
        let mut product = vec![0.0; self.knots];
        self.normal_product(weights, x, &mut product);
        residual.iter_mut().zip(&product).for_each(|(r, p)| *r -= p);
        let mut direction: Vec<f64> = residual.iter().zip(&diagonal).map(|(r, d)| r / d).collect();
        let mut norm: f64 = residual.iter().zip(&direction).map(|(r, z)| r * z).sum();
        let enough = norm * 1e-10;
        for _ in 0..2000 {
            if norm <= enough || norm <= 1e-16 {
                break;
            }
            self.normal_product(weights, &direction, &mut product);
            let step = norm / direction.iter().zip(&product).map(|(d, p)| d * p).sum::<f64>();
            for i in 0..self.knots {
                x[i] += step * direction[i];
                residual[i] -= step * product[i];
            }
            let next: f64 = residual.iter().zip(&diagonal).map(|(r, d)| r * r / d).sum();
            for i in 0..self.knots {
                direction[i] = residual[i] / diagonal[i] + next / norm * direction[i];
            }
            norm = next;
        }
    }
}

/// Knots with support, and those whose neighbors on both sides along some axis have it.
fn between(grid: &Grid, supported: &[bool]) -> Vec<bool> {
    let surrounded = |knot: usize| {
        grid.axes.iter().zip(&grid.strides).any(|(axis, &stride)| {
            let place = knot / stride % axis.len();
            place > 0 && place + 1 < axis.len() && supported[knot - stride] && supported[knot + stride]
        })
    };
    (0..supported.len()).map(|knot| supported[knot] || surrounded(knot)).collect()
}

fn check(dimensions: usize, points: &[f64], targets: &[f64], smoothness: &Smoothness) -> Result<()> {
    if targets.is_empty() || points.len() != targets.len() * dimensions {
        let expected = format!("{} rows (at least 1) of {dimensions} coordinates", targets.len());
        return Err(Error::shape("points", expected, format!("{} numbers", points.len())));
    }
    if smoothness.bend.len() != dimensions {
        return Err(Error::shape("bend", format!("{dimensions} weights"), smoothness.bend.len()));
    }
    let numbers = points.iter().chain(targets).chain(&smoothness.bend).chain([&smoothness.slope]);
    match numbers.copied().find(|number| !number.is_finite()) {
        Some(number) => Err(Error::value("points", "finite, as targets and weights", number)),
        None => Ok(()),
    }
}

/// Differences and bends along every axis, each a row of up to three factors (unused ones are zero).
fn penalties(grid: &Grid, smoothness: &Smoothness) -> Vec<[(usize, f64); 3]> {
    let mut rows = Vec::new();
    for (dimension, axis) in grid.axes.iter().enumerate() {
        let stride = grid.strides[dimension];
        let (bend, slope) = (smoothness.bend[dimension].sqrt(), smoothness.slope.sqrt());
        for knot in 0..grid.values.len() {
            let place = knot / stride % axis.len();
            if place + 1 < axis.len() {
                rows.push([(knot, slope), (knot + stride, -slope), (knot, 0.0)]);
            }
            if place > 0 && place + 1 < axis.len() {
                let t = (axis[place] - axis[place - 1]) / (axis[place + 1] - axis[place - 1]);
                rows.push([(knot, bend), (knot - stride, bend * (t - 1.0)), (knot + stride, -bend * t)]);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smooth() -> Smoothness {
        Smoothness { bend: vec![1e-3], slope: 1e-7, rounds: 0 }
    }

    #[test]
    fn rows_on_a_line_give_the_line_and_fill_the_gap() {
        let axes = vec![vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]];
        let points = [0.0, 0.5, 1.0, 3.0, 3.5];
        let targets: Vec<f64> = points.iter().map(|x| 2.0 * x - 1.0).collect();
        let grid = Fit::solve(axes, &points, &targets, &smooth()).unwrap();
        for (knot, value) in grid.values().iter().enumerate() {
            assert!((f64::from(*value) - (2.0 * knot as f64 - 1.0)).abs() < 1e-3, "knot {knot} is {value}");
        }
        assert_eq!(grid.supported(), [true, true, true, true, true, false]);
    }

    #[test]
    fn reweighting_ignores_an_outlier() {
        let points = [0.0; 9];
        let mut targets = [1.0; 9];
        targets[4] = 100.0;
        let smoothness = Smoothness { rounds: 30, ..smooth() };
        let grid = Fit::solve(vec![vec![0.0]], &points, &targets, &smoothness).unwrap();
        assert!((grid.values()[0] - 1.0).abs() < 0.05, "{:?}", grid.values());
    }

    #[test]
    fn wrong_rows_are_refused() {
        let axes = || vec![vec![0.0, 1.0]];
        assert!(Fit::solve(axes(), &[], &[], &smooth()).is_err());
        assert!(Fit::solve(axes(), &[0.0, 1.0], &[0.0], &smooth()).is_err());
        assert!(Fit::solve(axes(), &[f64::NAN], &[0.0], &smooth()).is_err());
    }
}
