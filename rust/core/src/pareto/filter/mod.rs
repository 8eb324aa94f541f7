//! The exact front of rows of keys, by the algorithm for that many objectives and rows.
//!
//! Rows that a few strong rows dominate are dropped first (`prefilter`). If few are left they are compared with each
//! other (`few`); more are swept for up to three objectives (`plane`, `space`), and tested against 512 rows at a time
//! above (`hyper`). The front of a union is the front of the parts' fronts, so threads never change the answer.

mod block;
mod crowd;
mod few;
mod grid;
mod hyper;
mod lanes;
mod plane;
pub(super) mod prefilter;
mod sets;
mod sieve;
mod sorted;
mod space;
pub(super) mod spread;
mod stairs;
pub(super) mod thin;

use super::Keep;
use super::keys::Key;
use super::source::{Columns, Rows, Source};

/// The positions of the rows that no other row dominates, rising; `columns` holds their keys, one slice per objective.
pub(super) fn front_of_keys<K: Key>(columns: &[&[K]], keep: Keep, threads: usize) -> Vec<u32> {
    let count = columns.first().map_or(0, |column| column.len()) as u32;
    let mut front = front(&Columns(columns), Rows::Span { first: 0, count }, keep, threads);
    front.sort_unstable();
    front
}

/// The rows of the front, in no particular order.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    exact(source, prefilter::survivors(source, rows, &[], threads).rows.rows(), keep, threads)
}

/// As [`front`], without a prefilter; `rows` rise.
pub(super) fn exact<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    let d = source.num_objectives();
    if d > 2
        && rows.len() <= few::MOST_ROWS
        && let Some(front) = few::front(source, rows, keep)
    {
        return front;
    }
    match d {
        1 => plane::line(source, rows, keep),
        2 if rows.len() <= few::MOST_ROWS => plane::few(source, rows, keep),
        2 => plane::plane(source, rows, keep, threads),
        3 => space::front(source, rows, keep, threads),
        _ => hyper::front(source, rows, keep, threads),
    }
}
