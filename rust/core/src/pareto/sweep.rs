//! Sweeps for one, two and three objectives: sort lexicographically, so that a row can only be dominated by an earlier
//! one.
//!
//! In the plane the best second objective so far decides. In space the earlier rows' (second, third) objectives form a
//! staircase kept in an ordered map (Kung, Luccio and Preparata 1975). O(n log n).

use std::collections::BTreeMap;

use super::Keep;
use super::keyed::{Keyed, push_kept};

/// One objective: the rows with the least key.
pub(super) fn minimum(keyed: &Keyed, keep: Keep) -> Vec<u32> {
    let mut done = false;
    sweep::<1>(keyed, keep, |_| !std::mem::replace(&mut done, true))
}

/// Two objectives.
pub(super) fn plane(keyed: &Keyed, keep: Keep) -> Vec<u32> {
    let mut best = None;
    sweep::<2>(keyed, keep, |[_, y]| {
        let on_front = best.is_none_or(|best| y < best);
        if on_front {
            best = Some(y);
        }
        on_front
    })
}

/// Three objectives.
pub(super) fn space(keyed: &Keyed, keep: Keep) -> Vec<u32> {
    let mut stairs = BTreeMap::new();
    sweep::<3>(keyed, keep, |[_, y, z]| {
        // The stairs fall: the last step at or before y has the least z of all of them.
        if stairs.range(..=y).next_back().is_some_and(|(_, &least)| least <= z) {
            return false;
        }
        while let Some((&step, &height)) = stairs.range(y..).next()
            && height >= z
        {
            stairs.remove(&step);
        }
        stairs.insert(y, z);
        true
    })
}

/// Visit the distinct rows in lexicographic order; `on_front` says whether one is on the front.
fn sweep<const D: usize>(keyed: &Keyed, keep: Keep, mut on_front: impl FnMut([i64; D]) -> bool) -> Vec<u32> {
    let (keys, _) = keyed.keys.as_chunks::<D>();
    let mut sorted: Vec<([i64; D], u32)> = keys.iter().copied().zip(keyed.rows.iter().copied()).collect();
    sorted.sort_unstable();
    let mut front = Vec::new();
    for run in sorted.chunk_by(|a, b| a.0 == b.0) {
        if on_front(run[0].0) {
            push_kept(&mut front, run.iter().map(|(_, row)| *row), keep);
        }
    }
    front
}
