//! The epsilon indicators: the least shift or factor that makes the points nowhere worse than every reference.
//!
//! The outcome is the largest of many minima, so a search for a minimum ends once it falls to the largest one so far.

use std::num::NonZeroUsize;

use super::leaves::Leaves;
use super::measures::{Ratio, Shift};
use super::search::{References, largest_of_least};
use super::{Rows, num_threads};
use crate::error::{Error, Result};
use crate::parallel;

/// The additive or, if `multiplicative`, the multiplicative epsilon indicator of `points`.
///
/// Infinity without points. O(n m d) at worst.
///
/// # Errors
/// If a length does not fit or there is no reference.
pub fn epsilon(
    points: Rows<'_>,
    references: &[f64],
    multiplicative: bool,
    threads: Option<NonZeroUsize>,
) -> Result<f64> {
    points.check("points")?;
    let d = points.d();
    if references.is_empty() || !references.len().is_multiple_of(d) {
        return Err(Error::shape(
            "reference",
            format!("(m, {d}) with m of 1 or more"),
            format!("({},)", references.len()),
        ));
    }
    if points.values.is_empty() {
        return Ok(f64::INFINITY);
    }
    let (negate, upside_down) = (points.maximize, points.maximize);
    let num_rows = references.len() / d;
    let leaves = Leaves::of_rows(points.values, d, negate, false);
    let num_threads = num_threads(num_rows * points.values.len() / 16, threads);
    let rows = num_rows.div_ceil(num_threads);
    let found = parallel::each(references.chunks(rows * d).collect(), |rows| {
        let references = References { rows, negate, upside_down };
        if multiplicative {
            largest_of_least(&leaves, references, Ratio)
        } else {
            largest_of_least(&leaves, references, Shift)
        }
    });
    Ok(found.into_iter().fold(f64::NEG_INFINITY, f64::max))
}
