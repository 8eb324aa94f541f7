//! One step of a composition of any number of objectives: all pairs, filtered in chunks, and the front of what is left.
//!
//! Chunks have a fixed size, so that the result does not depend on the threads that share them.

use std::sync::atomic::AtomicBool;

use super::super::Keep;
use super::super::filter::front_of_keys;
use super::super::keys::key;
use super::super::watch::Watch;
use super::{ComposeOptions, Fold, Rows};
use crate::error::{Error, Result};
use crate::parallel::{each, num_threads};

/// Pairs that are filtered at once.
const CHUNK: usize = 1 << 16;

/// The front of a matrix of minimized values, of equal rows the first; each row points at itself. Sorted.
pub(super) fn front(values: &[f64], d: usize) -> Rows {
    let n = values.len() / d;
    let all = Rows { values: values.to_vec(), from: (0..n as u32).map(|option| (0, option)).collect() };
    filtered(&all, d, 1).sorted(d)
}

/// The front of all pairs of a row of `prefix` and an option.
pub(super) fn fold(prefix: &Rows, options: &Rows, folds: &[Fold], asked: &ComposeOptions<'_>) -> Result<Rows> {
    let d = folds.len();
    let num_pairs = prefix.len() * options.len();
    let threads = num_threads(asked.threads, num_pairs * d * 64).min(num_pairs.div_ceil(CHUNK)).max(1);
    let chunks: Vec<Vec<u32>> = {
        let per_chunk = (CHUNK / options.len()).max(1);
        let starts: Vec<usize> = (0..prefix.len()).step_by(per_chunk).collect();
        let of = |start: usize| (start as u32..prefix.len().min(start + per_chunk) as u32).collect();
        starts.into_iter().map(of).collect()
    };
    let stopped = AtomicBool::new(false);
    let parts = each((0..threads).collect(), |thread| {
        let mut watch = Watch::new(&stopped, (thread == 0).then_some(asked.stop));
        let own = chunks.iter().skip(thread).step_by(threads).take_while(|_| !watch.stops());
        own.map(|chunk| filtered(&pairs(prefix, options, folds, chunk), d, 1)).collect::<Vec<_>>()
    });
    if stopped.into_inner() {
        return Err(Error::Interrupted);
    }
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    let mut left = Rows::default();
    for chunk in 0..chunks.len() {
        let part = parts[chunk % threads].next().expect("one part per chunk");
        left.values.extend(part.values);
        left.from.extend(part.from);
    }
    Ok(if chunks.len() > 1 { filtered(&left, d, threads) } else { left })
}

/// All pairs of the rows `chunk` of the prefix with every option.
fn pairs(prefix: &Rows, options: &Rows, folds: &[Fold], chunk: &[u32]) -> Rows {
    let d = folds.len();
    let mut rows = Rows::default();
    rows.values.reserve_exact(chunk.len() * options.len() * d);
    rows.from.reserve_exact(chunk.len() * options.len());
    for &row in chunk {
        let own = &prefix.values[row as usize * d..][..d];
        for (&(_, option), other) in options.from.iter().zip(options.values.chunks_exact(d)) {
            rows.values.extend(folds.iter().zip(own.iter().zip(other)).map(|(fold, (&a, &b))| fold.apply(a, b)));
            rows.from.push((row, option));
        }
    }
    rows
}

/// The rows that no other one dominates, of equal ones the first.
fn filtered(rows: &Rows, d: usize, threads: usize) -> Rows {
    let column = |k: usize| rows.values.iter().skip(k).step_by(d).map(|&value| key::<i64, _>(value, false));
    let columns: Vec<Vec<i64>> = (0..d).map(|k| column(k).collect()).collect();
    let columns: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
    let front = front_of_keys(&columns, Keep::First, threads);
    rows.select(front.into_iter().map(|position| position as usize), d)
}
