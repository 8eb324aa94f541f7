//! Which row's next measurement would tell most about who is on the front.
//!
//! The doubt about the front is the sum of the variances p (1 - p) of the rows' memberships. What a measurement of a
//! row takes from it is estimated by linear regression of the memberships on the row's values over the draws: the
//! adjusted variance of Bayes linear statistics (Goldstein and Wooff 2007), less what regression explains by chance.

use super::Draws;
use super::members::each_front;
use super::reader::Reader;
use crate::error::{Error, Result};
use crate::parallel::each;

/// Fill `gain` with the doubt that one more measurement of each row is expected to take away, and `counts` with the
/// draws on whose front the row is; `measured` says how many measurements the draws of a row rest on.
///
/// # Errors
/// If a length does not fit, a value is not allowed, or there are not enough draws for a regression.
pub fn informative(gain: &mut [f64], counts: &mut [i64], draws: &Draws<'_>, measured: &[f64]) -> Result<()> {
    draws.check()?;
    let (n, d, num_draws) = (draws.num_rows, draws.d(), draws.num_draws);
    if [gain.len(), counts.len(), measured.len()] != [n; 3] {
        return Err(Error::shape("measured", format!("({n},)"), format!("({},)", measured.len())));
    }
    if num_draws < d + 3 {
        return Err(Error::value("num_samples", format!("at least {} for {d} objectives", d + 3), num_draws));
    }
    if let Some(bad) = measured.iter().find(|value| !(**value > 0.0 && value.is_finite())) {
        return Err(Error::value("measured", "positive and finite", bad));
    }
    let fronts = all_fronts(draws)?;
    counts.fill(0);
    for &row in fronts.iter().flatten() {
        counts[row as usize] += 1;
    }
    // Who is never on the front does not decide who is: another one dominates whatever it does.
    let candidates: Vec<u32> = (0..n as u32).filter(|&row| counts[row as usize] > 0).collect();
    let open: Vec<u32> = candidates.iter().copied().filter(|&row| counts[row as usize] < num_draws as i64).collect();
    let moments = Moments::new(draws, &candidates);
    let threads = draws.num_threads().min(open.len()).max(1);
    let parts: Vec<Vec<u32>> =
        (0..threads).map(|thread| open.iter().copied().skip(thread).step_by(threads).collect()).collect();
    let mut explained: Vec<(u32, Vec<f64>)> =
        each(parts, |open| moments.explained(draws, &fronts, &candidates, &open, counts)).concat();
    explained.sort_unstable_by_key(|(row, _)| *row);
    gain.fill(0.0);
    for (_, shares) in &explained {
        for (&row, share) in candidates.iter().zip(shares) {
            gain[row as usize] += share / (1.0 + measured[row as usize]);
        }
    }
    Ok(())
}

/// The rows of the front of every draw.
fn all_fronts(draws: &Draws<'_>) -> Result<Vec<Vec<u32>>> {
    let rows: Vec<u32> = (0..draws.num_rows as u32).collect();
    let parts = each_front(draws, &[rows], |own: &mut Vec<(usize, u32)>, draw, row| own.push((draw, row)))?;
    let mut fronts = vec![Vec::new(); draws.num_draws];
    for (draw, row) in parts.into_iter().flatten() {
        fronts[draw].push(row);
    }
    Ok(fronts)
}

/// Mean and spread of the candidates' values over the draws.
struct Moments {
    mean: Vec<f64>,
    /// Lower triangular roots of the covariances; a direction without spread has zeros.
    root: Vec<f64>,
}

impl Moments {
    fn new(draws: &Draws<'_>, candidates: &[u32]) -> Self {
        let d = draws.d();
        let mut mean = vec![0.0; candidates.len() * d];
        let mut reader = Reader::new(draws);
        let mut own = vec![0.0; mean.len()];
        let weight = 1.0 / draws.num_draws as f64;
        for draw in 0..draws.num_draws {
            gather(&mut own, reader.read(draw), candidates, d);
            mean.iter_mut().zip(&own).for_each(|(mean, value)| *mean += value * weight);
        }
        let mut root = vec![0.0; candidates.len() * d * d];
        for draw in 0..draws.num_draws {
            gather(&mut own, reader.read(draw), candidates, d);
            for (root, (own, mean)) in root.chunks_exact_mut(d * d).zip(own.chunks_exact(d).zip(mean.chunks_exact(d))) {
                for i in 0..d {
                    for j in 0..=i {
                        root[i * d + j] += (own[i] - mean[i]) * (own[j] - mean[j]) * weight;
                    }
                }
            }
        }
        root.chunks_exact_mut(d * d).for_each(|root| cholesky(root, d));
        Self { mean, root }
    }

    /// For each open row: how much of the variance of its membership each candidate's values explain.
    fn explained(
        &self,
        draws: &Draws<'_>,
        members: &[Vec<u32>],
        candidates: &[u32],
        open: &[u32],
        counts: &[i64],
    ) -> Vec<(u32, Vec<f64>)> {
        let (d, num_draws) = (draws.d(), draws.num_draws as f64);
        let mut place = vec![usize::MAX; draws.num_rows];
        for (position, &row) in open.iter().enumerate() {
            place[row as usize] = position;
        }
        let mut sums = vec![vec![0.0; self.mean.len()]; open.len()];
        let mut reader = Reader::new(draws);
        let mut own = vec![0.0; self.mean.len()];
        for (draw, members) in members.iter().enumerate() {
            gather(&mut own, reader.read(draw), candidates, d);
            own.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value -= mean);
            for &row in members.iter().filter(|row| place[**row as usize] != usize::MAX) {
                sums[place[row as usize]].iter_mut().zip(&own).for_each(|(sum, value)| *sum += value);
            }
        }
        let shares = |row: u32, sums: Vec<f64>| {
            let p = counts[row as usize] as f64 / num_draws;
            let variance = p * (1.0 - p);
            let of = |(sums, root): (&[f64], &[f64])| {
                let covariance: Vec<f64> = sums.iter().map(|sum| sum / num_draws).collect();
                let (fit, used) = solved_norm(&covariance, root, d);
                let share = (fit / variance).min(1.0);
                let free = (num_draws - 1.0) / (num_draws - 1.0 - used);
                variance * (1.0 - (1.0 - share) * free).max(0.0)
            };
            sums.chunks_exact(d).zip(self.root.chunks_exact(d * d)).map(of).collect()
        };
        open.iter().zip(sums).map(|(&row, sums)| (row, shares(row, sums))).collect()
    }
}

/// The values of some rows, row after row, from those of all, objective by objective.
fn gather(out: &mut [f64], values: &[f64], rows: &[u32], d: usize) {
    let n = values.len() / d;
    for (own, &row) in out.chunks_exact_mut(d).zip(rows) {
        for (k, value) in own.iter_mut().enumerate() {
            *value = values[k * n + row as usize];
        }
    }
}

/// The lower triangular root of a covariance in place; directions that others explain, or without spread, become zeros.
fn cholesky(matrix: &mut [f64], d: usize) {
    for j in 0..d {
        let whole = matrix[j * d + j];
        let pivot = whole - (0..j).map(|k| matrix[j * d + k].powi(2)).sum::<f64>();
        let root = if pivot > 1e-12 * whole { pivot.sqrt() } else { 0.0 };
        matrix[j * d + j] = root;
        for i in j + 1..d {
            let rest = matrix[i * d + j] - (0..j).map(|k| matrix[i * d + k] * matrix[j * d + k]).sum::<f64>();
            matrix[i * d + j] = if root > 0.0 { rest / root } else { 0.0 };
        }
    }
}

/// The squared length of the solution of `root x = vector`, and the number of directions that have spread.
fn solved_norm(vector: &[f64], root: &[f64], d: usize) -> (f64, f64) {
    let mut x = vec![0.0; d];
    let (mut norm, mut used) = (0.0, 0.0);
    for i in 0..d {
        let rest = vector[i] - (0..i).map(|k| root[i * d + k] * x[k]).sum::<f64>();
        if root[i * d + i] > 0.0 {
            x[i] = rest / root[i * d + i];
            norm += x[i] * x[i];
            used += 1.0;
        }
    }
    (norm, used)
}
