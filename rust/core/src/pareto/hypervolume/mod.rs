//! How much of space a set of points dominates: exact volumes for any number of objectives, what single points add to
//! them, estimates with a stated error, and subsets that lose least.
//!
//! One and two objectives take a sort (`plane`), three a sweep (`space`), more are sliced (`exact`, `slices`). Every sum
//! has a fixed order, so threads never change a bit of a result.

#![expect(clippy::float_cmp, reason = "values that tie are equal to the last bit")]

mod corner;
mod exact;
mod order;
mod plane;
mod region;
mod set;
mod slices;
mod space;
mod stairs;

use std::num::NonZeroUsize;

use super::NanPolicy;
use crate::error::Result;
use region::Region;

/// What every function here needs besides points and a reference.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Per objective: larger is better.
    pub maximize: &'a [bool],
    /// What a row with a NaN does; `Worst` is as `Drop`, as such a row dominates nothing.
    pub nan: NanPolicy,
    /// Most threads to use; `None` decides by the size of the work.
    pub threads: Option<NonZeroUsize>,
    /// Asked now and then; once it says true the call ends with [`crate::Error::Interrupted`].
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// The volume that points dominate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    /// The volume, in the units of the input.
    pub value: f64,
    /// Rows without NaN that are not better than the reference in every objective.
    pub num_outside: usize,
}

/// The volume that `points` (row after row) dominate below `reference`, exact up to rounding.
///
/// Infinite if a point spans an infinite box, 0 without points.
pub fn hypervolume(points: &[f64], reference: &[f64], options: &Options<'_>) -> Result<Volume> {
    let region = Region::new("points", points, reference, options)?.scaled(None);
    let num_outside = region.num_outside;
    if region.infinite {
        return Ok(Volume { value: f64::INFINITY, num_outside });
    }
    let volume = exact::volume(&region, options)?;
    Ok(Volume { value: region.unscaled(volume), num_outside })
}
