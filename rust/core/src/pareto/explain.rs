//! Which rows keep one row off the front: the pass over the table behind `explain`.

use super::keys::Key;
use super::read::ReadKeys;
use super::source::Source;
use super::table::Table;
use super::{Options, candidates, check};
use crate::error::{Error, Result};

/// Rows read at once.
const BLOCK_ROWS: usize = 1024;

/// Fill `dominators` with 1 for the rows of the group of row `index` that dominate it, else 0, and return whether that
/// row takes part; if it does not, nothing dominates it. `options.keep` and `options.eps` are not looked at. O(n d).
pub fn dominators(dominators: &mut [u8], points: &Table<'_>, index: usize, options: &Options<'_>) -> Result<bool> {
    let n = points.num_rows();
    if dominators.len() != n {
        return Err(Error::shape("dominators", format!("({n},)"), format!("({},)", dominators.len())));
    }
    if index >= n {
        return Err(Error::value("index", format!("below {n}, the number of rows"), index));
    }
    check(n, points, options)?;
    dominators.fill(0);
    let mut rows = candidates(points, options)?.rows().to_vec();
    if rows.binary_search(&(index as u32)).is_err() {
        return Ok(false);
    }
    if let Some(groups) = options.groups {
        rows.retain(|&row| groups[row as usize] == groups[index]);
    }
    for part in rows.chunks(BLOCK_ROWS) {
        let beats = if points.is_narrow() {
            dominate::<i32>(points, part, index)
        } else {
            dominate::<i64>(points, part, index)
        };
        for (&row, beats) in part.iter().zip(beats) {
            dominators[row as usize] = u8::from(beats);
        }
    }
    Ok(true)
}

/// Whether each of `rows` is nowhere worse than row `index` and somewhere better.
fn dominate<K: ReadKeys + Key>(points: &Table<'_>, rows: &[u32], index: usize) -> Vec<bool> {
    let mut keys = vec![K::default(); rows.len()];
    let mut found = vec![(true, false); rows.len()];
    for k in 0..points.num_objectives() {
        let mut own = [K::default()];
        Source::gather(points, k, &[index as u32], &mut own);
        Source::gather(points, k, rows, &mut keys);
        for ((not_worse, better), &key) in found.iter_mut().zip(&keys) {
            *not_worse &= key <= own[0];
            *better |= key < own[0];
        }
    }
    found.into_iter().map(|(not_worse, better)| not_worse && better).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::{Keep, NanPolicy};

    #[test]
    fn only_rows_of_the_group_that_take_part_dominate() {
        let flat = [[0.0, 1.0], [0.0, 0.0], [2.0, 2.0], [2.0, 2.0], [1.0, f64::NAN]].concat();
        let table = Table::of_matrix(&flat, 5, 2).expect("it is a table");
        let mut options = Options {
            keep: Keep::All,
            nan: NanPolicy::Drop,
            eps: None,
            groups: None,
            num_groups: 0,
            allowed: None,
            threads: None,
        };
        let mut found = [7; 5];
        assert_eq!(dominators(&mut found, &table, 2, &options), Ok(true));
        assert_eq!(found, [1, 1, 0, 0, 0]);
        assert_eq!(dominators(&mut found, &table, 4, &options), Ok(false));
        assert_eq!(found, [0; 5]);
        options.groups = Some(&[0, 1, 1, 0, 0]);
        options.num_groups = 2;
        assert_eq!(dominators(&mut found, &table, 2, &options), Ok(true));
        assert_eq!(found, [0, 1, 0, 0, 0]);
        assert!(dominators(&mut found, &table, 5, &options).is_err());
    }
}
