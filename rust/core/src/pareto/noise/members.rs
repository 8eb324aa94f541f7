//! On how many draws' fronts each row is.

use std::sync::atomic::AtomicBool;

use super::Draws;
use super::rivals::Rivals;
use super::together::Together;
use crate::error::{Error, Result};
use crate::parallel::each;

/// Count per row the draws on whose front it is; each group of rows has its own front.
///
/// # Errors
/// If a length does not fit, a value is not allowed, or there is no draw.
pub fn membership(counts: &mut [i64], draws: &Draws<'_>, groups: Option<(&[u32], usize)>) -> Result<()> {
    draws.check()?;
    if counts.len() != draws.num_rows {
        return Err(Error::shape("counts", format!("({},)", draws.num_rows), format!("({},)", counts.len())));
    }
    let groups = rows_of_groups(draws.num_rows, groups)?;
    let parts = each_front(draws, &groups, |own: &mut Vec<i64>, _, row| {
        own.resize(draws.num_rows, 0);
        own[row as usize] += 1;
    })?;
    counts.fill(0);
    for part in parts {
        for (count, own) in counts.iter_mut().zip(part) {
            *count += own;
        }
    }
    Ok(())
}

/// The rows of each group, rising.
fn rows_of_groups(n: usize, groups: Option<(&[u32], usize)>) -> Result<Vec<Vec<u32>>> {
    let Some((codes, num_groups)) = groups else { return Ok(vec![(0..n as u32).collect()]) };
    if codes.len() != n {
        return Err(Error::shape("groups", format!("({n},)"), format!("({},)", codes.len())));
    }
    let mut rows = vec![Vec::new(); num_groups];
    for (row, &code) in codes.iter().enumerate() {
        let expected = || Error::value("groups", format!("below {num_groups}"), code);
        rows.get_mut(code as usize).ok_or_else(expected)?.push(row as u32);
    }
    Ok(rows)
}

/// Call `visit` with every draw and row of its front; each thread has a `T` of its own, all of which are returned.
pub(super) fn each_front<T: Default + Send>(
    draws: &Draws<'_>,
    groups: &[Vec<u32>],
    visit: impl Fn(&mut T, usize, u32) + Sync,
) -> Result<Vec<T>> {
    let rivals = Rivals::new(draws, groups);
    let turns = draws.num_draws.div_ceil(rivals.at_once());
    let threads = draws.num_threads().min(turns);
    let stopped = AtomicBool::new(false);
    let parts = each((0..threads).collect(), |thread| {
        let mut own = T::default();
        let mut together = Together::new(draws, &rivals);
        let mut watch = draws.watch(thread, &stopped);
        for turn in (thread..turns).step_by(threads).take_while(|_| !watch.stops()) {
            together.fronts(turn, |draw, row| visit(&mut own, draw, row));
        }
        own
    });
    if stopped.into_inner() { Err(Error::Interrupted) } else { Ok(parts) }
}
