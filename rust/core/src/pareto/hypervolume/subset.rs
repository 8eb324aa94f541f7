//! The `k` points that together dominate most: exactly for two objectives, by lazy greedy choice above.
//!
//! In the plane the best subset whose last point is i extends a best one with one point less, and the best one to
//! extend moves to the right with i, so a divide and conquer fills a layer in n log n (Bringmann, Friedrich and Klitzke
//! 2014). The volume is submodular: taking always the point that adds most reaches 1 - 1/e of the optimum (Nemhauser,
//! Wolsey and Fisher 1978), and what a point added earlier bounds what it adds now (Minoux 1978).

use std::collections::BinaryHeap;
use std::sync::atomic::AtomicBool;

use super::super::watch::Watch;
use super::improvement::undominated;
use super::region::Region;
use super::slices::Slices;
use super::{Options, exact};
use crate::error::{Error, Result};
use crate::simd;

/// A subset and what it dominates.
#[derive(Debug, Clone, PartialEq)]
pub struct Subset {
    /// The rows, rising; those that add nothing are left out.
    pub rows: Vec<u32>,
    /// The volume that they dominate.
    pub volume: f64,
    /// No other subset of that size dominates more.
    pub optimal: bool,
    /// Rows without NaN that are not better than the reference in every objective.
    pub num_outside: usize,
}

/// At most `k` rows of `points` that dominate as much as possible below `reference`.
pub fn subset(points: &[f64], reference: &[f64], k: usize, options: &Options<'_>) -> Result<Subset> {
    let mut region = Region::new("points", points, reference, options)?.scaled(None).finite("points")?;
    region.keep(&undominated(&region));
    let optimal = k >= region.len() || k <= 1 || reference.len() <= 2;
    let mut chosen = match (k, reference.len()) {
        (0, _) => Vec::new(),
        _ if k >= region.len() => (0..region.len() as u32).collect(),
        (_, 2) if k > 1 => in_plane(&region, k),
        _ => greedy(&region, k, options)?,
    };
    chosen.sort_unstable();
    region.keep(&chosen);
    let volume = region.unscaled(exact::volume(&region, options)?);
    Ok(Subset { rows: region.rows, volume, optimal, num_outside: region.num_outside })
}

/// Positions of a front of two objectives.
fn in_plane(region: &Region, k: usize) -> Vec<u32> {
    let order = super::order::order(&region.columns[0]);
    let points: Vec<[f64; 2]> =
        order.iter().map(|&point| [0, 1].map(|k| region.reference[k] - region.columns[k][point as usize])).collect();
    let layers = Layers { points: &points };
    // Only every few layers are kept; the choices of those between are found again on the way back.
    let stride = (k as f64).sqrt().ceil() as usize;
    let mut kept = vec![points.iter().map(|[width, height]| width * height).collect::<Vec<f64>>()];
    let mut layer = kept[0].clone();
    for size in 2..=k {
        layer = layers.next(&layer, size, None);
        if (size - 1).is_multiple_of(stride) {
            kept.push(layer.clone());
        }
    }
    let best = (0..points.len()).max_by(|&a, &b| layer[a].total_cmp(&layer[b]).then(b.cmp(&a))).unwrap_or(0);
    let mut chosen = vec![best];
    for (block, first) in kept.iter().enumerate().rev() {
        let sizes = block * stride + 2..=k.min((block + 1) * stride + 1);
        let mut layer = first.clone();
        let choices: Vec<Vec<u32>> = sizes
            .map(|size| {
                let mut choice = vec![0; points.len()];
                layer = layers.next(&layer, size, Some(&mut choice));
                choice
            })
            .collect();
        for choice in choices.iter().rev() {
            chosen.push(choice[chosen[chosen.len() - 1]] as usize);
        }
    }
    chosen.into_iter().map(|position| order[position]).collect()
}

/// Best volumes of subsets by their last point.
struct Layers<'a> {
    /// Distances to the reference; the first falls, the second rises.
    points: &'a [[f64; 2]],
}

impl Layers<'_> {
    /// From the best volumes of `size - 1` points those of `size`; the point before the last goes into `choice`.
    fn next(&self, layer: &[f64], size: usize, choice: Option<&mut [u32]>) -> Vec<f64> {
        let n = self.points.len();
        let mut unwanted = Vec::new();
        let choice = choice.unwrap_or_else(|| {
            unwanted.resize(n, 0);
            &mut unwanted
        });
        let mut next = vec![f64::NEG_INFINITY; n];
        let mut spans = vec![(size - 1, n, size - 2, n)];
        while let Some((low, high, from, to)) = spans.pop() {
            if low >= high {
                continue;
            }
            let middle = usize::midpoint(low, high);
            let [width, height] = self.points[middle];
            let mut best = (f64::NEG_INFINITY, from);
            for (before, (&volume, point)) in layer.iter().zip(self.points).enumerate().take(to.min(middle)).skip(from)
            {
                let volume = volume + width * (height - point[1]);
                if volume > best.0 {
                    best = (volume, before);
                }
            }
            next[middle] = best.0;
            choice[middle] = best.1 as u32;
            spans.push((low, middle, from, best.1 + 1));
            spans.push((middle + 1, high, best.1, to));
        }
        next
    }
}

/// Positions chosen one by one.
fn greedy(region: &Region, k: usize, options: &Options<'_>) -> Result<Vec<u32>> {
    let d = region.columns.len();
    if d <= 2 {
        let volume = |point: usize| (0..d).map(|k| region.reference[k] - region.columns[k][point]).product::<f64>();
        let best = (0..region.len()).max_by(|&a, &b| volume(a).total_cmp(&volume(b)).then(b.cmp(&a)));
        return Ok(best.map(|point| vec![point as u32]).unwrap_or_default());
    }
    let stopped = AtomicBool::new(false);
    let mut watch = Watch::new(&stopped, Some(options.stop));
    let mut slices = Slices::new(simd::level(), d + 1, Watch::new(&stopped, Some(options.stop)));
    let mut row = vec![0.0; d];
    let mut waiting = BinaryHeap::with_capacity(region.len());
    for point in 0..region.len() {
        region.copy_point(point, &mut row);
        let gain = slices.exclusive(&row, &region.reference, false, false);
        waiting.push(Candidate { gain, point: std::cmp::Reverse(point as u32), seen: 0 });
    }
    let mut chosen = Vec::new();
    while let Some(mut best) = waiting.pop().filter(|best| chosen.len() < k && best.gain > 0.0) {
        if watch.stops() {
            return Err(Error::Interrupted);
        }
        region.copy_point(best.point.0 as usize, &mut row);
        if best.seen == chosen.len() {
            slices.before().push(&row);
            chosen.push(best.point.0);
        } else {
            // Rounding must not let a bound rise.
            best.gain = slices.exclusive(&row, &region.reference, false, false).min(best.gain);
            best.seen = chosen.len();
            waiting.push(best);
        }
    }
    Ok(chosen)
}

/// A point with what it added to the first `seen` chosen ones.
#[derive(PartialEq)]
struct Candidate {
    gain: f64,
    point: std::cmp::Reverse<u32>,
    seen: usize,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.gain.total_cmp(&other.gain).then(self.point.cmp(&other.point))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
