//! How probable it is that one row dominates another: counted over draws, or exact for independent normal values.

use std::sync::atomic::AtomicBool;

use super::Draws;
use super::erf::normal_cdf;
use super::reader::Reader;
use crate::error::{Error, Result};
use crate::parallel::each;
use crate::simd::{Kernel, dispatch, level};

/// Count for each of `rows` and each of `others` the draws in which the row dominates the other.
///
/// # Errors
/// If a length does not fit, an index is out of range, a value is not allowed, or there is no draw.
pub fn dominance(counts: &mut [i64], draws: &Draws<'_>, rows: &[u32], others: &[u32]) -> Result<()> {
    draws.check()?;
    check_indices(counts.len(), draws.num_rows, rows, others)?;
    let threads = draws.num_threads();
    let stopped = AtomicBool::new(false);
    let parts = each((0..threads).collect(), |thread| {
        let mut own = vec![0_i64; counts.len()];
        let mut reader = Reader::new(draws);
        let mut watch = draws.watch(thread, &stopped);
        let mut columns = vec![0_i64; others.len() * draws.d()];
        for draw in (thread..draws.num_draws).step_by(threads).take_while(|_| !watch.stops()) {
            reader.read(draw);
            let n = draws.num_rows.max(1);
            for (column, keys) in columns.chunks_exact_mut(others.len().max(1)).zip(reader.keys().chunks_exact(n)) {
                for (key, &other) in column.iter_mut().zip(others) {
                    *key = keys[other as usize];
                }
            }
            for (counts, &row) in own.chunks_exact_mut(others.len().max(1)).zip(rows) {
                let row: Vec<i64> = reader.keys().chunks_exact(n).map(|keys| keys[row as usize]).collect();
                if draws.nan == super::NanPolicy::Worst || !row.contains(&i64::MAX) {
                    let skip_nan = draws.nan != super::NanPolicy::Worst;
                    dispatch(level(), Count { counts, row: &row, columns: &columns, skip_nan });
                }
            }
        }
        own
    });
    if stopped.into_inner() {
        return Err(Error::Interrupted);
    }
    counts.fill(0);
    for part in parts {
        for (count, own) in counts.iter_mut().zip(part) {
            *count += own;
        }
    }
    Ok(())
}

fn check_indices(out: usize, n: usize, rows: &[u32], others: &[u32]) -> Result<()> {
    if out != rows.len() * others.len() {
        return Err(Error::shape("out", format!("({}, {})", rows.len(), others.len()), format!("({out},)")));
    }
    match rows.iter().chain(others).find(|row| **row as usize >= n) {
        Some(bad) => Err(Error::value("rows", format!("below {n}"), bad)),
        None => Ok(()),
    }
}

/// Adds 1 where the row dominates; a NaN, the worst key there is, makes the other take no part if asked for.
struct Count<'a> {
    counts: &'a mut [i64],
    row: &'a [i64],
    columns: &'a [i64],
    skip_nan: bool,
}

impl Kernel for Count<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        const LANES: usize = 64;
        let width = self.counts.len();
        let nan = if self.skip_nan { i64::MAX } else { i64::MIN };
        for (block, counts) in self.counts.chunks_mut(LANES).enumerate() {
            let (mut holds, mut better) = ([1_i64; LANES], [0_i64; LANES]);
            for (&own, column) in self.row.iter().zip(self.columns.chunks_exact(width)) {
                let others = &column[block * LANES..][..counts.len()];
                for ((holds, better), &other) in holds.iter_mut().zip(&mut better).zip(others) {
                    *holds &= i64::from(own <= other) & i64::from(other != nan);
                    *better |= i64::from(own < other);
                }
            }
            for (count, (holds, better)) in counts.iter_mut().zip(holds.iter().zip(&better)) {
                *count += holds & better;
            }
        }
    }
}

/// The probability for each of `rows` and each of `others` that the row dominates the other, all values normal and
/// independent: a product of distribution functions. Where nothing varies, it is 1 or 0.
///
/// # Errors
/// If a length does not fit or an index is out of range.
pub fn normal_dominance(
    out: &mut [f64],
    mean: &[f64],
    std: &[f64],
    maximize: &[bool],
    rows: &[u32],
    others: &[u32],
) -> Result<()> {
    let d = maximize.len().max(1);
    check_indices(out.len(), mean.len() / d, rows, others)?;
    if std.len() != mean.len() {
        return Err(Error::shape("std", format!("({},)", mean.len()), format!("({},)", std.len())));
    }
    let part = |values: &'_ [f64], row: u32| -> Vec<f64> { values[row as usize * d..][..d].to_vec() };
    for (out, &row) in out.chunks_exact_mut(others.len().max(1)).zip(rows) {
        let (own, own_std) = (part(mean, row), part(std, row));
        for (out, &other) in out.iter_mut().zip(others) {
            *out = if row == other {
                0.0
            } else {
                dominates(&own, &own_std, &part(mean, other), &part(std, other), maximize)
            };
        }
    }
    Ok(())
}

fn dominates(a: &[f64], a_std: &[f64], b: &[f64], b_std: &[f64], maximize: &[bool]) -> f64 {
    let (mut probability, mut strictly) = (1.0, false);
    for k in 0..a.len() {
        let spread = a_std[k].hypot(b_std[k]);
        let (low, high) = if maximize[k] { (b[k], a[k]) } else { (a[k], b[k]) };
        if spread > 0.0 && high.is_finite() && low.is_finite() {
            // Equal values have probability 0.
            strictly = true;
            probability *= normal_cdf((high - low) / spread);
        } else {
            strictly |= low < high;
            probability *= f64::from(u8::from(low <= high));
        }
    }
    if strictly { probability } else { 0.0 }
}
