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

/// Rows sorted by group, in each group rising.
struct Grouped {
    rows: Vec<u32>,
    /// Where each group that has rows starts and ends.
    spans: Vec<(usize, usize)>,
}

impl Grouped {
    /// Sort `rows`; `place(range, slots)` is told where those of a range of positions went.
    fn new(
        rows: &[u32],
        groups: &[u32],
        num_groups: usize,
        mut place: impl FnMut(std::ops::Range<usize>, &[u32]),
    ) -> Self {
        let mut ends = vec![0_u32; num_groups];
        for &row in rows {
            ends[groups[row as usize] as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            (start, *end) = (start + *end, start);
        }
        let mut sorted = vec![0_u32; rows.len()];
        let mut slots = [0; BLOCK];
        for (block, rows) in rows.chunks(BLOCK).enumerate() {
            for (slot, &row) in slots.iter_mut().zip(rows) {
                let next = &mut ends[groups[row as usize] as usize];
                *slot = *next;
                sorted[*next as usize] = row;
                *next += 1;
            }
            place(block * BLOCK..block * BLOCK + rows.len(), &slots[..rows.len()]);
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let spans = starts.zip(ends.iter().copied()).filter(|(start, end)| start < end);
        Self { rows: sorted, spans: spans.map(|(start, end)| (start as usize, end as usize)).collect() }
    }

    /// Call `work(start, end, threads)` for each group and join what it returns.
    fn for_each<R: Clone + Send>(
        &self,
        threads: usize,
        work: &(impl Fn(usize, usize, usize) -> Vec<R> + Sync),
    ) -> Vec<R> {
        if let [(start, end)] = self.spans[..] {
            return work(start, end, threads);
        }
        let threads = threads.min(self.rows.len() / ROWS_PER_THREAD).min(self.spans.len()).max(1);
        let parts = self.spans.chunks(self.spans.len().div_ceil(threads).max(1)).collect();
        let of_part = |spans: &[(usize, usize)]| {
            let mut found = Vec::new();
            for &(start, end) in spans {
                found.extend(work(start, end, 1));
            }
            found
        };
        parallel::each(parts, of_part).concat()
    }
}

/// Call `work(rows of one group, threads)` for each group and join what it returns.
pub(super) fn for_each_group<R: Clone + Send>(
    rows: &[u32],
    options: &Options<'_>,
    threads: usize,
    work: &(impl Fn(&[u32], usize) -> Vec<R> + Sync),
) -> Vec<R> {
    let Some(groups) = options.groups else { return work(rows, threads) };
    let grouped = Grouped::new(rows, groups, options.num_groups, |_, _| {});
    grouped.for_each(threads, &|start, end, threads| work(&grouped.rows[start..end], threads))
}

/// The rows of the front of each group. None of them has a NaN, or it counts as worst.
pub(super) fn group_fronts<K: Key>(
    source: &dyn Source<K>,
    rows: &[u32],
    groups: &[u32],
    options: &Options<'_>,
    threads: usize,
) -> Vec<u32> {
    let d = source.num_objectives();
    // Row after row: each group is one place to write to.
    let mut interleaved = vec![K::default(); rows.len() * d];
    let mut keys = vec![[K::default(); BLOCK]; d];
    let grouped = Grouped::new(rows, groups, options.num_groups, |range, slots| {
        let rows = Rows::of_rising(&rows[range]);
        for (k, keys) in keys.iter_mut().enumerate() {
            rows.read(source, k, &mut keys[..slots.len()]);
        }
        for (lane, &slot) in slots.iter().enumerate() {
            for (to, keys) in interleaved[slot as usize * d..][..d].iter_mut().zip(&keys) {
                *to = keys[lane];
            }
        }
    });
    grouped.for_each(threads, &|start, end, threads| {
        let own = Interleaved { keys: &interleaved[start * d..end * d], d };
        let rows = Rows::Span { first: 0, count: (end - start) as u32 };
        let mut front = filter::front(&own, rows, options.keep, threads);
        for place in &mut front {
            *place = grouped.rows[start + *place as usize];
        }
        front
    })
}
