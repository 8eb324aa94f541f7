//! Time of decode attention, compiled so that a stretch of pure decode has a closed form.
//!
//! The grid holds nanoseconds by (number of decodes, mean context). It is bilinear between its points, hence for a
//! fixed number of decodes piecewise linear in the mean context, which grows by one token with each step: the sum over
//! a stretch is a sum of arithmetic series, one per piece. Below the first context it is constant, above the last it
//! goes on with the slope of the last piece; likewise in the number of decodes.

use super::curve::check_axis;
use crate::{Error, Result};

/// Nanoseconds of decode attention by (number of decodes, mean context).
#[derive(Debug, Clone, PartialEq)]
pub struct Decode {
    counts: Vec<f64>,
    contexts: Vec<f64>,
    /// `counts.len()` rows of `contexts.len()`.
    values: Vec<f64>,
}

/// One piece of a fixed number of decodes: `level + slope * mean context`, valid up to a mean context of `end`.
struct Piece {
    level: f64,
    slope: f64,
    end: f64,
}

impl Decode {
    /// `values` in C order, one row per count; axes must increase strictly.
    pub fn new(counts: Vec<f64>, contexts: Vec<f64>, values: Vec<f64>) -> Result<Self> {
        if counts.is_empty() || contexts.is_empty() || values.len() != counts.len() * contexts.len() {
            let expected = format!("({}, {}), both at least 1", counts.len(), contexts.len());
            return Err(Error::shape("values", expected, format!("({},)", values.len())));
        }
        check_axis("counts", &counts)?;
        check_axis("contexts", &contexts)?;
        if let Some(bad) = values.iter().find(|value| !value.is_finite() || **value < 0.0) {
            return Err(Error::value("values", "finite and not negative", bad));
        }
        Ok(Self { counts, contexts, values })
    }

    /// The decode time of `value(count, context)` on the axes.
    pub fn sample(counts: &[f64], contexts: &[f64], mut value: impl FnMut(f64, f64) -> f64) -> Result<Self> {
        let mut values = Vec::with_capacity(counts.len() * contexts.len());
        for count in counts {
            values.extend(contexts.iter().map(|context| value(*count, *context)));
        }
        Self::new(counts.to_vec(), contexts.to_vec(), values)
    }

    /// Nanoseconds of one step of `n` decodes of mean context `mean`.
    pub fn at(&self, n: f64, mean: f64) -> f64 {
        if n <= 0.0 {
            return 0.0;
        }
        self.piece(self.row(n), self.index(mean)).at(mean)
    }

    /// Nanoseconds of `steps` steps in a row, the first at mean context `mean`: O(pieces crossed).
    pub fn run(&self, n: f64, mean: f64, steps: u64) -> f64 {
        let (mut total, mut done) = (0.0, 0);
        if n <= 0.0 {
            return total;
        }
        let row = self.row(n);
        let mut index = self.index(mean);
        while done < steps {
            let piece = self.piece(row, index);
            let count = piece.steps_left(mean + done as f64).min(steps - done);
            total += piece.series(mean + done as f64, count);
            done += count;
            index += 1;
        }
        total
    }

    /// Index of the lower row and weight of the upper one; the weight passes 1 beyond the last count.
    fn row(&self, n: f64) -> (usize, f64) {
        let last = self.counts.len() - 1;
        if last == 0 || n <= self.counts[0] {
            return (0, 0.0);
        }
        let i = self.counts.partition_point(|count| *count <= n).clamp(1, last) - 1;
        (i, (n - self.counts[i]) / (self.counts[i + 1] - self.counts[i]))
    }

    /// Piece that holds a mean context: 0 below the first knot, the number of knots above the last.
    fn index(&self, mean: f64) -> usize {
        self.contexts.partition_point(|context| *context <= mean)
    }

    fn value(&self, (i, weight): (usize, f64), knot: usize) -> f64 {
        let lower = self.values[i * self.contexts.len() + knot];
        if weight == 0.0 {
            return lower;
        }
        let upper = self.values[(i + 1) * self.contexts.len() + knot];
        // Extrapolated beyond the last count, noise could cross zero.
        (lower + weight * (upper - lower)).max(0.0)
    }

    fn piece(&self, row: (usize, f64), index: usize) -> Piece {
        let last = self.contexts.len() - 1;
        if index == 0 || last == 0 {
            let end = if index == 0 { self.contexts[0] } else { f64::INFINITY };
            return Piece { level: self.value(row, 0), slope: 0.0, end };
        }
        let upper = index.min(last);
        let (x0, x1) = (self.contexts[upper - 1], self.contexts[upper]);
        let (y0, y1) = (self.value(row, upper - 1), self.value(row, upper));
        let mut slope = (y1 - y0) / (x1 - x0);
        if index > last {
            slope = slope.max(0.0);
            return Piece { level: y1 - slope * x1, slope, end: f64::INFINITY };
        }
        Piece { level: y0 - slope * x0, slope, end: x1 }
    }
}

impl Piece {
    fn at(&self, mean: f64) -> f64 {
        self.level + self.slope * mean
    }

    /// Steps from `start` on whose mean context is below the end of the piece.
    fn steps_left(&self, start: f64) -> u64 {
        if self.end.is_infinite() { u64::MAX } else { (self.end - start).max(0.0).ceil() as u64 }
    }

    /// Sum over `count` steps from `start` on.
    fn series(&self, start: f64, count: u64) -> f64 {
        let count = count as f64;
        count * (self.at(start) + self.slope * (count - 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Decode {
        let f = |n: f64, context: f64| 5.0 + 0.1 * n + 0.01 * n * context + (n * context).sqrt();
        Decode::sample(&[1.0, 2.0, 8.0, 64.0], &[16.0, 64.0, 100.0, 1000.0], f).unwrap()
    }

    #[test]
    fn a_run_is_the_sum_of_its_steps() {
        let decode = example();
        for (n, mean, steps) in [(1.0, 3.5, 5000), (5.0, 64.0, 37), (100.0, 999.3, 2), (64.0, 0.0, 1200), (3.0, 7.0, 0)]
        {
            let sum: f64 = (0..steps).map(|t| decode.at(n, mean + f64::from(t))).sum();
            let run = decode.run(n, mean, u64::try_from(steps).unwrap());
            assert!((run - sum).abs() <= 1e-9 * sum, "{run} {sum}");
        }
    }

    #[test]
    fn beyond_the_axes_it_goes_on() {
        let decode = Decode::sample(&[1.0, 2.0], &[10.0, 20.0], |n, context| n * context).unwrap();
        assert!((decode.at(4.0, 40.0) - 160.0).abs() < 1e-9);
        assert!((decode.at(1.0, 2.0) - 10.0).abs() < 1e-9);
        assert!(decode.at(0.0, 40.0) == 0.0);
    }
}
