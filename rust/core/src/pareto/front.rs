//! Groups of rows: one counting sort puts each group's rows together, then threads take groups in turn.
//!
//! For fronts the keys are put together too, if they are not too many: the table is read in its own order, and what a
//! group needs then lies in the cache.

use super::source::{Interleaved, Rows, Source};
use super::{Options, filter};
use crate::parallel;
use crate::pareto::keys::Key;

/// Below this many rows a thread costs more than it saves.
const ROWS_PER_THREAD: usize = 8192;
/// Keys of all groups may take so much; of larger tables each group reads its own.
pub(super) const MOST_KEY_BYTES: usize = 32 << 20;
/// Rows whose keys are read at once.
const BLOCK: usize = 256;

/// Where the rows of each group start when they are put together by group, in each rising.
fn starts(rows: Rows<'_>, groups: &[u32], num_groups: usize) -> Vec<u32> {
    let mut starts = vec![0_u32; num_groups];
    rows.for_each(|row| starts[groups[row as usize] as usize] += 1);
    let mut next = 0;
    for start in &mut starts {
        (next, *start) = (next + *start, next);
    }
    starts
}

/// Where the rows of each group that has some start and end.
struct Spans {
    spans: Vec<(usize, usize)>,
    num_rows: usize,
}

impl Spans {
    fn new(starts: &[u32], num_rows: usize) -> Self {
        let ends = starts.iter().copied().skip(1).chain([num_rows as u32]);
        let spans = starts.iter().copied().zip(ends).filter(|(start, end)| start < end);
        Self { spans: spans.map(|(start, end)| (start as usize, end as usize)).collect(), num_rows }
    }

    /// The groups in parts of about the same number, one per thread; all threads are left for a single group.
    fn parts(&self, threads: usize) -> (std::slice::Chunks<'_, (usize, usize)>, usize) {
        let parts = threads.min(self.num_rows / ROWS_PER_THREAD).min(self.spans.len()).max(1);
        let inner = if self.spans.len() == 1 { threads } else { 1 };
        (self.spans.chunks(self.spans.len().div_ceil(parts).max(1)), inner)
    }
}

/// Call `work(rows of one group, threads)` for each group and join what it returns.
pub(super) fn for_each_group<R: Clone + Send>(
    rows: Rows<'_>,
    options: &Options<'_>,
    threads: usize,
    work: &(impl Fn(&[u32], usize) -> Vec<R> + Sync),
) -> Vec<R> {
    let Some(groups) = options.groups else {
        return if let Rows::List(rows) = rows { work(rows, threads) } else { work(&rows.to_vec(), threads) };
    };
    let starts = starts(rows, groups, options.num_groups);
    let spans = Spans::new(&starts, rows.len());
    let (mut next, mut sorted) = (starts, vec![0_u32; rows.len()]);
    rows.for_each(|row| {
        let next = &mut next[groups[row as usize] as usize];
        sorted[*next as usize] = row;
        *next += 1;
    });
    let (parts, inner) = spans.parts(threads);
    let of_part = |spans: &[(usize, usize)]| {
        spans.iter().flat_map(|&(start, end)| work(&sorted[start..end], inner)).collect::<Vec<R>>()
    };
    parallel::each(parts.collect(), of_part).concat()
}

/// Set `mask` to 1 for the rows of the front of each group. None of them has a NaN, or it counts as worst.
pub(super) fn mark_fronts<K: Key>(
    mask: &mut [u8],
    source: &dyn Source<K>,
    rows: Rows<'_>,
    groups: &[u32],
    options: &Options<'_>,
    threads: usize,
) {
    let d = source.num_objectives();
    let starts = starts(rows, groups, options.num_groups);
    let spans = Spans::new(&starts, rows.len());
    // Row after row: each group is one place to write to.
    let mut interleaved = vec![K::default(); rows.len() * d];
    let (mut keys, mut slots) = (vec![[K::default(); BLOCK]; d], [0; BLOCK]);
    let mut next = starts.clone();
    for start in (0..rows.len()).step_by(BLOCK) {
        let rows = rows.part(start, BLOCK);
        for (k, keys) in keys.iter_mut().enumerate() {
            rows.read(source, k, &mut keys[..rows.len()]);
        }
        let slots = &mut slots[..rows.len()];
        for (lane, slot) in slots.iter_mut().enumerate() {
            let next = &mut next[groups[rows.at(lane) as usize] as usize];
            *slot = *next;
            *next += 1;
        }
        put(&mut interleaved, &keys, slots);
    }
    // A flag per place: lists of rows would take four times as much.
    let mut flags = vec![0_u8; rows.len()];
    let mut rest = flags.as_mut_slice();
    let (parts, inner) = spans.parts(threads);
    let parts = parts.map(|spans| {
        let count = spans.iter().map(|(start, end)| end - start).sum();
        (spans, rest.split_off_mut(..count).expect("spans cover all places"))
    });
    parallel::each(parts.collect(), |(spans, flags)| {
        let first = spans.first().map_or(0, |span| span.0);
        for &(start, end) in spans {
            let own = Interleaved { keys: &interleaved[start * d..end * d], d };
            let rows = Rows::Span { first: 0, count: (end - start) as u32 };
            for place in filter::front(&own, rows, options.keep, inner) {
                flags[start - first + place as usize] = 1;
            }
        }
    });
    let mut next = starts;
    rows.for_each(|row| {
        let next = &mut next[groups[row as usize] as usize];
        mask[row as usize] = flags[*next as usize];
        *next += 1;
    });
}

/// Put the keys of rows, a column per objective, where `slots` says: row after row.
fn put<K: Key>(interleaved: &mut [K], keys: &[[K; BLOCK]], slots: &[u32]) {
    match keys.len() {
        2 => put_rows::<2, K>(interleaved, keys, slots),
        3 => put_rows::<3, K>(interleaved, keys, slots),
        4 => put_rows::<4, K>(interleaved, keys, slots),
        d => {
            for (lane, &slot) in slots.iter().enumerate() {
                for (to, keys) in interleaved[slot as usize * d..][..d].iter_mut().zip(keys) {
                    *to = keys[lane];
                }
            }
        }
    }
}

fn put_rows<const D: usize, K: Key>(interleaved: &mut [K], keys: &[[K; BLOCK]], slots: &[u32]) {
    let keys: &[_; D] = keys.first_chunk().expect("there are so many objectives");
    let (places, _) = interleaved.as_chunks_mut::<D>();
    for (lane, &slot) in slots.iter().enumerate() {
        places[slot as usize] = std::array::from_fn(|k| keys[k][lane]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_row_after_row_where_slots_say() {
        for d in 1..7 {
            let keys: Vec<[i32; BLOCK]> = (0..d).map(|k| std::array::from_fn(|lane| (lane * 10 + k) as i32)).collect();
            let mut interleaved = vec![-1; 4 * d];
            put(&mut interleaved, &keys, &[2, 0, 3]);
            let row = |lane: usize| (0..d).map(move |k| (lane * 10 + k) as i32);
            let expected: Vec<i32> = row(1).chain((0..d).map(|_| -1)).chain(row(0)).chain(row(2)).collect();
            assert_eq!(interleaved, expected);
        }
    }
}
