//! The exact volume of a region, by the algorithm for its number of objectives; threads share the slices of four and
//! more.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::order::order;
use super::region::Region;
use super::slices::Slices;
use super::{Options, plane, space};
use crate::error::{Error, Result};
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
    match threads {
        Some(threads) => threads.get(),
        None if n < fewest => 1,
        None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    }
    .min(n.div_ceil(SLICES))
}

fn sliced(region: &Region, options: &Options<'_>) -> Result<f64> {
    let (d, columns) = (region.columns.len(), &region.columns);
    let order = lexicographic(region);
    let rows: Vec<f64> =
        order.iter().flat_map(|&point| columns.iter().map(move |column| column[point as usize])).collect();
    let threads = num_threads(options.threads, order.len(), d);
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let parts = parallel::each((0..threads).collect(), |_| {
        take_slices(&rows, &region.reference, &next, &|| {
            if (options.stop)() {
                stopped.store(true, Relaxed);
            }
            stopped.load(Relaxed)
        })
    });
    if stopped.into_inner() {
        return Err(Error::Interrupted);
    }
    let mut volumes = vec![0.0; order.len()];
    for (index, volume) in parts.into_iter().flatten() {
        volumes[index] = volume;
    }
    Ok(volumes.iter().sum())
}

/// The points by their last objective, equal ones by the one before and so on.
fn lexicographic(region: &Region) -> Vec<u32> {
    let Some((last, others)) = region.columns.split_last() else { return Vec::new() };
    let mut order = order(last);
    for run in order.chunk_by_mut(|&a, &b| last[a as usize] == last[b as usize]) {
        run.sort_by(|&a, &b| {
            let mut compared = others.iter().rev().map(|column| column[a as usize].total_cmp(&column[b as usize]));
            compared.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
        });
    }
    order
}

/// Compute the slices that no other thread has taken; their numbers and volumes.
fn take_slices(rows: &[f64], reference: &[f64], next: &AtomicUsize, stop: &dyn Fn() -> bool) -> Vec<(usize, f64)> {
    let d = reference.len();
    let mut slices = Slices::new(simd::level(), d);
    let (mut volumes, mut known) = (Vec::new(), 0);
    loop {
        let start = next.fetch_add(SLICES, Relaxed);
        if start * d >= rows.len() || stop() {
            return volumes;
        }
        for (index, row) in rows.chunks_exact(d).enumerate().take(start + SLICES).skip(known) {
            let (point, last) = (&row[..d - 1], row[d - 1]);
            let volume = slices.exclusive(point, reference, true, index < start);
            if index >= start {
                volumes.push((index, volume * (reference[d - 1] - last)));
            }
        }
        known = start + SLICES;
    }
}
