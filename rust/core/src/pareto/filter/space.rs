//! Three objectives: sorted by the first, a row is on the front if it lies below the staircase that the (second, third)
//! objectives of the rows before it form (Kung, Luccio and Preparata 1975).
//!
//! The second objective is known by its rank, so that a step of the staircase is a bit. O(n log n), and about 32 bytes
//! per row. Threads sort the two objectives beside each other.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::sorted::{BLOCK, Place};
use super::spread;
use super::stairs::Stairs;
use crate::parallel;

/// Fewer rows are sorted one objective after the other.
const ROWS_FOR_THREADS: usize = 16384;

/// The front of `rows`, in no particular order.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    let sorted = |k: usize| spread::places(source, k, rows);
    let (firsts, seconds) = if threads > 1 && rows.len() >= ROWS_FOR_THREADS {
        let mut both = parallel::each(vec![0, 1], sorted).into_iter();
        (both.next().unwrap_or_default(), both.next().unwrap_or_default())
    } else {
        (sorted(0), sorted(1))
    };
    let ranks = ranks(seconds);
    sweep(source, rows, &firsts, &ranks, keep)
}

/// Per position the rank of its key among the sorted ones; equal keys have the same.
fn ranks<K: Key>(sorted: Vec<Place<K>>) -> Vec<u32> {
    let mut rank = 0;
    let mut previous = sorted.first().map(|place| place.0);
    // Such pairs take the place of 64-bit keys, so that half of the memory is free before the ranks need theirs.
    let ranked = sorted.into_iter().map(|(key, position)| {
        rank += u32::from(previous != Some(key));
        previous = Some(key);
        u64::from(rank) << 32 | u64::from(position)
    });
    let mut ranked: Vec<u64> = ranked.collect();
    ranked.shrink_to_fit();
    let mut ranks = vec![0; ranked.len()];
    for pair in ranked {
        ranks[pair as u32 as usize] = (pair >> 32) as u32;
    }
    ranks
}

/// The objectives of a row after the first, and its position: the order of rows that are equal in the first.
type Rest<K> = (u32, K, u32);

fn sweep<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, firsts: &[Place<K>], ranks: &[u32], keep: Keep) -> Vec<u32> {
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
    let (mut run, mut own) = (Vec::new(), None);
    let (mut block, mut thirds) = (Vec::with_capacity(BLOCK), [K::default(); BLOCK]);
    for places in firsts.chunks(BLOCK) {
        block.clear();
        block.extend(places.iter().map(|place| rows.at(place.1 as usize)));
        source.gather(2, &block, &mut thirds[..places.len()]);
        for (&(first, position), &third) in places.iter().zip(&thirds) {
            if own != Some(first) {
                flush(&mut run);
                own = Some(first);
            }
            run.push((ranks[position as usize], third, position));
        }
    }
    flush(&mut run);
    front
}
