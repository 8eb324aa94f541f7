//! One and two objectives: sorted by the first, a row is on the front if its second one is the best so far.
//!
//! O(n log n), and 20 bytes per row. Threads take ranges of the first objective; what the ranges before left as best
//! cuts a range's own front short.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::sorted::{BLOCK, Place, keyed, ranges, sort};
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

/// Two objectives.
pub(super) fn plane<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    if threads < 2 || rows.len() < 2 * ROWS_PER_THREAD {
        return sweep(source, rows, &spread::places(source, 0, rows), keep);
    }
    let mut places = keyed(source, 0, rows);
    let ranges = ranges(&mut places, threads.min(rows.len() / ROWS_PER_THREAD).max(1), |place| place.0);
    let fronts = parallel::each(ranges, |places| {
        sort(places);
        sweep(source, rows, places, keep)
    });
    drop(places);
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

/// The front of a range of sorted places.
fn sweep<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, places: &[Place<K>], keep: Keep) -> Vec<u32> {
    let (mut front, mut best) = (Vec::new(), None);
    // The rows with the least second key of those with one first key.
    let (mut least, mut equal): (Option<(K, K)>, Vec<u32>) = (None, Vec::new());
    let mut flush = |least: Option<(K, K)>, equal: &mut Vec<u32>| {
        if let Some((_, second)) = least
            && best.is_none_or(|best| second < best)
        {
            best = Some(second);
            equal.sort_unstable();
            push_kept(&mut front, equal.iter().copied(), keep);
        }
        equal.clear();
    };
    let (mut block, mut seconds) = (Vec::with_capacity(BLOCK), [K::default(); BLOCK]);
    for places in places.chunks(BLOCK) {
        block.clear();
        block.extend(places.iter().map(|place| rows.at(place.1 as usize)));
        source.gather(1, &block, &mut seconds[..places.len()]);
        for ((&(first, _), &row), &second) in places.iter().zip(&block).zip(&seconds) {
            match least {
                Some((own, best)) if own == first && best < second => continue,
                Some((own, best)) if own == first && best > second => equal.clear(),
                Some((own, _)) if own == first => {}
                _ => flush(least, &mut equal),
            }
            least = Some((first, second));
            equal.push(row);
        }
    }
    flush(least, &mut equal);
    front
}
