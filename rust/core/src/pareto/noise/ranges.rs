//! Between which values a row stays over all draws, known before the first one.
//!
//! Ends are computed as a draw computes its values, and rounding never turns an order round: no value is beyond them.

use super::super::keys::{Key, key};
use super::Draws;
use super::draws::{Source, Statistic};
use super::strike::Grid;
use crate::simd::{Kernel, dispatch, level};

/// No normal number is beyond, see `normal`.
const LARGEST_NORMAL: f64 = 6.8;
/// Ends that are further away from 0 are not trusted: interpolation between such values may overflow.
const LARGEST: f64 = 1e307;

/// Of every row, objective by objective.
pub(super) struct Ranges {
    /// Keys of the ends.
    pub(super) best: Vec<i64>,
    pub(super) worst: Vec<i64>,
    /// The middle in units of the mean length of a range, where smaller is better; a guess if the range has no ends.
    pub(super) middle: Vec<f64>,
    /// The smallest and the largest value of each objective of row after row; not finite if they are not known.
    ends: Vec<(f64, f64)>,
}

fn known(&(low, high): &(f64, f64)) -> bool {
    low.abs() < LARGEST && high.abs() < LARGEST
}

impl Ranges {
    pub(super) fn new(draws: &Draws<'_>) -> Self {
        let (n, d) = (draws.num_rows, draws.d());
        let mut own = Self { best: Vec::new(), worst: Vec::new(), middle: Vec::new(), ends: ends(draws) };
        for (k, &maximize) in draws.maximize.iter().enumerate() {
            let column = || own.ends.iter().skip(k).step_by(d);
            let length: f64 = column().filter(|ends| known(ends)).map(|(low, high)| high - low).sum();
            // Where nothing varies, who is ahead stays ahead.
            let scale = (length / n as f64).max(1e-100).recip() * if maximize { -1.0 } else { 1.0 };
            for ends in column() {
                let (low, high) = (key(ends.0, maximize), key(ends.1, maximize));
                let (best, worst) = if known(ends) { (low.min(high), low.max(high)) } else { (i64::MIN, i64::NAN) };
                own.best.push(best);
                own.worst.push(worst);
                own.middle.push(f64::midpoint(ends.0, ends.1) * scale);
            }
        }
        own
    }

    /// For the values of some rows the finest cells of each objective.
    pub(super) fn grids(&self, draws: &Draws<'_>, groups: &[Vec<u32>]) -> Vec<Grid> {
        let d = draws.d();
        let grid = |(k, &maximize): (usize, &bool)| {
            let ends = groups.iter().flatten().map(|&row| &self.ends[row as usize * d + k]);
            let both = |all: (f64, f64), ends: &(f64, f64)| (all.0.min(ends.0), all.1.max(ends.1));
            Grid::new(ends.filter(|ends| known(ends)).fold((f64::INFINITY, f64::NEG_INFINITY), both), maximize)
        };
        draws.maximize.iter().enumerate().map(grid).collect()
    }
}

/// The smallest and the largest value of each objective of row after row; not finite if they are not known.
fn ends(draws: &Draws<'_>) -> Vec<(f64, f64)> {
    let (n, d) = (draws.num_rows, draws.d());
    match draws.source {
        Source::Samples(samples) => {
            let (mut low, mut high) = (vec![f64::INFINITY; n * d], vec![f64::NEG_INFINITY; n * d]);
            for draw in samples.chunks_exact((n * d).max(1)) {
                dispatch(level(), Widen { low: &mut low, high: &mut high, draw });
            }
            low.into_iter().zip(high).collect()
        }
        Source::Normal { mean, std, .. } => {
            let ends = |(mean, std): (&f64, &f64)| (mean - std * LARGEST_NORMAL, mean + std * LARGEST_NORMAL);
            mean.iter().zip(std).map(ends).collect()
        }
        Source::Joint { mean, root, .. } => {
            let moved = |root: &[f64]| root.iter().map(|root| root.abs() * LARGEST_NORMAL).sum::<f64>();
            let rows = mean.iter().zip(root.chunks_exact(d)).enumerate();
            rows.map(|(at, (mean, root))| (mean, moved(&root[..=at % d])))
                .map(|(mean, by)| (mean - by, mean + by))
                .collect()
        }
        Source::Measured { values, offsets, statistic, .. } => {
            let mut ends = Vec::with_capacity(n * d);
            for row in offsets.windows(2) {
                let own = &values[row[0] as usize * d..row[1] as usize * d];
                let count = own.len() / d;
                for k in 0..d {
                    let column = || own.iter().copied().skip(k).step_by(d);
                    let extremes = (column().fold(f64::INFINITY, f64::min), column().fold(f64::NEG_INFINITY, f64::max));
                    let mean = |value: f64| (0..count).map(|_| value).sum::<f64>() / count as f64;
                    ends.push(match statistic {
                        Statistic::Mean => (mean(extremes.0), mean(extremes.1)),
                        Statistic::Median | Statistic::Quantile(_) => extremes,
                    });
                }
            }
            ends
        }
    }
}

/// Makes ends wider where a value is beyond them.
struct Widen<'a> {
    low: &'a mut [f64],
    high: &'a mut [f64],
    draw: &'a [f64],
}

impl Kernel for Widen<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((low, high), &value) in self.low.iter_mut().zip(self.high).zip(self.draw) {
            // A NaN stays.
            *low = if value < *low || value.is_nan() { value } else { *low };
            *high = if value > *high || value.is_nan() { value } else { *high };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::NanPolicy;
    use super::super::reader::Reader;
    use super::*;

    #[test]
    fn no_draw_leaves_the_ranges() {
        let (n, d, maximize) = (9, 2, [false, true]);
        let values: Vec<f64> =
            (0..n * 4 * d).map(|index| f64::from(crate::random::word(8, index as u64)) - 2e9).collect();
        let offsets: Vec<i64> = (0..=n as i64).map(|row| row * 4).collect();
        let measured = |statistic| Source::Measured { values: &values, offsets: &offsets, statistic, seed: 4 };
        let (mean, std) = (&values[..n * d], &values[n * d..n * d * 2].iter().map(|std| std.abs()).collect::<Vec<_>>());
        let sources = [
            measured(Statistic::Mean),
            measured(Statistic::Quantile(0.7)),
            measured(Statistic::Median),
            Source::Normal { mean, std, seed: 5 },
            Source::Joint { mean, root: &values[..n * d * d], seed: 6 },
            Source::Samples(&values),
        ];
        for source in sources {
            let num_draws = if let Source::Samples(_) = source { 4 } else { 500 };
            let (nan, stop) = (NanPolicy::Raise, &|| false);
            let draws = Draws { source, num_rows: n, num_draws, maximize: &maximize, nan, threads: None, stop };
            let ranges = Ranges::new(&draws);
            let mut reader = Reader::new(&draws);
            for draw in 0..num_draws {
                reader.read(draw);
                for (at, key) in reader.keys().iter().enumerate() {
                    assert!((ranges.best[at]..=ranges.worst[at]).contains(key), "{source:?}");
                }
            }
        }
    }

    #[test]
    fn a_value_that_is_not_finite_may_be_anything() {
        let samples = [1.0, f64::NAN, 2.0, 2.0, f64::INFINITY, 3.0];
        let (source, nan, stop) = (Source::Samples(&samples), NanPolicy::Worst, &|| false);
        let draws = Draws { source, num_rows: 3, num_draws: 2, maximize: &[false], nan, threads: None, stop };
        let ranges = Ranges::new(&draws);
        assert_eq!(ranges.best, [key(1.0, false), i64::MIN, key(2.0, false)]);
        assert_eq!(ranges.worst, [key(2.0, false), i64::NAN, key(3.0, false)]);
    }
}
