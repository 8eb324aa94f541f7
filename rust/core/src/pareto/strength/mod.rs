//! How many rows dominate each row, and how many it dominates (the strength of SPEA2, Zitzler et al. 2001), exactly.
//!
//! Distinct rows in lexicographic order can only be dominated by earlier ones, so each count is a sum over earlier
//! rows; how many a row dominates is the same sum in the opposite order. Two objectives need a sweep, three a divide
//! and conquer (`sweep`); above, the sets of dominators are counted (`bits`).

mod bits;
mod sweep;

use std::num::NonZeroUsize;

use super::front::for_each_group;
use super::rank::order::Ordered;
use super::source::Rows;
use super::watch::Stop;
use super::{Options, Table, automatic_threads, candidates, check};
use crate::error::{Error, Result};

/// Fill both with the counts of each row in its group, -1 for rows that take no part; equal rows dominate each other
/// not. `options.keep` and `options.eps` are not looked at. `stop` is asked now and then; once it says true the call
/// ends with [`Error::Interrupted`].
pub fn counts(
    dominated_by: &mut [i64],
    dominates: &mut [i64],
    points: &Table<'_>,
    options: &Options<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    let n = points.num_rows();
    for (argument, length) in [("dominated_by", dominated_by.len()), ("dominates", dominates.len())] {
        if length != n {
            return Err(Error::shape(argument, format!("({n},)"), format!("({length},)")));
        }
    }
    check(n, points, options)?;
    dominated_by.fill(-1);
    dominates.fill(-1);
    let rows = candidates(points, options)?;
    let rows = rows.rows();
    let threads =
        options.threads.map_or_else(|| automatic_threads(rows.len() * points.num_objectives()), NonZeroUsize::get);
    let stop = Stop::new(stop);
    let counted = for_each_group(rows, options, threads, &|group, threads| {
        let [above, below] = counts_of(points, group, threads, &stop);
        group.iter().zip(above.into_iter().zip(below)).map(|(&row, (above, below))| (row, above, below)).collect()
    });
    stop.check()?;
    for (row, above, below) in counted {
        dominated_by[row as usize] = i64::from(above);
        dominates[row as usize] = i64::from(below);
    }
    Ok(())
}

/// How many of `rows` dominate each of them, and how many each dominates.
fn counts_of(points: &Table<'_>, rows: &[u32], threads: usize, stop: &Stop<'_>) -> [Vec<u32>; 2] {
    let mut ordered = Ordered::new(points, Rows::List(rows), threads);
    let mut weights = vec![0; ordered.num_distinct];
    ordered.index.iter().for_each(|&index| weights[index as usize] += 1);
    let above = weight_of_dominators(&ordered.columns, &weights, threads, stop);
    // In the opposite order and direction, what a row dominates dominates it.
    for column in &mut ordered.columns {
        column.reverse();
        let most = column.iter().max().copied().unwrap_or(0);
        for value in column {
            *value = most - *value;
        }
    }
    weights.reverse();
    let below = weight_of_dominators(&ordered.columns, &weights, threads, stop);
    let dominated_by = ordered.index.iter().map(|&index| above[index as usize]);
    let dominates = ordered.index.iter().map(|&index| below[ordered.num_distinct - 1 - index as usize]);
    [dominated_by.collect(), dominates.collect()]
}

/// The sum of the weights of the earlier rows that are nowhere worse.
fn weight_of_dominators(columns: &[Vec<i32>], weights: &[u32], threads: usize, stop: &Stop<'_>) -> Vec<u32> {
    match columns {
        [] => sweep::line(weights),
        [seconds] => sweep::plane(seconds, weights),
        [seconds, thirds] => sweep::space(seconds, thirds, weights),
        _ => bits::counts(columns, weights, threads, stop),
    }
}
