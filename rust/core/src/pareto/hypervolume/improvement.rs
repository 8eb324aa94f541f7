//! What each of many candidates would add to the volume of a set, one at a time.
//!
//! In the plane a binary search in the staircase; above, the candidate's box is cut by the front of the set (`slices`).

use std::sync::atomic::AtomicBool;

use super::super::Keep;
use super::super::filter::front_of_keys;
use super::super::keys::key;
use super::Options;
use super::exact::shared;
use super::plane::Staircase;
use super::region::Region;
use super::slices::Slices;
use crate::error::{Error, Result};
use crate::simd;

/// Fill `out` with the volume that each of `candidates` adds to that of `points`; returns how many rows of `points` and
/// of `candidates` are not better than the reference everywhere.
pub fn improvements(
    out: &mut [f64],
    points: &[f64],
    candidates: &[f64],
    reference: &[f64],
    options: &Options<'_>,
) -> Result<[usize; 2]> {
    let mut candidates = Region::new("candidates", candidates, reference, options)?;
    let front = Region::new("front", points, reference, options)?.scaled(Some(&mut candidates)).finite("front")?;
    if out.len() < candidates.rows.last().map_or(0, |&row| row as usize + 1) {
        return Err(Error::shape("out", "one value per candidate", format!("({},)", out.len())));
    }
    let point = |position: usize, k: usize| candidates.columns[k][position];
    let found = match reference.len() {
        1 => {
            let least = front.columns[0].iter().fold(front.reference[0], |least, &value| least.min(value));
            candidates.columns[0].iter().map(|value| (least - value).max(0.0)).collect()
        }
        2 => {
            let stairs = Staircase::new(&front);
            (0..candidates.len()).map(|each| stairs.improvement([point(each, 0), point(each, 1)])).collect()
        }
        _ => by_boxes(&front, &candidates, options)?,
    };
    out.fill(0.0);
    for (&row, value) in candidates.rows.iter().zip(found) {
        out[row as usize] = front.unscaled(value);
    }
    Ok([front.num_outside, candidates.num_outside])
}

fn by_boxes(front: &Region, candidates: &Region, options: &Options<'_>) -> Result<Vec<f64>> {
    let d = front.columns.len();
    let best = undominated(front);
    shared(candidates.len(), d, options, &AtomicBool::new(false), |watch| {
        let mut slices = Slices::new(simd::level(), d + 1, watch);
        let mut row = vec![0.0; d];
        for &position in &best {
            front.copy_point(position as usize, &mut row);
            slices.before().push(&row);
        }
        move |position: usize| {
            candidates.copy_point(position, &mut row);
            slices.exclusive(&row, &front.reference, false, false)
        }
    })
}

/// The positions of the points that none other dominates, one of equals, rising.
pub(super) fn undominated(region: &Region) -> Vec<u32> {
    let keys = |column: &Vec<f64>| column.iter().map(|&value| key::<i64, f64>(value, false)).collect();
    let columns: Vec<Vec<i64>> = region.columns.iter().map(keys).collect();
    front_of_keys(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>(), Keep::First, 1)
}
