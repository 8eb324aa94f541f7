//! The rows of a group that can be on a front at all, and those that dominate many others.

use super::super::Keep;
use super::super::filter::front_of_keys;
use super::Draws;
use super::beaten::Beaten;
use super::ranges::Ranges;
use crate::simd::{dispatch, level};

/// So many rows are tried as those that dominate others whatever happens: trying all would be quadratic.
const MOST_TRIED: usize = 256;
/// Rows that count as strong.
const STRONG: usize = 16;

/// The values of some rows, objective by objective.
pub(super) fn columns<T: Copy>(values: &[T], n: usize, rows: &[u32]) -> Vec<Vec<T>> {
    values.chunks_exact(n).map(|column| rows.iter().map(|&row| column[row as usize]).collect()).collect()
}

/// The rows of a group that no other one dominates whatever both do.
pub(super) fn possible(draws: &Draws<'_>, ranges: &Ranges, rows: &[u32]) -> Vec<u32> {
    if rows.is_empty() {
        return Vec::new();
    }
    let worst = columns(&ranges.worst, draws.num_rows, rows);
    let front = front_of_keys(&worst.iter().map(Vec::as_slice).collect::<Vec<_>>(), Keep::First, 1);
    let front = front.iter().step_by(front.len().div_ceil(MOST_TRIED));
    let strong: Vec<i64> = front.flat_map(|&at| worst.iter().map(move |column| column[at as usize])).collect();
    let best = columns(&ranges.best, draws.num_rows, rows).concat();
    let mut left = Vec::new();
    dispatch(level(), Beaten { keys: &best, d: draws.d(), strong: &strong, left: &mut left });
    left.iter().map(|&at| rows[at as usize]).collect()
}

/// The positions among `rows` of those that dominate most others at their worst; none if they would not spare much.
pub(super) fn strong(draws: &Draws<'_>, ranges: &Ranges, rows: &[u32]) -> Vec<u32> {
    let worst = columns(&ranges.worst, draws.num_rows, rows);
    let front = front_of_keys(&worst.iter().map(Vec::as_slice).collect::<Vec<_>>(), Keep::First, 1);
    let keys = worst.concat();
    let left_by = |strong: &[u32]| -> usize {
        let strong: Vec<i64> = strong.iter().flat_map(|&at| worst.iter().map(move |keys| keys[at as usize])).collect();
        let mut left = Vec::new();
        dispatch(level(), Beaten { keys: &keys, d: draws.d(), strong: &strong, left: &mut left });
        left.len()
    };
    let tried = front.iter().step_by(front.len().div_ceil(MOST_TRIED).max(1));
    let mut scored: Vec<(usize, u32)> = tried.map(|&at| (left_by(&[at]), at)).collect();
    scored.sort_unstable();
    let strong: Vec<u32> = scored.iter().take(STRONG).map(|&(_, at)| at).collect();
    if left_by(&strong) * 4 > rows.len() * 3 { Vec::new() } else { strong }
}
