//! Which rows of a table are not dominated: exact fronts for any number of objectives.
//!
//! Every value becomes an order-preserving integer key with the direction folded in (`keys`), so one set of algorithms
//! serves all dtypes and nothing is widened to a float that cannot hold it. Rows that a few strong rows dominate are
//! dropped first (`prefilter`); the rest goes through a sweep for up to three objectives (`sweep`) or a sorted block
//! filter above (`filter`). The front of a union is the front of the fronts, so threads never change the answer.

mod archive;
mod boxes;
mod epsilon;
mod filter;
mod front;
mod keyed;
mod keys;
mod prefilter;
mod sweep;
mod table;

use std::num::NonZeroUsize;

pub use archive::{Archive, ArchiveOptions, Counters};
pub use table::{Column, Table, Values};

use crate::error::{Error, Result};
use boxes::Boxes;
use front::for_each_group;

/// Which of several equal rows of the front is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    All,
    /// The one with the lowest index.
    First,
    /// The one with the highest index.
    Last,
}

/// What a row with a NaN does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NanPolicy {
    /// It is an error.
    Raise,
    /// The row takes no part: it is not marked and dominates nothing.
    Drop,
    /// The NaN counts as worse than any number, infinity included, and as equal to another NaN.
    Worst,
}

/// What `mask` needs to know besides the points.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Which of several equal rows is marked.
    pub keep: Keep,
    /// What a row with a NaN does.
    pub nan: NanPolicy,
    /// One box size per objective; thins the front to one representative per box.
    pub eps: Option<&'a [f64]>,
    /// One group code per row, all below `num_groups`; each group has its own front.
    pub groups: Option<&'a [u32]>,
    /// Number of group codes.
    pub num_groups: usize,
    /// One flag per row; a row with 0 takes no part.
    pub allowed: Option<&'a [u8]>,
    /// Most threads to use; `None` decides by the size of the input.
    pub threads: Option<NonZeroUsize>,
}

/// Mark the rows that no other row of their group dominates: `mask[i]` becomes 1 or 0.
pub fn mask(mask: &mut [u8], points: &Table<'_>, options: &Options<'_>) -> Result<()> {
    check(mask.len(), points, options)?;
    mask.fill(0);
    let rows = candidates(points, options)?;
    let threads =
        options.threads.map_or_else(|| automatic_threads(rows.len() * points.num_objectives()), NonZeroUsize::get);
    let marked = match options.eps {
        None => for_each_group(&rows, options, threads, &|group, threads| {
            front::front(points, group, options.keep, threads)
        }),
        Some(eps) => {
            let boxes = Boxes { table: points, eps };
            for_each_group(&rows, options, threads, &|group, threads| {
                epsilon::cover(&boxes, points, group, options.keep, threads)
            })
        }
    };
    for row in marked {
        mask[row as usize] = 1;
    }
    Ok(())
}

fn check(num_flags: usize, points: &Table<'_>, options: &Options<'_>) -> Result<()> {
    let (n, d) = (points.num_rows(), points.num_objectives());
    if num_flags != n {
        return Err(Error::shape("mask", format!("({n},)"), format!("({num_flags},)")));
    }
    if let Some(eps) = options.eps {
        if eps.len() != d {
            return Err(Error::shape("eps", format!("({d},)"), format!("({},)", eps.len())));
        }
        if let Some(bad) = eps.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
            return Err(Error::value("eps", "finite and not negative", bad));
        }
    }
    if let Some(groups) = options.groups {
        if groups.len() != n {
            return Err(Error::shape("groups", format!("({n},)"), format!("({},)", groups.len())));
        }
        if let Some(bad) = groups.iter().find(|code| **code as usize >= options.num_groups) {
            return Err(Error::value("groups", format!("below {}", options.num_groups), bad));
        }
    }
    match options.allowed {
        Some(allowed) if allowed.len() != n => {
            Err(Error::shape("where", format!("({n},)"), format!("({},)", allowed.len())))
        }
        _ => Ok(()),
    }
}

/// The rows that take part, in order. A NaN is looked for in all rows, also in those that the bounds cut.
fn candidates(points: &Table<'_>, options: &Options<'_>) -> Result<Vec<u32>> {
    if options.nan == NanPolicy::Raise
        && let Some((row, column)) = points.first_nan()
    {
        return Err(Error::value(
            "points",
            "free of NaN",
            format!(
                "NaN in row {row}, column {column}\nhint: nan=\"drop\" leaves such rows out, nan=\"worst\" ranks NaN last"
            ),
        ));
    }
    let missing = if options.nan == NanPolicy::Drop { points.nan_rows() } else { Vec::new() };
    let takes_part = |row: &u32| {
        let row = *row as usize;
        missing.get(row) != Some(&true) && options.allowed.is_none_or(|allowed| allowed[row] != 0)
    };
    Ok((0..points.num_rows() as u32).filter(takes_part).collect())
}

/// Threads pay from about a quarter of a million values.
fn automatic_threads(num_values: usize) -> usize {
    if num_values < 1 << 18 { 1 } else { std::thread::available_parallelism().map_or(1, NonZeroUsize::get) }
}
