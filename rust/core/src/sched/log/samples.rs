//! The distributions that a scheduler was made with, as rows after its options, and back.

use super::{Row, SAMPLES, broken, whole};
use crate::Result;

/// The rows of all lists, each in pieces of four.
pub(in crate::sched) fn samples_rows(rows: &mut Vec<Row>, samples: &[Vec<u32>]) {
    for (number, lengths) in (0_i64..).zip(samples) {
        for piece in lengths.chunks(4) {
            let length = |at: usize| piece.get(at).map_or(-1, |&length| i64::from(length));
            rows.push([SAMPLES, number, length(0), length(1), length(2), length(3)]);
        }
    }
}

/// The lists from row `at` on, and the first row after them.
pub(super) fn read_samples(rows: &[Row], mut at: usize) -> Result<(Vec<Vec<u32>>, usize)> {
    let mut samples: Vec<Vec<u32>> = Vec::new();
    while let Some(&[SAMPLES, number, ..]) = rows.get(at) {
        if usize::try_from(number).ok() == Some(samples.len()) {
            samples.push(Vec::new());
        }
        let last = samples.len() as i64 - 1;
        let lengths = samples.last_mut().filter(|_| number == last);
        let lengths = lengths.ok_or_else(|| broken(at, format!("distribution {last} or the next"), number))?;
        for &length in rows[at][2..].iter().filter(|&&length| length != -1) {
            lengths.push(whole(at, length)?);
        }
        at += 1;
    }
    Ok((samples, at))
}
