//! Three objectives: sorted by the first, a row is on the front if it lies below the staircase that the (second, third)
//! objectives of the rows before it form (Kung, Luccio and Preparata 1975).
//!
//! The second objective is known by its rank, so that a step of the staircase is a bit. O(n log n), and about 32 bytes
//! per row. Threads sort the two objectives beside each other.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::super::words::{self, TIED};
use super::stairs::Stairs;
use crate::parallel;

/// Fewer rows are sorted one objective after the other.
const ROWS_FOR_THREADS: usize = 16384;

/// The front of `rows`, in no particular order.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    let sorted = |k: usize| words::order(source, k, rows);
    let (firsts, seconds) = if threads > 1 && rows.len() >= ROWS_FOR_THREADS {
        let mut both = parallel::each(vec![0, 1], sorted).into_iter();
        (both.next().unwrap_or_default(), both.next().unwrap_or_default())
    } else {
        (sorted(0), sorted(1))
    };
    let (_, ranks) = words::dense_ranks(&seconds);
    drop(seconds);
    sweep(source, rows, &firsts, &ranks, keep)
}

/// The objectives of a row after the first, and its position: the order of rows that are equal in the first.
type Rest<K> = (i32, K, u32);

fn sweep<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, firsts: &[u32], ranks: &[i32], keep: Keep) -> Vec<u32> {
    let mut stairs = Stairs::new(ranks.len());
    let mut front = Vec::new();
    let mut flush = |run: &mut Vec<Rest<K>>| {
        run.sort_unstable();
        for equal in run.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if stairs.step(equal[0].0 as usize, equal[0].1) {
                push_kept(&mut front, equal.iter().map(|rest| rows.at(rest.2 as usize)), keep);
            }
        }
        run.clear();
    };
    let mut run = Vec::new();
    words::for_each_place(firsts, source, 2, rows, |place, _, third| {
        if place & TIED == 0 {
            flush(&mut run);
        }
        let position = place & !TIED;
        run.push((ranks[position as usize], third, position));
    });
    flush(&mut run);
    front
}
