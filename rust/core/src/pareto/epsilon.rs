//! Thin a front to a cover: one representative per box, and no row is better than a kept one by more than a box.
//!
//! The boxes that no other box dominates are found like a front of rows. A row in such a box that no row of its box
//! dominates is on the true front, because a row that dominates it lies in the same box or in a better one (the
//! epsilon-Pareto set of Laumanns, Thiele, Deb and Zitzler 2002).

use std::num::NonZeroUsize;

use super::boxes::{Boxes, Grid};
use super::filter::front_of_keys;
use super::keyed::push_kept;
use super::read::ReadKeys;
use super::table::Table;
use super::{Keep, automatic_threads};
use crate::error::{Error, Result};
use crate::order::sort_by;
use crate::parallel;

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
    sort_by(&mut sorted, &|a, b| compare(&numbers, a, b).then_with(|| compare(&keys, a, b)));
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

/// The smallest share of the box sizes for which some row of `kept` is worse by at most that much than each row of
/// `front`: 0 if every row is kept, infinity if one is not covered at all.
///
/// Both are matrices with a column per direction. The row that covered the row before is tried first; most others are
/// given up after one objective.
///
/// # Errors
/// If a size does not fit the others.
pub fn cover_share(
    front: &[f64],
    kept: &[f64],
    maximize: &[bool],
    boxes: Boxes<'_>,
    threads: Option<NonZeroUsize>,
) -> Result<f64> {
    let d = maximize.len();
    if d == 0 || boxes.sizes.len() != d || !front.len().is_multiple_of(d) || !kept.len().is_multiple_of(d) {
        return Err(Error::shape("eps", format!("({d},)"), format!("({},)", boxes.sizes.len())));
    }
    let threads = threads.map_or_else(|| automatic_threads(front.len()), NonZeroUsize::get);
    let step = (front.len() / d).div_ceil(threads.max(1)).max(1) * d;
    let of_part = |part: &[f64]| {
        let mut nearest = 0;
        part.chunks_exact(d).fold(0.0, |worst: f64, row| {
            let mut least =
                kept.get(nearest..nearest + d).map_or(f64::INFINITY, |own| excess(own, row, maximize, boxes));
            for (index, own) in kept.chunks_exact(d).enumerate() {
                // A row that does not raise the maximum needs no nearer one.
                if least <= worst {
                    break;
                }
                let share = excess_below(least, own, row, maximize, boxes);
                if share < least {
                    (least, nearest) = (share, index * d);
                }
            }
            worst.max(least)
        })
    };
    Ok(parallel::each(front.chunks(step).collect(), of_part).into_iter().fold(0.0, f64::max))
}

/// By which share of a box `kept` is worse than `row`, in the objective where that is most.
fn excess(kept: &[f64], row: &[f64], maximize: &[bool], boxes: Boxes<'_>) -> f64 {
    excess_below(f64::INFINITY, kept, row, maximize, boxes)
}

/// As `excess`, or anything from `limit` on if it is not below.
fn excess_below(limit: f64, kept: &[f64], row: &[f64], maximize: &[bool], boxes: Boxes<'_>) -> f64 {
    let mut most = 0.0_f64;
    for (k, (&own, &other)) in kept.iter().zip(row).enumerate() {
        let (better, worse) = if maximize[k] { (own, other) } else { (other, own) };
        if worse > better {
            let difference = match boxes.kind {
                Grid::Add => worse - better,
                Grid::Multiply if boxes.sizes[k] > 0.0 => worse / better - 1.0,
                Grid::Multiply => f64::INFINITY,
            };
            most = most.max(difference / boxes.sizes[k]);
            if most >= limit {
                break;
            }
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_worst_covered_row() {
        let front = [0.0, 4.0, 1.0, 3.5, 4.0, 0.0];
        let share = |kept: &[f64], sizes: &[f64], kind| {
            cover_share(&front, kept, &[false, false], Boxes { sizes, kind }, None).expect("sizes fit")
        };
        assert_eq!(share(&front, &[1.0, 1.0], Grid::Add).to_bits(), 0.0_f64.to_bits());
        assert!((share(&front[..2], &[8.0, 8.0], Grid::Add) - 0.5).abs() < 1e-12);
        assert!((share(&front[4..], &[8.0, 0.0], Grid::Add) - 0.5).abs() < 1e-12);
        assert!(share(&front[2..4], &[1.0, 0.0], Grid::Add).is_infinite());
        let both = [1.0, 4.0, 2.0, 1.0];
        let sizes = Boxes { sizes: &[2.0, 3.0], kind: Grid::Multiply };
        let factor = cover_share(&both, &both[..2], &[false, false], sizes, None).expect("sizes fit");
        assert!((factor - 1.0).abs() < 1e-12);
        assert!(cover_share(&both, &both, &[], sizes, None).is_err());
    }
}
