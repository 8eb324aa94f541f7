//! Groups of rows: one counting sort puts each group's rows together, then threads take groups in turn.

use super::Options;

/// Below this many rows a thread costs more than it saves.
const ROWS_PER_THREAD: usize = 8192;

/// Work on `threads` consecutive parts of `items` at once; the results in order.
fn in_parts<T: Sync, R: Send>(items: &[T], threads: usize, work: &(impl Fn(&[T]) -> R + Sync)) -> Vec<R> {
    if threads <= 1 {
        return vec![work(items)];
    }
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(threads).max(1));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread of the front panicked")).collect()
    })
}

/// Call `work(rows of one group, threads)` for each group and join what it returns.
pub(super) fn for_each_group<R: Clone + Send>(
    rows: &[u32],
    options: &Options<'_>,
    threads: usize,
    work: &(impl Fn(&[u32], usize) -> Vec<R> + Sync),
) -> Vec<R> {
    let Some(groups) = options.groups else { return work(rows, threads) };
    let mut ends = vec![0_u32; options.num_groups];
    for &row in rows {
        ends[groups[row as usize] as usize] += 1;
    }
    let mut start = 0;
    for end in &mut ends {
        (start, *end) = (start + *end, start);
    }
    let mut sorted = vec![0_u32; rows.len()];
    for &row in rows {
        let next = &mut ends[groups[row as usize] as usize];
        sorted[*next as usize] = row;
        *next += 1;
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let spans: Vec<_> = starts.zip(ends.iter().copied()).filter(|(start, end)| start < end).collect();
    if spans.len() == 1 {
        return work(&sorted, threads);
    }
    let threads = threads.min(rows.len() / ROWS_PER_THREAD).min(spans.len());
    let parts = in_parts(&spans, threads, &|spans| {
        spans.iter().flat_map(|&(start, end)| work(&sorted[start as usize..end as usize], 1)).collect::<Vec<_>>()
    });
    parts.concat()
}
