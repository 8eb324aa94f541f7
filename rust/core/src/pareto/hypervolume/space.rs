//! Three objectives: sweep along the third and keep the staircase of the first two (HV3D of Beume et al. 2009, O(n log
//! n), here with ranks in a bit tree in place of a balanced one).
//!
//! Each point adds the area that it adds to the staircase times the height above it: a sum of positive terms.

use super::order::{order, sorted};
use super::region::Region;
use super::stairs::Stairs;

/// The points in the order of the sweep, and the ranks of their first coordinates.
pub(super) struct Sweep {
    /// Points by (z, x, y), so that the order of the input does not matter.
    pub(super) order: Vec<u32>,
    /// Per point: 1 plus the number of distinct smaller first coordinates.
    pub(super) ranks: Vec<u32>,
    /// The first coordinate of each rank, with one step before all and one behind all.
    pub(super) xs: Vec<f64>,
}

impl Sweep {
    pub(super) fn new(region: &Region) -> Self {
        let [x, y, z] = &region.columns[..] else { unreachable!("a sweep is for three objectives") };
        let mut ranks = vec![0_u32; x.len()];
        let mut xs = vec![f64::NEG_INFINITY];
        for (value, point) in sorted(x, |index| index as u32) {
            if xs.last() != Some(&value) {
                xs.push(value);
            }
            ranks[point as usize] = xs.len() as u32 - 1;
        }
        xs.push(region.reference[0]);
        let mut order = order(z);
        for run in order.chunk_by_mut(|&a, &b| z[a as usize] == z[b as usize]) {
            if run.len() > 1 {
                let other = |point: u32| (ranks[point as usize], y[point as usize]);
                run.sort_by(|&a, &b| other(a).0.cmp(&other(b).0).then(other(a).1.total_cmp(&other(b).1)));
            }
        }
        Self { order, ranks, xs }
    }
}

/// The volume of three objectives.
pub(super) fn volume(region: &Region) -> f64 {
    let sweep = Sweep::new(region);
    let last = sweep.xs.len() as u32 - 1;
    let (mut stairs, mut ys) = (Stairs::new(sweep.xs.len()), vec![f64::NEG_INFINITY; sweep.xs.len()]);
    stairs.insert(0);
    stairs.insert(last);
    ys[0] = region.reference[1];
    let mut volume = 0.0;
    for &point in &sweep.order {
        let (rank, x, y) =
            (sweep.ranks[point as usize], region.columns[0][point as usize], region.columns[1][point as usize]);
        let mut top = stairs.before(rank).map_or(f64::INFINITY, |left| ys[left as usize]);
        let mut next = stairs.from(rank).unwrap_or(last);
        if top <= y || (next == rank && ys[next as usize] <= y) {
            continue;
        }
        let (mut area, mut left) = (0.0, x);
        while ys[next as usize] >= y {
            let right = sweep.xs[next as usize];
            area += (right - left) * (top - y);
            (left, top) = (right, ys[next as usize]);
            stairs.remove(next);
            next = stairs.from(next).unwrap_or(last);
        }
        area += (sweep.xs[next as usize] - left) * (top - y);
        stairs.insert(rank);
        ys[rank as usize] = y;
        volume += area * (region.reference[2] - region.columns[2][point as usize]);
    }
    volume
}
