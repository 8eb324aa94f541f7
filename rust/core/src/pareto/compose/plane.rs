//! One step of a composition of two objectives: the front of all pairs from sorted lists.
//!
//! Each row of the shorter side, joined with the sorted longer side, is a sorted list. A heap merges the lists by the
//! first objective; a row stays if it is better in the second than all before it. After each the list jumps over what
//! the front beats already, so that the cost follows the size of the front: O((m + front) log k) for lists of m, k of
//! them, at most m k log k.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{Fold, Rows};

/// The next row of a list; the heap gives the one with the least values.
struct Head {
    x: f64,
    y: f64,
    list: u32,
    position: u32,
}

impl Ord for Head {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let values = other.x.total_cmp(&self.x).then_with(|| other.y.total_cmp(&self.y));
        values.then_with(|| other.list.cmp(&self.list))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// The front of all pairs of a row of `prefix` and an option, first objective rising; both sides are such fronts.
pub(super) fn fold(prefix: &Rows, options: &Rows, folds: [Fold; 2]) -> Rows {
    let swapped = prefix.len() < options.len();
    let (long, short) = if swapped { (options, prefix) } else { (prefix, options) };
    let ((long, _), (short, _)) = (long.values.as_chunks::<2>(), short.values.as_chunks::<2>());
    let value = |list: u32, position: usize, k: usize| folds[k].apply(long[position][k], short[list as usize][k]);
    let mut heap: BinaryHeap<Head> = (0..short.len() as u32)
        .filter(|_| !long.is_empty())
        .map(|list| Head { x: value(list, 0, 0), y: value(list, 0, 1), list, position: 0 })
        .collect();
    let mut rows = Rows { values: Vec::with_capacity(4 * long.len()), from: Vec::with_capacity(2 * long.len()) };
    let (mut last, mut least) = (f64::NAN, f64::INFINITY);
    while let Some(mut head) = heap.peek_mut() {
        if rows.from.is_empty() || head.y < least {
            let (list, position) = (head.list, head.position);
            let from = if swapped { (list, position) } else { (position, list) };
            #[expect(clippy::float_cmp, reason = "rounded sums that tie are equal")]
            if head.x == last {
                // The one before is as good in the first objective only.
                rows.values.truncate(rows.values.len() - 2);
                rows.from.pop();
            }
            (last, least) = (head.x, head.y);
            rows.push(&[head.x, head.y], from);
        }
        let list = head.list;
        let next = first_below(head.position as usize + 1, long.len(), least, |at| value(list, at, 1));
        if next == long.len() {
            std::collections::binary_heap::PeekMut::pop(head);
        } else {
            (head.x, head.y, head.position) = (value(list, next, 0), value(list, next, 1), next as u32);
        }
    }
    rows
}

/// The first position from `start` on with a value below `least`; the values fall. Steps that double, then halve.
#[inline(always)]
fn first_below(start: usize, end: usize, least: f64, value: impl Fn(usize) -> f64) -> usize {
    let (mut low, mut step) = (start, 1);
    while low + step <= end && value(low + step - 1) >= least {
        low += step;
        step *= 2;
    }
    let mut high = (low + step - 1).min(end);
    while low < high {
        let middle = low + (high - low) / 2;
        if value(middle) >= least {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_find_what_a_walk_finds() {
        let values: Vec<f64> = (0..50).rev().map(f64::from).collect();
        for start in 0..50 {
            for least in [-1.0, 0.0, 3.5, 20.0, 49.0, 60.0] {
                let expected = (start..50).find(|&at| values[at] < least).unwrap_or(50);
                assert_eq!(first_below(start, 50, least, |at| values[at]), expected);
            }
        }
    }
}
