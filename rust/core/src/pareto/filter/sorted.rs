//! Rows sorted by one objective, with their keys beside them.

use super::super::keys::Key;
use super::super::source::{Rows, Source};

/// Rows whose keys are read at once.
pub(super) const BLOCK: usize = 256;

/// A key and the position of its row.
pub(super) type Place<K> = (K, u32);

/// The keys of objective `k`, each with the position of its row in `rows`, in that order.
pub(super) fn keyed<K: Key>(source: &dyn Source<K>, k: usize, rows: Rows<'_>) -> Vec<Place<K>> {
    let mut places = Vec::with_capacity(rows.len());
    let mut keys = [K::default(); BLOCK];
    for start in (0..rows.len()).step_by(BLOCK) {
        let part = rows.part(start, BLOCK);
        part.read(source, k, &mut keys[..part.len()]);
        places.extend(keys.iter().copied().zip(start as u32..(start + part.len()) as u32));
    }
    places
}

/// Sort by key; the order of equal keys is left open, because comparing one number is much faster than two.
pub(super) fn sort<K: Key>(places: &mut [Place<K>]) {
    places.sort_unstable_by_key(|place| place.0);
}

/// Cut items into parts that follow each other in key; equal keys stay together.
pub(super) fn ranges<T, K: Copy + Ord>(mut items: &mut [T], num_parts: usize, key: impl Fn(&T) -> K) -> Vec<&mut [T]> {
    let mut parts = Vec::new();
    for left in (2..=num_parts).rev() {
        let middle = items.len() / left;
        let bound = key(items.select_nth_unstable_by_key(middle, &key).1);
        // Those before the middle that equal the bound go behind the others.
        let mut kept = 0;
        for index in 0..middle {
            if key(&items[index]) < bound {
                items.swap(index, kept);
                kept += 1;
            }
        }
        let (part, rest) = std::mem::take(&mut items).split_at_mut(kept);
        parts.push(part);
        items = rest;
    }
    parts.push(items);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_each_other_and_keep_equals_together() {
        for num_parts in 1..6 {
            let mut places: Vec<Place<i32>> = (0..500).map(|i| (i * 7 % 13, i as u32)).collect();
            let parts = ranges(&mut places, num_parts, |place| place.0);
            assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 500);
            let filled: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
            for pair in filled.windows(2) {
                let most = pair[0].iter().map(|place| place.0).max();
                assert!(most < pair[1].iter().map(|place| place.0).min());
            }
        }
    }
}
