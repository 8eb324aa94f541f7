//! Which rows of a table are not dominated: exact fronts for any number of objectives.
//!
//! Every value becomes an order-preserving integer key with the direction folded in (`keys`), so one set of algorithms
//! serves all dtypes and nothing is widened to a float that cannot hold it. `filter` finds the front of such keys;
//! groups (`front`) and covers of the front by boxes (`boxes`, `epsilon`) are built on it.

mod archive;
pub mod attainment;
mod boxes;
mod compose;
mod epsilon;
mod explain;
mod filter;
mod front;
pub mod hull;
pub mod hypervolume;
pub mod indicator;
mod keyed;
mod keys;
pub mod noise;
mod rank;
mod read;
mod source;
mod strength;
pub mod supported;
mod table;
mod watch;
mod words;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use archive::{Archive, ArchiveOptions, Counters};
pub use boxes::{Boxes, Grid};
pub use compose::{ComposeOptions, Composition, Operator, compose};
pub use epsilon::cover_share;
pub use explain::dominators;
pub use rank::{RankOptions, ranks};
pub use strength::counts;
pub use table::{Column, Table, Values};

use crate::error::{Error, Result};
use boxes::LEAST_FACTOR;
use front::{MOST_KEY_BYTES, for_each_group, mark_fronts};
use read::ReadKeys;
use source::{Kept, Rows};

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
    /// Thins the front to one representative per box.
    pub eps: Option<Boxes<'a>>,
    /// One group code per row, all below `num_groups`; each group has its own front.
    pub groups: Option<&'a [u32]>,
    /// Number of group codes.
    pub num_groups: usize,
    /// One flag per row; a row with 0 takes no part.
    pub allowed: Option<&'a [u8]>,
    /// Most threads to use; `None` decides by the size of the input.
    pub threads: Option<NonZeroUsize>,
}

/// How many rows took no part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Because of a NaN, under [`NanPolicy::Drop`]; rows that `allowed` cuts are not counted.
    pub missing: usize,
    /// Because `allowed` says so.
    pub outside: usize,
}

/// Mark the rows that no other row of their group dominates: `mask[i]` becomes 1 or 0.
pub fn mask(mask: &mut [u8], points: &Table<'_>, options: &Options<'_>) -> Result<Dropped> {
    check(mask.len(), points, options)?;
    mask.fill(0);
    if points.is_narrow() { mark::<i32>(mask, points, options) } else { mark::<i64>(mask, points, options) }
}

fn mark<K: ReadKeys>(mask: &mut [u8], points: &Table<'_>, options: &Options<'_>) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    let mut nan = if options.nan == NanPolicy::Worst { Vec::new() } else { points.float_columns() };
    let listed = match options.allowed {
        None => None,
        Some(allowed) => {
            let rows = candidates(points, options)?;
            dropped.outside = allowed.iter().map(|&flag| usize::from(flag == 0)).sum();
            dropped.missing = points.num_rows() - dropped.outside - rows.rows().len();
            nan.clear();
            Some(rows)
        }
    };
    let all = Rows::Span { first: 0, count: points.num_rows() as u32 };
    let rows = listed.as_ref().map_or(all, Kept::rows);
    let threads =
        options.threads.map_or_else(|| automatic_threads(rows.len() * points.num_objectives()), NonZeroUsize::get);
    if let Some(eps) = options.eps {
        boxes::check(points, rows, eps, options.nan == NanPolicy::Drop)?;
    }
    let missing = AtomicUsize::new(0);
    let of_group = |group: Rows<'_>, nan: &[usize], threads| {
        let left = filter::prefilter::survivors::<K>(points, group, nan, threads);
        missing.fetch_add(left.missing, Ordering::Relaxed);
        match options.eps {
            None => filter::exact::<K>(points, left.rows.rows(), options.keep, threads),
            Some(eps) => epsilon::cover::<K>(points, eps, &left.rows.rows().to_vec(), options.keep, threads),
        }
    };
    let marked = match options.groups {
        None => of_group(rows, &nan, threads),
        Some(groups) => {
            let thinned = filter::thin::thin::<K>(points, rows, &nan, groups, options.num_groups, threads);
            let nan = if thinned.is_some() { &[] } else { nan.as_slice() };
            missing.fetch_add(thinned.as_ref().map_or(0, |left| left.missing), Ordering::Relaxed);
            let left = thinned.as_ref().map_or(rows, |left| left.rows.rows());
            let key_bytes = left.len() * points.num_objectives() * size_of::<K>();
            if nan.is_empty() && options.eps.is_none() && key_bytes <= MOST_KEY_BYTES {
                mark_fronts::<K>(mask, points, left, groups, options, threads);
                Vec::new()
            } else {
                for_each_group(left, options, threads, &|group, threads| of_group(Rows::List(group), nan, threads))
            }
        }
    };
    dropped.missing += missing.into_inner();
    if dropped.missing > 0 && options.nan == NanPolicy::Raise {
        refuse_nan(points)?;
    }
    for row in marked {
        mask[row as usize] = 1;
    }
    Ok(dropped)
}

fn check(num_flags: usize, points: &Table<'_>, options: &Options<'_>) -> Result<()> {
    let (n, d) = (points.num_rows(), points.num_objectives());
    if num_flags != n {
        return Err(Error::shape("mask", format!("({n},)"), format!("({num_flags},)")));
    }
    if let Some(Boxes { sizes, kind }) = options.eps {
        if sizes.len() != d {
            return Err(Error::shape("eps", format!("({d},)"), format!("({},)", sizes.len())));
        }
        if let Some(bad) = sizes.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
            return Err(Error::value("eps", "finite and not negative", bad));
        }
        if let Some(bad) = sizes.iter().find(|value| kind == Grid::Multiply && **value > 0.0 && **value < LEAST_FACTOR)
        {
            return Err(Error::value("eps", format!("0 or at least {LEAST_FACTOR:e} for eps_kind=\"mult\""), bad));
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
fn candidates(points: &Table<'_>, options: &Options<'_>) -> Result<Kept> {
    if options.nan == NanPolicy::Raise {
        refuse_nan(points)?;
    }
    let missing = if options.nan == NanPolicy::Drop { points.nan_rows() } else { Vec::new() };
    if missing.is_empty() && options.allowed.is_none() {
        return Ok(Kept::Span { first: 0, count: points.num_rows() as u32 });
    }
    let takes_part = |row: &u32| {
        let row = *row as usize;
        missing.get(row) != Some(&true) && options.allowed.is_none_or(|allowed| allowed[row] != 0)
    };
    Ok(Kept::List((0..points.num_rows() as u32).filter(takes_part).collect()))
}

fn refuse_nan(points: &Table<'_>) -> Result<()> {
    let Some((row, column)) = points.first_nan() else { return Ok(()) };
    Err(Error::value(
        "points",
        "free of NaN",
        format!(
            "NaN in row {row}, column {column}\nhint: nan=\"drop\" leaves such rows out, nan=\"worst\" ranks NaN last"
        ),
    ))
}

/// Threads pay from about an eighth of a million values.
fn automatic_threads(num_values: usize) -> usize {
    if num_values < 1 << 17 { 1 } else { std::thread::available_parallelism().map_or(1, NonZeroUsize::get) }
}
