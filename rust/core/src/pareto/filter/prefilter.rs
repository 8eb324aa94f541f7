//! Drop most dominated rows before anything is sorted: test every row against a few rows that dominate a lot.
//!
//! They are found in a sample, best first by the share of the sample's rank space behind them. How they are chosen
//! decides the speed, never the answer: only rows that are truly dominated go.

use super::super::keys::Key;
use super::super::source::{Kept, Rows, Source};
use super::block::Block;
use crate::parallel;
use crate::simd::{self, Kernel, dispatch};

/// Fewer rows are sorted faster than they are sampled.
const FEWEST_ROWS: usize = 192;
const FEWEST_SAMPLES: usize = 64;
const MOST_SAMPLES: usize = 1024;
const MOST_STRONG: usize = 128;
/// From this many rows on, one of `PART` is filtered to find strong rows.
const FEWEST_FOR_PART: usize = 1 << 17;
const PART: usize = 24;
const MOST_BEST: usize = 4096;
/// Strong rows that all rows meet.
const MOST_FIRST: usize = 4;
/// A thread takes this many rows at least; it costs as much as a prefilter of most of them.
const ROWS_PER_THREAD: usize = 32768;
/// Keys of a block: half of a first-level cache.
const BLOCK_BYTES: usize = 16 << 10;

/// The rows that a prefilter leaves, rising, and how many it left out because of NaN.
#[derive(Debug)]
pub(in super::super) struct Left {
    pub(in super::super) rows: Kept,
    pub(in super::super) missing: usize,
}

/// The same of a part of the rows.
#[derive(Debug, Default)]
pub(in super::super) struct Listed {
    pub(in super::super) rows: Vec<u32>,
    pub(in super::super) missing: usize,
}

impl Listed {
    /// Put the parts together, in order.
    pub(super) fn join(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        for part in parts {
            all.rows.extend(part.rows);
            all.missing += part.missing;
        }
        all
    }
}

/// The rows that no strong row dominates; `nan` lists the objectives in which a NaN leaves a row out.
pub(in super::super) fn survivors<K: Key>(
    source: &dyn Source<K>,
    rows: Rows<'_>,
    nan: &[usize],
    threads: usize,
) -> Left {
    let mut left = round(source, rows, nan, threads);
    let mut before = rows.len();
    // Rounds go on while they pay.
    while left.rows.rows().len() >= FEWEST_ROWS && left.rows.rows().len() * 4 <= before * 3 {
        before = left.rows.rows().len();
        left.rows = round(source, left.rows.rows(), &[], threads).rows;
    }
    left
}

fn round<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, nan: &[usize], threads: usize) -> Left {
    let strong = if rows.len() < FEWEST_ROWS { Strong::default() } else { strong_rows(source, rows, nan) };
    if strong.rows.is_empty() && nan.is_empty() {
        let rows = match rows {
            Rows::Span { first, count } => Kept::Span { first, count },
            Rows::List(rows) => Kept::List(rows.to_vec()),
        };
        return Left { rows, missing: 0 };
    }
    let parts = rows.split(threads.min(rows.len() / ROWS_PER_THREAD).max(1));
    let scan = |rows| dispatch(simd::level(), Scan { source, rows, nan, strong: &strong });
    let all = Listed::join(parallel::each(parts, scan));
    Left { rows: rows.kept(all.rows), missing: all.missing }
}

/// Rows that dominate a lot, the strongest first, each with the sum of its keys.
#[derive(Default)]
struct Strong<K> {
    rows: Vec<K>,
    /// How many of them leave so few rows that these are better put together before they meet the others.
    first: usize,
}

/// One thread's part of a round.
struct Scan<'a, K> {
    source: &'a dyn Source<K>,
    rows: Rows<'a>,
    nan: &'a [usize],
    strong: &'a Strong<K>,
}

impl<K: Key> Kernel for Scan<'_, K> {
    type Output = Listed;

    #[inline(always)]
    fn run(self) -> Listed {
        let d = self.source.num_objectives();
        let capacity = (BLOCK_BYTES / size_of::<K>() / d).clamp(64, 1024);
        let mut block = Block::new(capacity, d);
        let mut left = Listed::default();
        for start in (0..self.rows.len()).step_by(capacity) {
            let part = self.rows.part(start, capacity);
            block.fill(part.len(), |k, out| part.read(self.source, k, out));
            for &k in self.nan {
                left.missing += block.remove_equal(k, K::NAN);
            }
            // Rows that the first few dominate need not meet the others.
            let (mut strong, mut count) = (self.strong.rows.as_slice(), self.strong.first);
            while !strong.is_empty() && block.len() > 0 {
                let (first, rest) = strong.split_at((count * (d + 1)).min(strong.len()));
                block.strike(first);
                (strong, count) = (rest, (count * 2).max(4));
            }
            left.rows.extend(block.places().iter().map(|&place| part.at(place as usize)));
        }
        left
    }
}

/// The strong rows; none if they would strike less than a fifth.
fn strong_rows<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, nan: &[usize]) -> Strong<K> {
    let every = |count: usize, rows: Rows<'_>| (0..count).map(|i| rows.at(i * rows.len() / count)).collect::<Vec<_>>();
    let mut sample = every((rows.len() / 64).clamp(FEWEST_SAMPLES, MOST_SAMPLES), rows);
    let num_samples = sample.len();
    if rows.len() >= FEWEST_FOR_PART {
        // The best of many rows are stronger than the best of a sample, and a part is filtered as quickly as all.
        let part = every(rows.len() / PART, rows);
        let best = survivors(source, Rows::List(&part), nan, 1).rows;
        sample.extend(every(best.rows().len().min(MOST_BEST), best.rows()));
    }
    dispatch(simd::level(), Choose { source, sample, num_samples, nan })
}

/// The choice of strong rows in a sample.
struct Choose<'a, K> {
    source: &'a dyn Source<K>,
    /// Rows of the sample, then rows that are probably strong.
    sample: Vec<u32>,
    num_samples: usize,
    nan: &'a [usize],
}

impl<K: Key> Kernel for Choose<'_, K> {
    type Output = Strong<K>;

    #[inline(always)]
    fn run(self) -> Strong<K> {
        let d = self.source.num_objectives();
        let mut block = Block::new(self.sample.len(), d);
        block.fill(self.sample.len(), |k, out| self.source.gather(k, &self.sample, out));
        for &k in self.nan {
            block.remove_equal(k, K::NAN);
        }
        let count = block.len();
        let order = by_volume(&block, d);
        let columns: Vec<Vec<K>> = (0..d).map(|k| block.column(k).to_vec()).collect();
        block.fill(count, |k, out| {
            for (out, &index) in out.iter_mut().zip(&order) {
                *out = columns[k][index as usize];
            }
        });
        let (mut strong, mut weak) = (Vec::new(), Vec::new());
        let mut row = vec![K::default(); d + 1];
        // A row that is left has no stronger one that dominates it.
        let (mut next, mut first) = (0, MOST_FIRST);
        while next < block.len() && strong.len() < MOST_STRONG * (d + 1) {
            block.row(next, &mut row);
            let struck = block.strike(&row) > 0;
            if struck { &mut strong } else { &mut weak }.extend_from_slice(&row);
            next += 1;
            if block.len() * 8 < count {
                first = first.min(next);
            }
        }
        if self.num_samples < self.sample.len() {
            // They strike too few for the sample to tell, and meet only rows that the others leave.
            strong.extend(weak);
            strong.truncate(MOST_STRONG * (d + 1));
        }
        if block.len() * 5 > count * 4 { Strong::default() } else { Strong { rows: strong, first } }
    }
}

/// The rows of a sample by the share of its rank space that each dominates, largest first.
#[inline(always)]
fn by_volume<K: Key>(block: &Block<K>, d: usize) -> Vec<u32> {
    let count = block.len();
    let mut volumes = vec![1.0_f64; count];
    let mut sorted: Vec<(K, u32)> = Vec::with_capacity(count);
    for k in 0..d {
        sorted.clear();
        sorted.extend(block.column(k).iter().copied().zip(0..));
        sorted.sort_unstable();
        let mut share = 1.0;
        for (place, &(key, index)) in sorted.iter().enumerate() {
            // Equal keys have equal ranks.
            if place > 0 && sorted[place - 1].0 != key {
                share = 1.0 - place as f64 / count as f64;
            }
            volumes[index as usize] *= share;
        }
    }
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_unstable_by(|&a, &b| volumes[b as usize].total_cmp(&volumes[a as usize]).then(a.cmp(&b)));
    order
}
