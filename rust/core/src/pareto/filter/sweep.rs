//! Sweeps for one, two and three objectives: sort lexicographically, so that a row can only be dominated by an earlier
//! one.
//!
//! In the plane the best second objective so far decides. In space the earlier rows' (second, third) objectives form a
//! staircase kept in an ordered map (Kung, Luccio and Preparata 1975). O(n log n).

use std::collections::BTreeMap;

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::Source;

/// One objective: the rows with the least key.
pub(super) fn line<K: Key>(source: &dyn Source<K>, rows: &[u32], keep: Keep) -> Vec<u32> {
    let mut done = false;
    sweep::<K, 1>(source, rows, keep, |_| !std::mem::replace(&mut done, true))
}

/// Two objectives.
pub(super) fn plane<K: Key>(source: &dyn Source<K>, rows: &[u32], keep: Keep) -> Vec<u32> {
    let mut best = None;
    sweep::<K, 2>(source, rows, keep, |[_, y]| {
        let on_front = best.is_none_or(|best| y < best);
        if on_front {
            best = Some(y);
        }
        on_front
    })
}

/// Three objectives.
pub(super) fn space<K: Key>(source: &dyn Source<K>, rows: &[u32], keep: Keep) -> Vec<u32> {
    let mut stairs = BTreeMap::new();
    sweep::<K, 3>(source, rows, keep, |[_, y, z]| {
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
fn sweep<K: Key, const D: usize>(
    source: &dyn Source<K>,
    rows: &[u32],
    keep: Keep,
    mut on_front: impl FnMut([K; D]) -> bool,
) -> Vec<u32> {
    let mut sorted: Vec<([K; D], u32)> = rows.iter().map(|&row| ([K::default(); D], row)).collect();
    let mut keys = [K::default(); 256];
    for (part, rows) in sorted.chunks_mut(keys.len()).zip(rows.chunks(keys.len())) {
        for k in 0..D {
            source.gather(k, rows, &mut keys[..rows.len()]);
            for (row, &key) in part.iter_mut().zip(&keys) {
                row.0[k] = key;
            }
        }
    }
    sorted.sort_unstable();
    let mut front = Vec::new();
    for run in sorted.chunk_by(|a, b| a.0 == b.0) {
        if on_front(run[0].0) {
            push_kept(&mut front, run.iter().map(|(_, row)| *row), keep);
        }
    }
    front
}
