//! The values of one draw of all rows: given, normal around a mean, or a statistic of resampled measurements.

use super::super::NanPolicy;
use super::normal::{normals, words};
use crate::error::{Error, Result};

/// What is made of the resampled measurements of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The value below which this share lies, interpolated between neighbors.
    Quantile(f64),
}

/// Where the values of a draw come from; every matrix in C order.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Values of (draw, row, objective).
    Samples(&'a [f64]),
    /// Independent rows of independent normal objectives.
    Normal {
        /// Means of (row, objective).
        mean: &'a [f64],
        /// Standard deviations of (row, objective).
        std: &'a [f64],
        /// Key of the random numbers.
        seed: u64,
    },
    /// Independent rows of jointly normal objectives.
    Joint {
        /// Means of (row, objective).
        mean: &'a [f64],
        /// Lower triangular roots of the covariances, of (row, objective, objective).
        root: &'a [f64],
        /// Key of the random numbers.
        seed: u64,
    },
    /// Measurements of each row, drawn again with replacement.
    Measured {
        /// Values of (measurement, objective), row after row.
        values: &'a [f64],
        /// Where the measurements of each row begin, and the end of the last.
        offsets: &'a [i64],
        /// What is made of them.
        statistic: Statistic,
        /// Key of the random numbers.
        seed: u64,
    },
}

/// Room for the random numbers of a draw.
#[derive(Default)]
pub(super) struct Scratch {
    normals: Vec<f64>,
    words: Vec<u32>,
    sorted: Vec<f64>,
}

impl Source<'_> {
    pub(super) fn check(&self, n: usize, d: usize, num_draws: usize, nan: NanPolicy) -> Result<()> {
        let length = |argument, got: usize, expected: usize| {
            if got == expected {
                return Ok(());
            }
            Err(Error::shape(argument, format!("({expected},) when flat"), format!("({got},)")))
        };
        let free_of_nan = |argument, values: &[f64]| match values.iter().position(|value| value.is_nan()) {
            Some(at) => {
                let hint = "hint: nan=\"drop\" leaves such a row out of its draw, nan=\"worst\" ranks NaN last";
                let hint = if argument == "samples" { format!("\n{hint}") } else { String::new() };
                Err(Error::value(argument, "free of NaN", format!("NaN at flat index {at}{hint}")))
            }
            None => Ok(()),
        };
        match *self {
            Source::Samples(samples) => {
                length("samples", samples.len(), num_draws * n * d)?;
                if nan == NanPolicy::Raise { free_of_nan("samples", samples) } else { Ok(()) }
            }
            Source::Normal { mean, std, .. } => {
                length("mean", mean.len(), n * d)?;
                length("std", std.len(), n * d)?;
                free_of_nan("mean", mean)?;
                match std.iter().find(|value| !(**value >= 0.0 && value.is_finite())) {
                    Some(bad) => Err(Error::value("std", "finite and not negative", bad)),
                    None => Ok(()),
                }
            }
            Source::Joint { mean, root, .. } => {
                length("mean", mean.len(), n * d)?;
                length("cov", root.len(), n * d * d)?;
                free_of_nan("mean", mean)?;
                free_of_nan("cov", root)
            }
            Source::Measured { values, offsets, statistic, .. } => {
                length("offsets", offsets.len(), n + 1)?;
                let rising = offsets.first().is_none_or(|&first| first == 0)
                    && offsets.windows(2).all(|pair| pair[0] < pair[1])
                    && offsets.last().is_none_or(|&last| last as usize * d == values.len());
                if !rising {
                    let expected = "rising from 0 to the number of measurements, with 1 measurement or more per row";
                    return Err(Error::value("offsets", expected, "other ones"));
                }
                if let Statistic::Quantile(share) = statistic
                    && !(0.0..=1.0).contains(&share)
                {
                    return Err(Error::value("statistic", "a quantile from 0 to 1", share));
                }
                free_of_nan("measurements", values)
            }
        }
    }

    /// Call `put(position, objective, value)` with the values of draw `draw` of some rows, each with its position.
    #[inline(always)]
    pub(super) fn draw(
        &self,
        draw: usize,
        n: usize,
        d: usize,
        rows: impl Iterator<Item = (usize, usize)>,
        scratch: &mut Scratch,
        mut put: impl FnMut(usize, usize, f64),
    ) {
        match *self {
            Source::Samples(samples) => {
                let own = &samples[draw * n * d..][..n * d];
                for (row, at) in rows {
                    own[row * d..][..d].iter().enumerate().for_each(|(k, &value)| put(at, k, value));
                }
            }
            Source::Normal { mean, std, seed } => {
                let z = scratch.normals(n * d, draw, seed);
                for (row, at) in rows {
                    for k in 0..d {
                        put(at, k, mean[row * d + k] + std[row * d + k] * z[row * d + k]);
                    }
                }
            }
            Source::Joint { mean, root, seed } => {
                let z = scratch.normals(n * d, draw, seed);
                for (row, at) in rows {
                    for k in 0..d {
                        let root = &root[(row * d + k) * d..][..=k];
                        let moved: f64 = root.iter().zip(&z[row * d..]).map(|(root, z)| root * z).sum();
                        put(at, k, mean[row * d + k] + moved);
                    }
                }
            }
            Source::Measured { values, offsets, statistic, seed } => {
                let total = values.len() / d;
                scratch.words.resize(total, 0);
                words(&mut scratch.words, seed, (draw * total.div_ceil(4)) as u64);
                for (row, at) in rows {
                    let (first, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                    let own = &values[first * d..end * d];
                    let chosen = &scratch.words[first..end];
                    if statistic == Statistic::Mean {
                        mean_of(own, chosen, d, |k, value| put(at, k, value));
                    } else {
                        quantile_of(own, chosen, d, statistic, &mut scratch.sorted, |k, value| put(at, k, value));
                    }
                }
            }
        }
    }
}

impl Scratch {
    fn normals(&mut self, count: usize, draw: usize, seed: u64) -> &[f64] {
        self.normals.resize(count, 0.0);
        normals(&mut self.normals, seed, (draw * count.div_ceil(4)) as u64);
        &self.normals
    }
}

/// The measurement that a word chooses among `count`.
#[inline(always)]
fn choose(word: u32, count: usize) -> usize {
    (u64::from(word) * count as u64 >> 32) as usize
}

#[inline(always)]
fn mean_of(own: &[f64], chosen: &[u32], d: usize, mut put: impl FnMut(usize, f64)) {
    match d {
        2 => fixed_mean::<2>(own, chosen, put),
        3 => fixed_mean::<3>(own, chosen, put),
        4 => fixed_mean::<4>(own, chosen, put),
        _ => {
            let count = chosen.len();
            for k in 0..d {
                let sum: f64 = chosen.iter().map(|&word| own[choose(word, count) * d + k]).sum();
                put(k, sum / count as f64);
            }
        }
    }
}

#[inline(always)]
fn fixed_mean<const D: usize>(own: &[f64], chosen: &[u32], mut put: impl FnMut(usize, f64)) {
    let (own, _) = own.as_chunks::<D>();
    // As a sum of floats begins.
    let mut sums = [-0.0; D];
    for &word in chosen {
        for (sum, value) in sums.iter_mut().zip(&own[choose(word, own.len())]) {
            *sum += value;
        }
    }
    for (k, sum) in sums.iter().enumerate() {
        put(k, sum / chosen.len() as f64);
    }
}

fn quantile_of(
    own: &[f64],
    chosen: &[u32],
    d: usize,
    statistic: Statistic,
    sorted: &mut Vec<f64>,
    mut put: impl FnMut(usize, f64),
) {
    let count = chosen.len();
    for k in 0..d {
        sorted.clear();
        sorted.extend(chosen.iter().map(|&word| own[choose(word, count) * d + k]));
        sorted.sort_unstable_by(f64::total_cmp);
        let value = match statistic {
            Statistic::Quantile(share) => {
                let place = share * (count - 1) as f64;
                let low = place.floor();
                let (a, b) = (sorted[low as usize], sorted[(low as usize + 1).min(count - 1)]);
                between(a, b, place - low)
            }
            _ if count % 2 == 1 => sorted[count / 2],
            _ => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        };
        put(k, value);
    }
}

/// A share of the way from `a` to `b`; `a` and `b` themselves at the ends, also if they are infinite.
fn between(a: f64, b: f64, share: f64) -> f64 {
    if share <= 0.0 || a >= b {
        a
    } else if share < 0.5 {
        a + (b - a) * share
    } else {
        b - (b - a) * (1.0 - share)
    }
}
