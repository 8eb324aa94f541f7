//! On how many draws' fronts each row is.

use std::sync::atomic::AtomicBool;

use super::Draws;
use super::rivals::Rivals;
use super::together::Together;
use crate::error::{Error, Result};
use crate::parallel::each;

/// Count per row the draws on whose front it is; each group of rows has its own front.
///
/// # Errors
/// If a length does not fit, a value is not allowed, or there is no draw.
pub fn membership(counts: &mut [i64], draws: &Draws<'_>, groups: Option<(&[u32], usize)>) -> Result<()> {
    draws.check()?;
    if counts.len() != draws.num_rows {
        return Err(Error::shape("counts", format!("({},)", draws.num_rows), format!("({},)", counts.len())));
    }
    let groups = rows_of_groups(draws.num_rows, groups)?;
    let parts = each_front(draws, &groups, |own: &mut Vec<i64>, _, row| {
        own.resize(draws.num_rows, 0);
        own[row as usize] += 1;
    })?;
    counts.fill(0);
    for part in parts {
        for (count, own) in counts.iter_mut().zip(part) {
            *count += own;
        }
    }
    Ok(())
}

/// The rows of each group, rising.
fn rows_of_groups(n: usize, groups: Option<(&[u32], usize)>) -> Result<Vec<Vec<u32>>> {
    let Some((codes, num_groups)) = groups else { return Ok(vec![(0..n as u32).collect()]) };
    if codes.len() != n {
        return Err(Error::shape("groups", format!("({n},)"), format!("({},)", codes.len())));
    }
    let mut rows = vec![Vec::new(); num_groups];
    for (row, &code) in codes.iter().enumerate() {
        let expected = || Error::value("groups", format!("below {num_groups}"), code);
        rows.get_mut(code as usize).ok_or_else(expected)?.push(row as u32);
    }
    Ok(rows)
}

/// Call `visit` with every draw and row of its front; each thread has a `T` of its own, all of which are returned.
pub(super) fn each_front<T: Default + Send>(
    draws: &Draws<'_>,
    groups: &[Vec<u32>],
    visit: impl Fn(&mut T, usize, u32) + Sync,
) -> Result<Vec<T>> {
    let rivals = Rivals::new(draws, groups);
    let turns = draws.num_draws.div_ceil(rivals.at_once());
    let threads = draws.num_threads().min(turns);
    let stopped = AtomicBool::new(false);
    let parts = each((0..threads).collect(), |thread| {
        let mut own = T::default();
        let mut together = Together::new(draws, &rivals);
        let mut watch = draws.watch(thread, &stopped);
        for turn in (thread..turns).step_by(threads).take_while(|_| !watch.stops()) {
            together.fronts(turn, |draw, row| visit(&mut own, draw, row));
        }
        own
    });
    if stopped.into_inner() { Err(Error::Interrupted) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::super::super::NanPolicy;
    use super::super::draws::{Source, Statistic};
    use super::super::reader::Reader;
    use super::*;
    use crate::random::word;

    const D: usize = 3;

    /// Numbers from 0 to 1; with ties if asked for.
    fn numbers(count: usize, ties: bool) -> Vec<f64> {
        let number = |index| f64::from(word(5, index)) / f64::from(u32::MAX);
        (0..count as u64).map(|index| if ties { (number(index) * 6.0).floor() } else { number(index) }).collect()
    }

    fn check(source: Source<'_>, num_rows: usize, num_draws: usize, nan: NanPolicy, codes: Option<(&[u32], usize)>) {
        let maximize = [false, true, false];
        let draws = Draws { source, num_rows, num_draws, maximize: &maximize, nan, threads: None, stop: &|| false };
        let mut expected = vec![0_i64; num_rows];
        let mut reader = Reader::new(&draws);
        for draw in 0..num_draws {
            reader.read(draw);
            let row = |row: usize| -> [i64; D] { std::array::from_fn(|k| reader.keys()[k * num_rows + row]) };
            let takes_part = |at: usize| nan != NanPolicy::Drop || !row(at).contains(&i64::MAX);
            let group = |at: usize| codes.map_or(0, |(codes, _)| codes[at]);
            for (at, count) in expected.iter_mut().enumerate() {
                let dominates = |other: usize| {
                    let (a, b) = (row(other), row(at));
                    group(other) == group(at) && takes_part(other) && a != b && a.iter().zip(&b).all(|(a, b)| a <= b)
                };
                *count += i64::from(takes_part(at) && !(0..num_rows).any(dominates));
            }
        }
        let mut counts = vec![0; num_rows];
        for threads in [1, 3] {
            let draws = Draws { threads: std::num::NonZeroUsize::new(threads), ..draws };
            assert!(membership(&mut counts, &draws, codes).is_ok());
            assert_eq!(counts, expected, "{source:?}");
        }
    }

    #[test]
    fn counts_are_those_of_each_draw_compared_row_by_row() {
        // Few draws of many rows are searched, many of few rows have rivals; 70 draws are no whole number of turns.
        for (n, num_draws) in [(40, 70), (90, 5), (7, 33)] {
            let codes: Vec<u32> = (0..n as u32).map(|row| row % 3).collect();
            for (ties, codes) in [(false, None), (true, None), (true, Some((&codes[..], 4)))] {
                let mean = numbers(n * D, ties);
                let mut samples = numbers(num_draws * n * D, ties);
                check(Source::Samples(&samples), n, num_draws, NanPolicy::Raise, codes);
                samples.iter_mut().step_by(17).for_each(|value| *value = f64::NAN);
                check(Source::Samples(&samples), n, num_draws, NanPolicy::Drop, codes);
                check(Source::Samples(&samples), n, num_draws, NanPolicy::Worst, codes);
                let std: Vec<f64> = numbers(n * D, false).iter().map(|std| (std - 0.2).max(0.0) * 0.2).collect();
                check(Source::Normal { mean: &mean, std: &std, seed: 1 }, n, num_draws, NanPolicy::Raise, codes);
                let root: Vec<f64> = numbers(n * D * D, false).iter().map(|root| root * 0.1 - 0.04).collect();
                check(Source::Joint { mean: &mean, root: &root, seed: 2 }, n, num_draws, NanPolicy::Raise, codes);
                // 1 to 11 measurements of a row.
                let offsets: Vec<i64> =
                    (0..=n as i64).map(|row| row / 11 * 66 + row % 11 * (row % 11 + 1) / 2).collect();
                let values = numbers(offsets[n] as usize * D, ties);
                for statistic in [Statistic::Mean, Statistic::Median, Statistic::Quantile(0.3)] {
                    let source = Source::Measured { values: &values, offsets: &offsets, statistic, seed: 3 };
                    check(source, n, num_draws, NanPolicy::Raise, codes);
                }
            }
        }
    }
}
