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

/// A list for each row of the shorter side: that row joined with all of the longer side.
struct Lists<'a, F> {
    long: &'a [[f64; 2]],
    short: &'a [[f64; 2]],
    join: F,
}

/// Rows that are compared at once.
const BLOCK: usize = 8;

impl<F: Fn([f64; 2], [f64; 2]) -> [f64; 2]> Lists<'_, F> {
    /// The head of a list that goes on at `position`; none at its end.
    fn head(&self, list: u32, position: usize) -> Option<Head> {
        let [x, y] = (self.join)(*self.long.get(position)?, self.short[list as usize]);
        Some(Head { x, y, list, position: position as u32 })
    }

    /// The first position from `start` on with a second value below `least`.
    fn first_below(&self, list: u32, start: usize, least: f64) -> usize {
        let own = self.short[list as usize];
        first_below(start, self.long.len(), least, |at| (self.join)(self.long[at], own)[1])
    }

    /// The head of a list after a jump over what the front beats, whose last row is before `end` in the list `leader`.
    ///
    /// What the leader's last row beats lies on either side of where the leader leads by most: from there on both lists
    /// are compared row by row, for as long as the leader stays ahead.
    fn jump(&self, head: &Head, leader: u32, end: usize, least: f64) -> Option<Head> {
        let start = head.position as usize;
        let mut next = self.first_below(head.list, start + 1, least);
        let jumped = next - start;
        if jumped >= BLOCK / 2
            && let Some(better) = self.long.get(end + (jumped - 1) / 2..)
        {
            let (own, leader) = (self.short[head.list as usize], self.short[leader as usize]);
            let beaten = |(row, better): (&[f64; 2], &[f64; 2])| {
                let (row, better) = ((self.join)(*row, own), (self.join)(*better, leader));
                better[0] < row[0] && better[1] < row[1]
            };
            let blocks = self.long[next..].chunks_exact(BLOCK).zip(better.chunks_exact(BLOCK));
            // Without a branch for each row, so that they are compared side by side.
            let all =
                |(rows, better): &(&[_], &[_])| rows.iter().zip(*better).fold(true, |all, pair| all & beaten(pair));
            next += BLOCK * blocks.take_while(all).count();
        }
        self.head(head.list, next)
    }
}

fn merged(prefix: &Rows, options: &Rows, join: impl Fn([f64; 2], [f64; 2]) -> [f64; 2]) -> Rows {
    let swapped = prefix.len() < options.len();
    let (long, short) = if swapped { (options, prefix) } else { (prefix, options) };
    let ((long, _), (short, _)) = (long.values.as_chunks::<2>(), short.values.as_chunks::<2>());
    let lists = Lists { long, short, join };
    let mut others: BinaryHeap<Head> = (0..short.len() as u32).filter_map(|list| lists.head(list, 0)).collect();
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
            let [next_x, next_y] = (lists.join)(row, own);
            if !(x < next_x && next_x < bar && next_y < y) {
                break;
            }
            (x, y, end) = (next_x, next_y, end + 1);
        }
        rows.values.extend(long[start..end].iter().flat_map(|&row| (lists.join)(row, own)));
        if swapped {
            rows.from.extend(options.from[start..end].iter().map(|&(_, option)| (list, option)));
        } else {
            let option = options.from[list as usize].1;
            rows.from.extend((position..end as u32).map(|row| (row, option)));
        }
        last = x;
        ahead = lists.head(list, lists.first_below(list, end, y));
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
                _ => match lists.jump(&other, list, end, y) {
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
    fn lists_that_lie_behind_jump_over_blocks() {
        let long: Vec<[f64; 2]> = (0..64).map(|row| [f64::from(row), -f64::from(row)]).collect();
        let join = |a: [f64; 2], b: [f64; 2]| [a[0] + b[0], a[1] + b[1]];
        let head = |list, position| Head { x: 0.0, y: 0.0, list, position };
        let lists = Lists { long: &long, short: &[[0.0, 0.0], [10.5, 5.0], [10.5, -60.0]], join };
        // The front ends with row 19 of list 0. Row 25 of list 1 is the first below it, row 27 of list 0 better by 8.5.
        assert_eq!(lists.first_below(1, 10, -19.0), 25);
        assert_eq!(lists.jump(&head(1, 9), 0, 20, -19.0).unwrap().position, 25 + 4 * BLOCK as u32);
        // No jump that tells where the leader leads, and none at all.
        assert_eq!(lists.jump(&head(1, 24), 0, 20, -19.0).unwrap().position, 25);
        assert_eq!(lists.jump(&head(2, 9), 0, 20, -19.0).unwrap().position, 10);
        assert!(lists.jump(&head(1, 9), 0, 64, -63.0).is_none());
    }

    #[test]
    fn long_lists_give_the_front_of_all_pairs() {
        // Steps of random length on a convex curve, on a line, and on a concave one.
        for (shape, seed) in [(1.5_f64, 1_u64), (1.0, 2), (0.7, 3)] {
            let mut state = seed;
            let mut step = || {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                (state >> 60) as f64 + 1.0
            };
            let mut x = 0.0;
            let prefix: Vec<[f64; 2]> = (0..400)
                .map(|row| {
                    x += step();
                    [x, (f64::from(400 - row).powf(shape) * 20.0).floor() - step() / 4.0]
                })
                .collect();
            let prefix = rows(&prefix);
            let options = rows(&[[0.0, 300.0], [20.0, 170.0], [70.0, 40.0], [90.0, 0.0]]);
            let ((long, _), (short, _)) = (prefix.values.as_chunks::<2>(), options.values.as_chunks::<2>());
            let mut expected: Vec<[f64; 2]> =
                long.iter().flat_map(|a| short.iter().map(|b| [a[0] + b[0], a[1] + b[1]])).collect();
            expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let mut least = f64::INFINITY;
            expected.retain(|row| {
                let below = row[1] < least;
                least = least.min(row[1]);
                below
            });
            let found = fold(&prefix, &options, [Fold::Sum; 2]);
            assert_eq!(found.values.as_chunks().0, expected);
            let joined = |&(a, b): &(u32, u32)| {
                let (a, b) = (long[a as usize], short[b as usize]);
                [a[0] + b[0], a[1] + b[1]]
            };
            assert_eq!(found.from.iter().map(joined).collect::<Vec<_>>(), expected);
        }
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
