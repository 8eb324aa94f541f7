//! Four over six: a block of NVFP4 may use 4 instead of 6 as its largest code, where that is nearer to its numbers.
//!
//! Between 4 and 6 lies no code, so numbers at 5/6 of the largest are far from both; a scale larger by half puts the
//! largest number at 4 (Cook et al. 2025, "Four Over Six", arXiv 2512.02010).

/// The scale of a block that holds the tensor's largest magnitude: 448 / 1.5 rounded down to a power of two, so that
/// the other choice does not overflow.
pub(crate) const LARGEST_SCALE: f32 = 256.0;

/// How far numbers and what their codes stand for are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Sum of squares.
    Squares,
    /// Sum of magnitudes.
    Magnitudes,
    /// Largest magnitude.
    Largest,
}

impl Measure {
    /// The measure called `name` in Python.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mse" => Self::Squares,
            "mae" => Self::Magnitudes,
            "absmax" => Self::Largest,
            _ => return None,
        })
    }
}

/// The error of `decoded` against `values`, summed in their order.
#[inline(always)]
pub(crate) fn error<const N: usize>(measure: Measure, decoded: &[f32; N], values: &[f32; N]) -> f32 {
    decoded.iter().zip(values).fold(0.0, |error, (decoded, value)| {
        let difference = (decoded - value).abs();
        match measure {
            Measure::Squares => error + difference * difference,
            Measure::Magnitudes => error + difference,
            Measure::Largest => error.max(difference),
        }
    })
}
