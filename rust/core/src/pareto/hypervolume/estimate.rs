//! The volume by sampling, with a confidence interval: the mean of the d-th power of how far rays from the reference
//! stay inside (polar coordinates as in Deng and Zhang 2019, here with rays through the faces of the box that the
//! points span, so that no length exceeds 1 and no angle needs a sine).
//!
//! Rays go through points of a lattice rule, shifted at random 16 times per face; the spread of the 16 means is the
//! error. Points are doubled until it is small enough. Lattice and shifts depend on the seed alone, and every sum has a
//! fixed order.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use super::Options;
use super::exact::shared;
use super::lattice::multipliers;
use super::order::order;
use super::rays::{RAYS, Rays};
use super::region::Region;
use crate::error::{Error, Result};
use crate::order::sort_by;
use crate::random::philox;
use crate::simd::{dispatch, level};

/// Random shifts.
const SHIFTS: usize = 16;
/// Half the width of a 99.9 % confidence interval of a mean of 16, in standard errors (Student's t, 15 degrees).
const CONFIDENCE: f64 = 4.073;
/// Relative error of a length from three roundings to float32.
const ROUNDING: f64 = 3.0 / (1 << 24) as f64;
/// Most rays per face and shift: what the lattice is made for.
const MOST_RAYS: u32 = 1 << 20;
/// Products of a distance and a coordinate that pay for a second thread.
const WORK_PER_THREAD: f64 = 2e7;

/// How an estimate is made.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// Half the width of the 99.9 % confidence interval to reach, relative to the volume.
    pub rel_err: f64,
    /// Seed of the random shifts.
    pub seed: u64,
}

/// The volume of a region, and half the width of its 99.9 % confidence interval relative to it: what was asked for, or
/// as far as about 10^7 rays per objective lead. Dominated points change nothing.
///
/// `powers` returns for each item, a random shift and a face, the sum over a range of rays.
pub(super) fn volume(region: &Region, sampling: Sampling, powers: &mut Powers<'_>) -> Result<(f64, f64)> {
    let Sampling { rel_err, seed } = sampling;
    let d = region.columns.len();
    let floor = ROUNDING * d as f64;
    let (distances, span) = distances(region);
    let sampler = Sampler {
        d,
        orders: (0..d).map(|face| by_distance(&distances, d, face)).collect(),
        distances,
        multipliers: multipliers(d - 1),
        shifts: shifts(seed, d),
    };
    let (mut sums, mut done, mut rays) = (vec![0.0; SHIFTS], 0, RAYS as u32);
    loop {
        for (sum, faces) in sums.iter_mut().zip(powers(&sampler, done..rays)?.chunks_exact(d)) {
            *sum += faces.iter().sum::<f64>();
        }
        done = rays;
        let (mean, error) = mean_and_error(&sums, f64::from(done) * d as f64);
        let error = error / mean + floor;
        if error <= rel_err || done == MOST_RAYS {
            return Ok((mean * span, if mean > 0.0 { error } else { f64::INFINITY }));
        }
        rays *= 2;
    }
}

/// Refuse an error that sampling in float32 cannot reach.
pub(super) fn check(sampling: Sampling, d: usize) -> Result<()> {
    let least = 2.0 * ROUNDING * d as f64;
    if sampling.rel_err >= least && sampling.rel_err < 1.0 {
        return Ok(());
    }
    let got = format!("{}\nhint: method=\"exact\" has no sampling error", sampling.rel_err);
    Err(Error::value("rel_err", format!("from {least:.1e} to below 1"), got))
}

/// Distances to the reference in units of the largest of each objective, point after point, and the box that these
/// span.
fn distances(region: &Region) -> (Vec<f32>, f64) {
    let best: Vec<f64> = (0..region.columns.len())
        .map(|k| region.columns[k].iter().fold(0.0, |most: f64, value| most.max(region.reference[k] - value)))
        .collect();
    let distance = |point: u32, k: usize| (region.reference[k] - region.columns[k][point as usize]) / best[k];
    let volumes: Vec<f64> =
        (0..region.len() as u32).map(|point| (0..best.len()).map(|k| distance(point, k)).product()).collect();
    // Large boxes first; the rest then changes little. Any order gives the same lengths.
    let mut points: Vec<u32> = (0..region.len() as u32).collect();
    sort_by(&mut points, &|a, b| volumes[b as usize].total_cmp(&volumes[a as usize]));
    let distances = points.iter().flat_map(|&point| (0..best.len()).map(move |k| (point, k)));
    (distances.map(|(point, k)| distance(point, k) as f32).collect(), best.iter().product())
}

/// The points by falling distance in one objective.
fn by_distance(distances: &[f32], d: usize, face: usize) -> Vec<u32> {
    let falling: Vec<f64> = distances.iter().skip(face).step_by(d).map(|&distance| -f64::from(distance)).collect();
    order(&falling)
}

/// A shift per face and coordinate, for every one of the random shifts.
fn shifts(seed: u64, d: usize) -> Vec<u32> {
    (0..(SHIFTS * d * d) as u64).map(|index| philox(seed, index / 4)[(index % 4) as usize]).collect()
}

/// Sums of powers of the lengths of a range of rays, for every shift and in it every face.
pub type Powers<'a> = dyn FnMut(&Sampler, Range<u32>) -> Result<Vec<f64>> + 'a;

/// What rays and their lengths are made of.
pub struct Sampler {
    /// Objectives.
    pub d: usize,
    /// Distances to the reference in units of the largest of each objective, point after point.
    pub distances: Vec<f32>,
    /// For each face the points by falling distance in its objective.
    pub orders: Vec<Vec<u32>>,
    /// Multiplier of each coordinate of the lattice.
    pub multipliers: Vec<u32>,
    /// A shift per face and coordinate, for every one of the random shifts.
    pub shifts: Vec<u32>,
}

impl Sampler {
    /// The powers, computed on the CPU.
    pub(super) fn powers(&self, rays: &Range<u32>, options: &Options<'_>) -> Result<Vec<f64>> {
        let items = SHIFTS * self.d;
        let work = f64::from(rays.end - rays.start) * items as f64 * self.distances.len() as f64;
        let paid = NonZeroUsize::new((work / WORK_PER_THREAD) as usize).unwrap_or(NonZeroUsize::MIN);
        let available = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = options.threads.unwrap_or_else(available).min(paid);
        let options = Options { threads: Some(threads), ..*options };
        shared(items, self.d, &options, &AtomicBool::new(false), |_| {
            |item: usize| {
                dispatch(
                    level(),
                    Rays {
                        distances: &self.distances,
                        order: &self.orders[item % self.d],
                        multipliers: &self.multipliers,
                        shifts: &self.shifts[item * self.d..][..self.d - 1],
                        face: item % self.d,
                        blocks: rays.start / RAYS as u32..rays.end / RAYS as u32,
                    },
                )
            }
        })
    }
}

/// The mean of `sums` in units of `count` and how far it may be off.
fn mean_and_error(sums: &[f64], count: f64) -> (f64, f64) {
    let n = sums.len() as f64;
    let mean = sums.iter().sum::<f64>() / n;
    let variance = sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum::<f64>() / (n - 1.0);
    (mean / count, CONFIDENCE * (variance / n).sqrt() / count)
}
