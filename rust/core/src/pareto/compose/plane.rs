//! One step of a composition of two objectives: the front of all pairs from sorted lists.
//!
//! Each row of the shorter side, joined with the sorted longer side, is a list. The list that is ahead gives all its
//! rows up to the first of the others, which a heap knows, at once. That one takes over if it is better in the second
//! objective than all before it, else it jumps over what the front beats. So the cost follows the size of the front:
//! O((m + front) log k) for k lists of m rows, at most m k log k.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

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
    match folds {
        // By far the most common, and compiled without asking for the operator.
        [Fold::Sum, Fold::Sum] => merged(prefix, options, |a, b| [a[0] + b[0], a[1] + b[1]]),
        [first, second] => merged(prefix, options, |a, b| [first.apply(a[0], b[0]), second.apply(a[1], b[1])]),
    }
}

fn merged(prefix: &Rows, options: &Rows, join: impl Fn([f64; 2], [f64; 2]) -> [f64; 2]) -> Rows {
    let swapped = prefix.len() < options.len();
    let (long, short) = if swapped { (options, prefix) } else { (prefix, options) };
    let ((long, _), (short, _)) = (long.values.as_chunks::<2>(), short.values.as_chunks::<2>());
    let head = |list: u32, position: usize| {
        let [x, y] = join(long[position], short[list as usize]);
        Head { x, y, list, position: position as u32 }
    };
    // The next row of a list below `least`.
    let next = |list: u32, start: usize, least: f64| {
        let position = first_below(start, long.len(), least, |at| join(long[at], short[list as usize])[1]);
        (position < long.len()).then(|| head(list, position))
    };
    let mut others: BinaryHeap<Head> =
        (0..short.len() as u32).filter(|_| !long.is_empty()).map(|list| head(list, 0)).collect();
    let mut rows = Rows { values: Vec::with_capacity(4 * long.len()), from: Vec::with_capacity(2 * long.len()) };
    let mut last = f64::NAN;
    let mut ahead = others.pop();
    while let Some(Head { mut x, mut y, list, position }) = ahead {
        #[expect(clippy::float_cmp, reason = "rounded sums that tie are equal")]
        if x == last {
            // The one before is as good in the first objective only.
            rows.values.truncate(rows.values.len() - 2);
            rows.from.pop();
        }
        let (start, own) = (position as usize, short[list as usize]);
        let bar = others.peek().map_or(f64::INFINITY, |other| other.x);
        let mut end = start + 1;
        while let Some(&row) = long.get(end) {
            let [next_x, next_y] = join(row, own);
            if !(x < next_x && next_x < bar && next_y < y) {
                break;
            }
            (x, y, end) = (next_x, next_y, end + 1);
        }
        rows.values.extend(long[start..end].iter().flat_map(|&row| join(row, own)));
        if swapped {
            rows.from.extend(options.from[start..end].iter().map(|&(_, option)| (list, option)));
        } else {
            let option = options.from[list as usize].1;
            rows.from.extend((position..end as u32).map(|row| (row, option)));
        }
        last = x;
        ahead = next(list, end, y);
        // Who goes on: the heap puts the least first.
        while let Some(mut other) = others.peek_mut() {
            match &mut ahead {
                Some(own) if *own > *other => break,
                Some(own) if other.y < y => {
                    std::mem::swap(own, &mut other);
                    break;
                }
                None if other.y < y => {
                    ahead = Some(PeekMut::pop(other));
                    break;
                }
                _ => match next(other.list, other.position as usize + 1, y) {
                    Some(later) => *other = later,
                    None => drop(PeekMut::pop(other)),
                },
            }
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

    /// Rows that point at themselves.
    fn rows(values: &[[f64; 2]]) -> Rows {
        let from = (0..values.len() as u32).map(|row| (0, row)).collect();
        Rows { values: values.concat(), from }
    }

    #[test]
    fn lists_take_over_where_they_are_better() {
        // A convex front: the first option is better on its steep part, the second where it is flat.
        let prefix = rows(&[[0.0, 100.0], [1.0, 80.0], [2.0, 60.0], [9.0, 50.0], [19.0, 45.0], [29.0, 40.0]]);
        let found = fold(&prefix, &rows(&[[0.0, 10.0], [5.0, 0.0]]), [Fold::Sum; 2]);
        let expected = [[0.0, 110.0], [1.0, 90.0], [2.0, 70.0], [7.0, 60.0], [14.0, 50.0], [24.0, 45.0], [34.0, 40.0]];
        assert_eq!(found.values.as_chunks().0, expected);
        assert_eq!(found.from, [(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (4, 1), (5, 1)]);
    }

    #[test]
    fn of_equal_pairs_the_first_option_stays() {
        let steps = rows(&[[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]);
        let found = fold(&steps, &steps, [Fold::Sum; 2]);
        assert_eq!(found.values.as_chunks().0, [[0.0, 4.0], [1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [4.0, 0.0]]);
        assert_eq!(found.from, [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]);
    }

    #[test]
    fn rows_that_come_to_tie_in_the_first_objective_leave_the_best() {
        let prefix = rows(&[[1.0, 9.0], [2.0, 8.0], [3.0, 7.0], [6.0, 1.0]]);
        let found = fold(&prefix, &rows(&[[3.0, 0.0], [4.0, -1.0]]), [Fold::Max, Fold::Sum]);
        assert_eq!(found.values.as_chunks().0, [[3.0, 7.0], [4.0, 6.0], [6.0, 0.0]]);
        assert_eq!(found.from, [(2, 0), (2, 1), (3, 1)]);
    }

    #[test]
    fn the_shorter_side_may_be_the_prefix() {
        let found = fold(&rows(&[[1.0, 1.0]]), &rows(&[[0.0, 2.0], [3.0, 0.0]]), [Fold::Sum; 2]);
        assert_eq!(found.values.as_chunks().0, [[1.0, 3.0], [4.0, 1.0]]);
        assert_eq!(found.from, [(0, 0), (0, 1)]);
        assert_eq!(fold(&rows(&[]), &rows(&[[0.0, 2.0]]), [Fold::Sum; 2]).len(), 0);
    }

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
