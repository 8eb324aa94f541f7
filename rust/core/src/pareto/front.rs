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
    fn new(rows: Rows<'_>, groups: &[u32], num_groups: usize, mut place: impl FnMut(Rows<'_>, &[u32])) -> Self {
        let mut ends = vec![0_u32; num_groups];
        rows.for_each(|row| ends[groups[row as usize] as usize] += 1);
        let mut start = 0;
        for end in &mut ends {
            (start, *end) = (start + *end, start);
        }
        let mut sorted = vec![0_u32; rows.len()];
        let mut slots = [0; BLOCK];
        for start in (0..rows.len()).step_by(BLOCK) {
            let rows = rows.part(start, BLOCK);
            for (lane, slot) in slots[..rows.len()].iter_mut().enumerate() {
                let row = rows.at(lane);
                let next = &mut ends[groups[row as usize] as usize];
                *slot = *next;
                sorted[*next as usize] = row;
                *next += 1;
            }
            place(rows, &slots[..rows.len()]);
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let spans = starts.zip(ends.iter().copied()).filter(|(start, end)| start < end);
        Self { rows: sorted, spans: spans.map(|(start, end)| (start as usize, end as usize)).collect() }
    }

    /// The groups in parts of about the same number, one per thread; all threads are left for a single group.
    fn parts(&self, threads: usize) -> (std::slice::Chunks<'_, (usize, usize)>, usize) {
        let parts = threads.min(self.rows.len() / ROWS_PER_THREAD).min(self.spans.len()).max(1);
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
    let grouped = Grouped::new(rows, groups, options.num_groups, |_, _| {});
    let (parts, inner) = grouped.parts(threads);
    let of_part = |spans: &[(usize, usize)]| {
        spans.iter().flat_map(|&(start, end)| work(&grouped.rows[start..end], inner)).collect::<Vec<R>>()
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
    // Row after row: each group is one place to write to.
    let mut interleaved = vec![K::default(); rows.len() * d];
    let mut keys = vec![[K::default(); BLOCK]; d];
    let grouped = Grouped::new(rows, groups, options.num_groups, |rows, slots| {
        for (k, keys) in keys.iter_mut().enumerate() {
            rows.read(source, k, &mut keys[..slots.len()]);
        }
        for (lane, &slot) in slots.iter().enumerate() {
            for (to, keys) in interleaved[slot as usize * d..][..d].iter_mut().zip(&keys) {
                *to = keys[lane];
            }
        }
    });
    // A flag per place: lists of rows would take four times as much.
    let mut flags = vec![0_u8; grouped.rows.len()];
    let mut rest = flags.as_mut_slice();
    let (parts, inner) = grouped.parts(threads);
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
    for (&row, &flag) in grouped.rows.iter().zip(&flags) {
        mask[row as usize] = flag;
    }
}
