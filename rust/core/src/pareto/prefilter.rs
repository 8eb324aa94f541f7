//! Drop most dominated rows before anything is sorted: test every row against a few rows that dominate a lot.
//!
//! They are the rows of a sample's front with the largest share of the sample's rank space behind them. How they are
//! chosen decides the speed, never the answer: only rows that are truly dominated go.

use super::Keep;
use super::boxes::Rows;
use super::filter::exact;
use super::keyed::Keyed;

/// Fewer rows are sorted faster than they are sampled.
const FEWEST_ROWS: usize = 1024;
const SAMPLE_ROWS: usize = 1024;
const STRONG_ROWS: usize = 32;
/// Rows read at once, and the rows after which a test that drops few of them is given up.
const BLOCK_ROWS: usize = 2048;

/// The keys of up to `STRONG_ROWS` rows, best first; none when the set is small.
pub(super) fn strong_rows(table: &dyn Rows, rows: &[u32]) -> Vec<i64> {
    let d = table.num_objectives();
    if rows.len() < FEWEST_ROWS {
        return Vec::new();
    }
    let mut sample = Keyed::default();
    sample.rows.extend(rows.iter().step_by(rows.len().div_ceil(SAMPLE_ROWS)));
    table.append_keys(&sample.rows, &mut sample.keys);
    let columns: Vec<Vec<i64>> = (0..d)
        .map(|k| {
            let mut column: Vec<i64> = sample.keys.iter().skip(k).step_by(d).copied().collect();
            column.sort_unstable();
            column
        })
        .collect();
    let mut front = Keyed { rows: exact(&sample, d, Keep::First), keys: Vec::new() };
    table.append_keys(&front.rows, &mut front.keys);
    let volume = |keys: &[i64]| -> f64 {
        let shares = keys.iter().zip(&columns).map(|(key, column)| {
            (column.len() - column.partition_point(|other| other < key)) as f64 / column.len() as f64
        });
        shares.product()
    };
    let mut scored: Vec<(f64, &[i64])> = front.keys.chunks_exact(d).map(|keys| (volume(keys), keys)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.iter().take(STRONG_ROWS).flat_map(|(_, keys)| keys.iter().copied()).collect()
}

/// The rows that no strong row dominates, with their keys.
pub(super) fn survivors(table: &dyn Rows, rows: &[u32], strong: &[i64]) -> Keyed {
    let d = table.num_objectives();
    let mut left = Keyed::default();
    if strong.is_empty() {
        left.rows.extend_from_slice(rows);
        left.keys.reserve_exact(rows.len() * d);
        table.append_keys(rows, &mut left.keys);
        return left;
    }
    let mut block = Vec::with_capacity(BLOCK_ROWS * d);
    let mut parts = rows.chunks(BLOCK_ROWS);
    while let Some(part) = parts.next() {
        block.clear();
        table.append_keys(part, &mut block);
        for (&row, keys) in part.iter().zip(block.chunks_exact(d)) {
            if !strong.chunks_exact(d).any(|other| dominates(other, keys)) {
                left.rows.push(row);
                left.keys.extend_from_slice(keys);
            }
        }
        if left.rows.len() > BLOCK_ROWS * 4 / 5 && left.rows.len() * 5 > (rows.len() - rest(&parts)) * 4 {
            for part in parts.by_ref() {
                left.rows.extend_from_slice(part);
                table.append_keys(part, &mut left.keys);
            }
        }
    }
    left
}

/// Rows that a chunk iterator has not yet given.
fn rest(parts: &std::slice::Chunks<'_, u32>) -> usize {
    parts.clone().map(<[u32]>::len).sum()
}

fn dominates(a: &[i64], b: &[i64]) -> bool {
    let mut better = false;
    for (x, y) in a.iter().zip(b) {
        if x > y {
            return false;
        }
        better |= x < y;
    }
    better
}
