//! The exact volume of a region, by the algorithm for its number of objectives; threads share the slices of four and
//! more.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::super::watch::Watch;
use super::four::Climb;
use super::order::order as positions;
use super::region::Region;
use super::slices::Slices;
use super::{Options, plane, space};
use crate::error::{Error, Result};
use crate::order::sort_by;
use crate::{parallel, simd};

/// Slices that a thread takes at once.
const SLICES: usize = 8;
/// Fewer points than this per number of objectives are not worth a second thread.
const FEWEST_POINTS: [usize; 5] = [400, 150, 60, 40, 24];

/// The volume, in the units of the region.
pub(super) fn volume(region: &Region, options: &Options<'_>) -> Result<f64> {
    match region.columns.len() {
        _ if region.len() == 0 => Ok(0.0),
        1 => Ok(plane::line(region)),
        2 => Ok(plane::area(region)),
        3 => Ok(space::volume(region)),
        _ => sliced(region, options),
    }
}

/// How many threads share the slices of `n` points.
pub(super) fn num_threads(threads: Option<NonZeroUsize>, n: usize, d: usize) -> usize {
    let fewest = FEWEST_POINTS[(d.max(4) - 4).min(FEWEST_POINTS.len() - 1)];
    if n < fewest {
        return 1;
    }
    threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get).min(n.div_ceil(SLICES))
}

fn sliced(region: &Region, options: &Options<'_>) -> Result<f64> {
    let (d, columns) = (region.columns.len(), &region.columns);
    let order = lexicographic(region);
    if let Ok(&far) = <&[f64; 4]>::try_from(&region.reference[..]) {
        return in_four(region, &order, far, options);
    }
    let rows: Vec<f64> =
        order.iter().flat_map(|&point| columns.iter().map(move |column| column[point as usize])).collect();
    let volumes = shared(order.len(), d, options, &AtomicBool::new(false), |watch| Slicer {
        slices: Slices::new(simd::level(), d, watch),
        rows: &rows,
        reference: &region.reference,
    })?;
    Ok(volumes.iter().sum())
}

/// The volume of four objectives of points in `order`.
fn in_four(region: &Region, order: &[u32], far: [f64; 4], options: &Options<'_>) -> Result<f64> {
    let row = |&point: &u32| [0, 1, 2, 3].map(|k| region.columns[k][point as usize]);
    let rows: Vec<[f64; 4]> = order.iter().map(row).collect();
    let thirds: Vec<f64> = rows.iter().map(|row| row[2]).collect();
    let mut ranks = vec![0; rows.len()];
    for (rank, item) in positions(&thirds).into_iter().enumerate() {
        ranks[item as usize] = rank as u32;
    }
    let start = |_: Watch<'_>| Climb::new(simd::level(), &rows, &ranks, far);
    Ok(shared(rows.len(), 4, options, &AtomicBool::new(false), start)?.iter().sum())
}

impl Worker for Climb<'_> {
    fn work(&mut self, item: usize) -> f64 {
        self.next(item, false)
    }

    fn skip(&mut self, item: usize) {
        self.next(item, true);
    }
}

/// What each point adds to those before it.
struct Slicer<'a> {
    slices: Slices<'a>,
    rows: &'a [f64],
    reference: &'a [f64],
}

impl Slicer<'_> {
    fn next(&mut self, item: usize, skip: bool) -> f64 {
        let d = self.reference.len();
        let (row, last) = (&self.rows[item * d..][..d - 1], self.rows[item * d + d - 1]);
        self.slices.exclusive(row, self.reference, true, skip) * (self.reference[d - 1] - last)
    }
}

impl Worker for Slicer<'_> {
    fn work(&mut self, item: usize) -> f64 {
        self.next(item, false)
    }

    fn skip(&mut self, item: usize) {
        self.next(item, true);
    }
}

/// The points by their last objective, equal ones by the one before and so on.
pub(super) fn lexicographic(region: &Region) -> Vec<u32> {
    let Some((last, others)) = region.columns.split_last() else { return Vec::new() };
    let mut order = positions(last);
    for run in order.chunk_by_mut(|&a, &b| last[a as usize] == last[b as usize]) {
        sort_by(run, &|a, b| {
            let mut compared = others.iter().rev().map(|column| column[a as usize].total_cmp(&column[b as usize]));
            compared.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
        });
    }
    order
}

/// What each of `n` items comes to, in their order; threads take a few at a time from a queue.
///
/// Every thread has a worker of its own, which sees all items in order up to the last one that it takes.
pub(super) fn shared<'a, W: Worker>(
    n: usize,
    d: usize,
    options: &Options<'a>,
    stopped: &'a AtomicBool,
    start: impl Fn(Watch<'a>) -> W + Sync,
) -> Result<Vec<f64>> {
    let next = AtomicUsize::new(0);
    let parts = parallel::each((0..num_threads(options.threads, n, d)).collect(), |thread| {
        let ask = (thread == 0).then_some(options.stop);
        let (mut worker, mut found, mut seen) = (start(Watch::new(stopped, ask)), Vec::new(), 0);
        let mut watch = Watch::new(stopped, ask);
        loop {
            let first = next.fetch_add(SLICES, Relaxed);
            if first >= n || watch.stops() {
                return found;
            }
            (seen..first).for_each(|item| worker.skip(item));
            found.extend((first..n.min(first + SLICES)).map(|item| (item, worker.work(item))));
            seen = first + SLICES;
        }
    });
    if stopped.load(Relaxed) {
        return Err(Error::Interrupted);
    }
    let mut values = vec![0.0; n];
    for (item, value) in parts.into_iter().flatten() {
        values[item] = value;
    }
    Ok(values)
}

/// What a thread does with the items.
pub(super) trait Worker {
    /// Compute the value of one item.
    fn work(&mut self, item: usize) -> f64;
    /// Another thread computes this one.
    fn skip(&mut self, _item: usize) {}
}

/// A worker for which the items before do not matter.
impl<F: FnMut(usize) -> f64> Worker for F {
    fn work(&mut self, item: usize) -> f64 {
        self(item)
    }
}
