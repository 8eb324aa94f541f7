//! How well points stand for a reference set: the distances under IGD, GD and their "plus" forms, the epsilon
//! indicators, R2 and spacing.
//!
//! All of them ask, for each row of one set, for the least measure over the rows of the other: `search`, among the
//! `leaves` of a tree. Distances whose squares would leave the range of float64 are measured one by one (`careful`).

mod careful;
mod epsilon;
mod leaves;
mod measures;
mod search;

use std::num::NonZeroUsize;

pub use epsilon::epsilon;

use crate::error::{Error, Result};
use crate::parallel;
use leaves::Leaves;
use measures::{Chebyshev, City, Shift, Square, SquareOfWorse};
use search::{References, least_of_all, least_of_others};

/// Work of one thread, in pairs times objectives, that is worth starting it.
const WORK_PER_THREAD: usize = 4 << 20;

/// From this many searches on it pays to sort the points first.
const SEARCHES_PER_SORT: usize = 32;

/// What `nearest` measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// The Euclidean distance.
    Euclidean,
    /// The Euclidean length of what the point is worse by.
    Worse,
    /// The Euclidean length of what the point is better by.
    Better,
    /// The largest weighted objective of the point; the references are weights, none negative as the points.
    Chebyshev,
    /// What must be taken off every objective of the point so that it is nowhere worse; at most 0 if it is not.
    Shift,
}

/// Rows of finite numbers with a direction per objective.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The numbers, row by row.
    pub values: &'a [f64],
    /// Per objective, whether larger is better.
    pub maximize: &'a [bool],
}

impl Rows<'_> {
    fn d(&self) -> usize {
        self.maximize.len()
    }

    fn check(&self, argument: &'static str) -> Result<()> {
        let d = self.d();
        if d == 0 || !self.values.len().is_multiple_of(d) {
            return Err(Error::shape(argument, format!("(n, {d})"), format!("({},)", self.values.len())));
        }
        Ok(())
    }
}

/// `out[r]` becomes the distance of row `r` of `references` from the nearest of `points`, infinity if there is none.
///
/// `points.maximize` holds for both. O(n m d).
///
/// # Errors
/// If a length does not fit.
pub fn nearest(
    out: &mut [f64],
    points: Rows<'_>,
    references: &[f64],
    distance: Distance,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    points.check("points")?;
    let d = points.d();
    if out.len() * d != references.len() {
        return Err(Error::shape("reference", format!("({}, {d})", out.len()), format!("({},)", references.len())));
    }
    // What a point is better by is what it is worse by in the other direction.
    let negate: Vec<bool> = match distance {
        Distance::Worse | Distance::Shift => points.maximize.to_vec(),
        Distance::Better => points.maximize.iter().map(|&maximize| !maximize).collect(),
        Distance::Euclidean | Distance::Chebyshev => vec![false; d],
    };
    let squares = !matches!(distance, Distance::Chebyshev | Distance::Shift);
    if squares && !careful::squares_are_safe(points.values, references) {
        split(out, references, d, points.values.len(), threads, &|out, rows| {
            careful::nearest(out, points.values, rows, &negate, distance != Distance::Euclidean);
        });
        return Ok(());
    }
    let leaves = Leaves::of_rows(points.values, d, &negate, out.len() >= SEARCHES_PER_SORT);
    let upside_down = vec![false; d];
    split(out, references, d, points.values.len() / 4, threads, &|out, rows| {
        let references = References { rows, negate: &negate, upside_down: &upside_down };
        match distance {
            Distance::Euclidean => least_of_all(out, &leaves, references, Square),
            Distance::Worse | Distance::Better => least_of_all(out, &leaves, references, SquareOfWorse),
            Distance::Chebyshev => least_of_all(out, &leaves, references, Chebyshev),
            Distance::Shift => least_of_all(out, &leaves, references, Shift),
        }
        if squares {
            for square in out {
                *square = square.sqrt();
            }
        }
    });
    Ok(())
}

/// `out[i]` becomes the city-block distance of row `i` from the nearest other row, infinity if there is none.
///
/// # Errors
/// If a length does not fit.
pub fn nearest_other(out: &mut [f64], points: Rows<'_>, threads: Option<NonZeroUsize>) -> Result<()> {
    points.check("points")?;
    let (values, d) = (points.values, points.d());
    if out.len() * d != values.len() {
        return Err(Error::shape("out", format!("({},)", values.len() / d), format!("({},)", out.len())));
    }
    let unchanged = vec![false; d];
    let leaves = Leaves::of_rows(values, d, &unchanged, true);
    let references = References { rows: values, negate: &unchanged, upside_down: &unchanged };
    let num_threads = num_threads(out.len() * values.len() / 16, threads);
    let rows = out.len().div_ceil(num_threads).max(1);
    let mut found = vec![0.0; out.len()];
    parallel::each(found.chunks_mut(rows).enumerate().collect(), |(part, found)| {
        least_of_others(found, part * rows, &leaves, references, City);
    });
    for (&row, found) in leaves.order.iter().zip(found) {
        out[row as usize] = found;
    }
    Ok(())
}

/// Do `work` on pieces of `out` and `references` that belong together, on as many threads as pay.
fn split(
    out: &mut [f64],
    references: &[f64],
    d: usize,
    num_values: usize,
    threads: Option<NonZeroUsize>,
    work: &(impl Fn(&mut [f64], &[f64]) + Sync),
) {
    let num_threads = num_threads(out.len() * num_values, threads);
    let rows = out.len().div_ceil(num_threads).max(1);
    let parts = out.chunks_mut(rows).zip(references.chunks(rows * d)).collect();
    parallel::each(parts, |(out, references)| work(out, references));
}

/// As many threads as asked for, or as the work is worth.
fn num_threads(work: usize, threads: Option<NonZeroUsize>) -> usize {
    threads.map_or_else(
        || {
            let most = work / WORK_PER_THREAD;
            if most < 2 { 1 } else { std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(most) }
        },
        NonZeroUsize::get,
    )
}
