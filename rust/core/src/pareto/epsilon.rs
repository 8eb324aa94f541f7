//! Thin a front to a cover: one representative per box, and no row is better than a kept one by more than a box.
//!
//! The boxes that no other box dominates are found like a front of rows. A row in such a box that no row of its box
//! dominates is on the true front, because a row that dominates it lies in the same box or in a better one (the
//! epsilon-Pareto set of Laumanns, Thiele, Deb and Zitzler 2002).

use super::Keep;
use super::boxes::Boxes;
use super::filter::front_of_keys;
use super::keyed::push_kept;
use super::table::{ReadKeys, Table};

/// The representatives: per box the lexicographically best row, and the rows equal to it as `keep` says.
pub(super) fn cover<K: ReadKeys>(
    points: &Table<'_>,
    boxes: Boxes<'_>,
    rows: &[u32],
    keep: Keep,
    threads: usize,
) -> Vec<u32> {
    let mut numbers: Vec<Vec<i64>> = (0..points.num_objectives()).map(|k| boxes.numbers(points, k, rows)).collect();
    let columns: Vec<&[i64]> = numbers.iter().map(Vec::as_slice).collect();
    let in_boxes = front_of_keys(&columns, Keep::All, threads);
    for column in &mut numbers {
        *column = in_boxes.iter().map(|&position| column[position as usize]).collect();
    }
    let rows: Vec<u32> = in_boxes.iter().map(|&position| rows[position as usize]).collect();
    let keys: Vec<Vec<K>> = points.columns_of(&rows);
    let mut sorted: Vec<u32> = (0..rows.len() as u32).collect();
    // A stable sort keeps equal rows by index.
    sorted.sort_by(|&a, &b| compare(&numbers, a, b).then_with(|| compare(&keys, a, b)));
    let mut kept = Vec::new();
    for same_box in sorted.chunk_by(|&a, &b| compare(&numbers, a, b).is_eq()) {
        let equal = same_box.partition_point(|&position| compare(&keys, position, same_box[0]).is_eq());
        push_kept(&mut kept, same_box[..equal].iter().map(|&position| rows[position as usize]), keep);
    }
    kept
}

/// Two rows of columns, lexicographically.
fn compare<K: Ord>(columns: &[Vec<K>], a: u32, b: u32) -> std::cmp::Ordering {
    columns
        .iter()
        .map(|column| column[a as usize].cmp(&column[b as usize]))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}
