//! How much of space a set of points dominates: exact volumes for any number of objectives, what single points add to
//! them, estimates with a stated error, and subsets that lose least.
//!
//! One and two objectives take a sort (`plane`), three a sweep (`space`), more are sliced (`exact`, `slices`). Every
//! sum has a fixed order, so threads never change a bit of a result.

#![expect(clippy::float_cmp, reason = "values that tie are equal to the last bit")]

mod contributions;
mod corner;
mod estimate;
mod exact;
mod four;
mod improvement;
mod lattice;
mod order;
mod passes;
mod plane;
mod rays;
mod region;
mod set;
mod slices;
mod space;
mod stairs;
mod strips;
mod subset;
mod tower;
#[cfg(target_arch = "x86_64")]
mod wide;

use std::num::NonZeroUsize;

pub use contributions::contributions;
pub use estimate::{Powers, Sampler, Sampling};
pub use improvement::improvements;
pub use subset::{Subset, subset};

use super::NanPolicy;
use crate::error::Result;
use improvement::undominated;
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

/// How a volume is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exactly, unless that may take more than about a second of a core.
    Auto,
    /// Exactly, however long it takes.
    Exact,
    /// By sampling.
    Approx,
}

/// The volume that points dominate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    /// The volume, in the units of the input.
    pub value: f64,
    /// Rows without NaN that are not better than the reference in every objective.
    pub num_outside: usize,
    /// `Exact` or `Approx`.
    pub method: Method,
    /// Half the width of the 99.9 % confidence interval relative to the value; 0 if exact up to rounding.
    pub rel_err: f64,
}

/// Most points on the front, from five objectives on, whose volume takes up to about a second of a core; the last for
/// all further ones.
const QUICK: [usize; 17] = [20_000, 4_000, 1_000, 400, 200, 120, 80, 60, 50, 45, 40, 37, 34, 32, 31, 30, 20];

/// The volume that `points` (row after row) dominate below `reference`.
///
/// Infinite if a point spans an infinite box, 0 without points.
pub fn hypervolume(
    points: &[f64],
    reference: &[f64],
    method: Method,
    sampling: Sampling,
    options: &Options<'_>,
) -> Result<Volume> {
    let d = reference.len();
    if method != Method::Exact {
        estimate::check(sampling, d)?;
    }
    let mut region = Region::new("points", points, reference, options)?.scaled(None);
    let exactly = Volume { value: 0.0, num_outside: region.num_outside, method: Method::Exact, rel_err: 0.0 };
    if region.infinite {
        return Ok(Volume { value: f64::INFINITY, ..exactly });
    }
    let quick = if d < 5 { usize::MAX } else { QUICK[(d - 5).min(QUICK.len() - 1)] };
    if method == Method::Approx || (method == Method::Auto && region.len() > quick) {
        region.keep(&undominated(&region));
        if region.len() > 0 && (method == Method::Approx || region.len() > quick) {
            let powers: &mut Powers<'_> = &mut |sampler, rays| sampler.powers(&rays, options);
            let (volume, rel_err) = estimate::volume(&region, sampling, powers)?;
            return Ok(Volume { value: region.unscaled(volume), rel_err, method: Method::Approx, ..exactly });
        }
    }
    Ok(Volume { value: region.unscaled(exact::volume(&region, options)?), ..exactly })
}

/// As [`hypervolume`] by sampling, with sums over rays that somebody else computes.
pub fn sampled(
    points: &[f64],
    reference: &[f64],
    sampling: Sampling,
    options: &Options<'_>,
    powers: &mut Powers<'_>,
) -> Result<Volume> {
    estimate::check(sampling, reference.len())?;
    let region = Region::new("points", points, reference, options)?.scaled(None);
    let exactly = Volume { value: 0.0, num_outside: region.num_outside, method: Method::Exact, rel_err: 0.0 };
    if region.infinite || region.len() == 0 {
        return Ok(Volume { value: if region.infinite { f64::INFINITY } else { 0.0 }, ..exactly });
    }
    let (volume, rel_err) = estimate::volume(&region, sampling, powers)?;
    Ok(Volume { value: region.unscaled(volume), rel_err, method: Method::Approx, ..exactly })
}
