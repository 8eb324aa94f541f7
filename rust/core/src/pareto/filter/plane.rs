//! One and two objectives: sorted by the first, a row is on the front if its second one is the best so far.
//!
//! O(n) for random keys, and 24 bytes per row. Threads take ranges of the first objective; what the ranges before left
//! as best cuts a range's own front short.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::super::words::{self, BLOCK, TIED};
use super::few::MOST_ROWS;
use super::spread;
use crate::parallel;

/// A thread takes this many rows at least.
const ROWS_PER_THREAD: usize = 16384;

/// One objective: the rows with the least key.
pub(super) fn line<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep) -> Vec<u32> {
    let (mut front, mut equal, mut least) = (Vec::new(), Vec::new(), None);
    let mut keys = [K::default(); BLOCK];
    for start in (0..rows.len()).step_by(BLOCK) {
        let part = rows.part(start, BLOCK);
        part.read(source, 0, &mut keys[..part.len()]);
        for (place, &key) in keys[..part.len()].iter().enumerate() {
            if least.is_none_or(|least| key < least) {
                least = Some(key);
                equal.clear();
            }
            if least == Some(key) {
                equal.push(part.at(place));
            }
        }
    }
    push_kept(&mut front, equal.into_iter(), keep);
    front
}

/// Two objectives of at most [`MOST_ROWS`] rows.
pub(super) fn few<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep) -> Vec<u32> {
    const PLACE_BITS: u32 = MOST_ROWS.ilog2();
    let n = rows.len();
    let mut keys = vec![K::default(); 2 * n];
    let (firsts, seconds) = keys.split_at_mut(n);
    rows.read(source, 0, firsts);
    rows.read(source, 1, seconds);
    // A key and its place in one word, which has no room for the lowest bits of a key: words may tell too little.
    let (least, most) = firsts.iter().fold((K::NAN, K::NAN.flipped()), |(a, b), &key| (a.min(key), b.max(key)));
    let range = if n == 0 { 0 } else { most.above(least) };
    let shift = (PLACE_BITS + u64::BITS - range.leading_zeros()).saturating_sub(i64::BITS - 1);
    let word = |(&key, place): (&K, u64)| (key.above(least) >> shift << PLACE_BITS | place).cast_signed();
    let words: Vec<i64> = firsts.iter().zip(0..).map(word).collect();
    let place = |word: i64| (word & ((1 << PLACE_BITS) - 1)) as usize;
    let (mut front, mut best, mut near) = (Vec::with_capacity(n), None, Vec::new());
    let sorted = spread::sorted(n, &|visit| visit(&words), |_, word| word);
    for words in sorted.chunk_by(|a, b| a >> PLACE_BITS == b >> PLACE_BITS) {
        if let &[alone] = words {
            let second = seconds[place(alone)];
            if best.is_none_or(|best| second < best) {
                best = Some(second);
                front.push(rows.at(place(alone)));
            }
            continue;
        }
        near.clear();
        let places = words.iter().map(|&word| place(word));
        let lower = places.filter(|&place| best.is_none_or(|best| seconds[place] < best));
        near.extend(lower.map(|place| (firsts[place], seconds[place], place)));
        near.sort_unstable();
        for equal in near.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if best.is_none_or(|best| equal[0].1 < best) {
                best = Some(equal[0].1);
                push_kept(&mut front, equal.iter().map(|&(_, _, place)| rows.at(place)), keep);
            }
        }
    }
    front
}

/// Two objectives.
pub(super) fn plane<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    let ranges = words::ranges(source, 0, rows, threads.min(rows.len() / ROWS_PER_THREAD).max(1));
    let fronts =
        parallel::each(ranges, |range| sweep(source, rows, &words::order_within(source, 0, rows, range), keep));
    let second = |row: u32| {
        let mut key = [K::default()];
        source.gather(1, &[row], &mut key);
        key[0]
    };
    let mut fronts = fronts.into_iter();
    let mut front = fronts.next().unwrap_or_default();
    for range in fronts {
        let best = front.last().map(|&row| second(row));
        // The second objective falls along a range.
        let kept = best.map_or(0, |best| range.partition_point(|&row| second(row) >= best));
        front.extend(&range[kept..]);
    }
    front
}

/// The front of rows whose positions are sorted by the first objective.
fn sweep<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, order: &[u32], keep: Keep) -> Vec<u32> {
    let mut front = Vec::with_capacity(order.len());
    // Rows of the front from here on have the same first key.
    let mut start = 0;
    let mut best = None;
    let close = |front: &mut Vec<u32>, start: &mut usize| {
        if keep == Keep::First {
            front.truncate(*start + 1);
        } else if keep == Keep::Last && front.len() > *start {
            front.drain(*start..front.len() - 1);
        }
        *start = front.len();
    };
    words::for_each_place(order, source, 1, rows, |place, row, second| {
        if place & TIED == 0 {
            close(&mut front, &mut start);
        }
        if best.is_none_or(|best| second < best) {
            front.truncate(start);
            front.push(row);
            best = Some(second);
        } else if best == Some(second) && front.len() > start {
            front.push(row);
        }
    });
    close(&mut front, &mut start);
    front
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Columns;
    use super::*;

    #[test]
    fn few_rows_have_the_front_of_many() {
        let random = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xD1B5_4A32_D192_ED03);
        for n in [0, 1, 2, 63, 500, 2048_u64] {
            // Everywhere, ties, only the lowest bits differ, and near ones beside one far away.
            for (shift, far) in [(0, 0), (60, 0), (56, 0), (54, i64::MAX)] {
                let key = |i: u64| if i == 5 { far } else { random(i).cast_signed() >> shift };
                let firsts: Vec<i64> = (0..n).map(key).collect();
                let seconds: Vec<i64> = (n..2 * n).map(key).collect();
                let columns: [&[i64]; 2] = [&firsts, &seconds];
                let (source, rows) = (Columns(&columns), Rows::Span { first: 0, count: n as u32 });
                for keep in [Keep::All, Keep::First, Keep::Last] {
                    let sorted = |mut front: Vec<u32>| {
                        front.sort_unstable();
                        front
                    };
                    let expected = plane(&source, rows, keep, 1);
                    assert_eq!(sorted(few(&source, rows, keep)), sorted(expected), "{n} rows, shift {shift}");
                }
            }
        }
    }
}
