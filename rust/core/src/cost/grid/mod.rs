//! Multilinear interpolation on a rectilinear grid of up to six axes, and its least-squares fit to scattered rows.
//!
//! The cost model keeps what a formula cannot know as the logarithm of measured over analytic time on such a grid.
//! Outside its axes a grid holds the value at the edge: a ratio that is constant keeps the analytic growth, and can
//! never turn a time negative.

mod fit;

pub use fit::{Fit, Smoothness};

use super::curve::check_axis;
use crate::{Error, Result};

/// Most axes of a grid.
pub const MAX_AXES: usize = 6;

/// How far outside its axis a coordinate still counts as on the edge: axes are stored with six decimals.
const TOLERANCE: f64 = 1e-5;

/// Values on the knots of a rectilinear grid, the last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    axes: Vec<Vec<f64>>,
    strides: Vec<usize>,
    values: Vec<f32>,
    supported: Vec<bool>,
}

/// An interpolated value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The value.
    pub value: f64,
    /// Whether the point lies within the axes and mostly between knots that rows supported.
    pub inside: bool,
}

/// The knots around a point and their weights; weights add up to one.
pub(crate) struct Corners {
    pub(crate) index: [usize; 1 << MAX_AXES],
    pub(crate) weight: [f64; 1 << MAX_AXES],
    pub(crate) count: usize,
    within: bool,
}

impl Grid {
    /// A grid from its strictly increasing axes, one value per knot, and whether rows supported each knot.
    pub fn new(axes: Vec<Vec<f64>>, values: Vec<f32>, supported: Vec<bool>) -> Result<Self> {
        let strides = strides(&axes)?;
        let knots: usize = axes.iter().map(Vec::len).product();
        for (argument, length) in [("values", values.len()), ("supported", supported.len())] {
            if length != knots {
                return Err(Error::shape(argument, format!("{knots} knots"), length));
            }
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::value("values", "finite", value));
        }
        Ok(Self { axes, strides, values, supported })
    }

    /// A one-knot grid that is `value` everywhere.
    pub fn constant(value: f32) -> Self {
        Self { axes: vec![vec![0.0]], strides: vec![1], values: vec![value], supported: vec![true] }
    }

    /// The axes.
    pub fn axes(&self) -> &[Vec<f64>] {
        &self.axes
    }

    /// One value per knot, the last axis fastest.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether rows supported each knot.
    pub fn supported(&self) -> &[bool] {
        &self.supported
    }

    /// Copy values and support (1 or 0) out.
    pub fn copy_to(&self, values: &mut [f32], supported: &mut [u8]) -> Result<()> {
        if values.len() != self.values.len() || supported.len() != self.values.len() {
            return Err(Error::shape("values", format!("{} knots", self.values.len()), values.len()));
        }
        values.copy_from_slice(&self.values);
        supported.iter_mut().zip(&self.supported).for_each(|(out, &knot)| *out = u8::from(knot));
        Ok(())
    }

    /// The value at `point`, which has one coordinate per axis. A coordinate that is outside or NaN counts as the
    /// nearest (lowest) knot of its axis. O(2^axes), no allocation.
    pub fn at(&self, point: &[f64]) -> Sample {
        let corners = self.corners(point);
        let (mut value, mut support) = (0.0, 0.0);
        for (&index, &weight) in corners.index[..corners.count].iter().zip(&corners.weight) {
            value += weight * f64::from(self.values[index]);
            support += if self.supported[index] { weight } else { 0.0 };
        }
        Sample { value, inside: corners.within && support > 0.5 }
    }

    /// The knots around `point`. Axes where the point sits on a knot add no corners.
    pub(crate) fn corners(&self, point: &[f64]) -> Corners {
        let mut corners = Corners { index: [0; 64], weight: [0.0; 64], count: 1, within: true };
        corners.weight[0] = 1.0;
        for ((axis, &stride), &x) in self.axes.iter().zip(&self.strides).zip(point) {
            let (low, fraction, within) = bracket(axis, x);
            corners.within &= within;
            for corner in 0..corners.count {
                corners.index[corner] += low * stride;
            }
            if fraction > 0.0 {
                for corner in 0..corners.count {
                    corners.index[corners.count + corner] = corners.index[corner] + stride;
                    corners.weight[corners.count + corner] = corners.weight[corner] * fraction;
                    corners.weight[corner] *= 1.0 - fraction;
                }
                corners.count *= 2;
            }
        }
        corners
    }
}

/// The step in the flat array per axis; refuses axes a grid cannot have.
fn strides(axes: &[Vec<f64>]) -> Result<Vec<usize>> {
    if axes.is_empty() || axes.len() > MAX_AXES {
        return Err(Error::shape("axes", format!("1 to {MAX_AXES} axes"), axes.len()));
    }
    for axis in axes {
        check_axis("axes", axis)?;
    }
    let mut strides = vec![1; axes.len()];
    for i in (1..axes.len()).rev() {
        strides[i - 1] = strides[i] * axes[i].len();
    }
    Ok(strides)
}

/// Lower knot, fraction of the way to the next one, and whether `x` is within the axis.
fn bracket(axis: &[f64], x: f64) -> (usize, f64, bool) {
    let last = axis.len() - 1;
    if x >= axis[last] {
        return (last, 0.0, x <= axis[last] + TOLERANCE);
    }
    // A NaN counts as below.
    if x.is_nan() || x <= axis[0] {
        return (0, 0.0, x >= axis[0] - TOLERANCE);
    }
    let low = axis.partition_point(|&knot| knot <= x) - 1;
    (low, (x - axis[low]) / (axis[low + 1] - axis[low]), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane() -> Grid {
        // value = x + 10 y on x in {0, 1, 3}, y in {0, 2}
        let values = vec![0.0, 20.0, 1.0, 21.0, 3.0, 23.0];
        Grid::new(vec![vec![0.0, 1.0, 3.0], vec![0.0, 2.0]], values, vec![true; 6]).unwrap()
    }

    #[test]
    fn a_plane_is_reproduced_exactly() {
        let sample = plane().at(&[2.0, 0.5]);
        assert!((sample.value - 7.0).abs() < 1e-6 && sample.inside);
        assert_eq!(plane().at(&[3.0, 2.0]), Sample { value: 23.0, inside: true });
    }

    #[test]
    fn outside_the_axes_the_edge_is_held() {
        assert_eq!(plane().at(&[9.0, -5.0]), Sample { value: 3.0, inside: false });
        assert_eq!(plane().at(&[f64::NAN, f64::INFINITY]), Sample { value: 20.0, inside: false });
    }

    #[test]
    fn unsupported_knots_are_told() {
        let grid = Grid::new(vec![vec![0.0, 1.0]], vec![1.0, 2.0], vec![true, false]).unwrap();
        assert!(grid.at(&[0.4]).inside && !grid.at(&[0.6]).inside);
    }

    #[test]
    fn wrong_grids_are_refused() {
        assert!(Grid::new(vec![], vec![], vec![]).is_err());
        assert!(Grid::new(vec![vec![1.0, 1.0]], vec![0.0; 2], vec![true; 2]).is_err());
        assert!(Grid::new(vec![vec![0.0, 1.0]], vec![0.0; 3], vec![true; 3]).is_err());
        assert!(Grid::new(vec![vec![0.0]], vec![f32::NAN], vec![true]).is_err());
    }
}
