//! Drop most dominated rows before anything is sorted: test every row against a few rows that dominate a lot.
//!
//! They are found in a sample, best first by the share of the sample's rank space behind them. How they are chosen
//! decides the speed, never the answer: only rows that are truly dominated go.

use super::super::keys::Key;
use super::super::source::{Kept, Rows, Source};
use super::block::Block;
use super::few::MOST_ROWS;
use super::sieve::{STRONGEST, Sieve};
use crate::parallel;
use crate::simd::{self, Kernel, dispatch};

/// Fewer rows are sorted faster than they are sampled.
const FEWEST_ROWS: usize = 192;
const FEWEST_SAMPLES: usize = 64;
const MOST_SAMPLES: usize = 512;
const MOST_STRONG: usize = 128;
/// From this many rows on, one of `PART` is filtered to find strong rows.
const FEWEST_FOR_PART: usize = 1 << 13;
const PART: usize = 32;
const MOST_BEST: usize = 4096;
/// Strong rows that all rows meet.
const MOST_FIRST: usize = 4;
/// After so many rows it is seen whether enough will be struck.
const TRIED: usize = 32;
/// A thread takes this many rows at least; it costs as much as a prefilter of most of them.
const ROWS_PER_THREAD: usize = 32768;
/// Rows that pass the sieve together: they are in the second-level cache when the others are met.
const SIFTED: usize = 8192;
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
    if nan.is_empty() && rows.len() <= MOST_ROWS {
        // They meet each other sooner than a choice of strong ones is made.
        return Left { rows: rows.to_kept(), missing: 0 };
    }
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
    meet(source, rows, nan, &strong, threads)
}

/// The rows that none of `strong` dominates, as [`survivors`] tells them.
pub(in super::super) fn meet<K: Key>(
    source: &dyn Source<K>,
    rows: Rows<'_>,
    nan: &[usize],
    strong: &Strong<K>,
    threads: usize,
) -> Left {
    if strong.rows.is_empty() && nan.is_empty() {
        return Left { rows: rows.to_kept(), missing: 0 };
    }
    let parts = rows.split(threads.min(rows.len() / ROWS_PER_THREAD).max(1));
    let scan = |rows| dispatch(simd::level(), Scan { source, rows, nan, strong });
    let all = Listed::join(parallel::each(parts, scan));
    Left { rows: rows.kept(all.rows), missing: all.missing }
}

/// Rows that dominate a lot, the strongest first, each with the sum of its keys.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Strong<K> {
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
        let (strongest, others) = self.strong.rows.split_at((STRONGEST * (d + 1)).min(self.strong.rows.len()));
        if let Rows::Span { first, count } = self.rows
            && let Some(mut sieve) = self.source.floats().and_then(|columns| Sieve::new(columns, strongest))
        {
            let mut sifted = Listed::default();
            for start in (first..first + count).step_by(SIFTED) {
                sifted.rows.clear();
                let end = (first + count).min(start + SIFTED as u32);
                sieve.strike(start..end, !self.nan.is_empty(), &mut sifted);
                self.meet(Rows::List(&sifted.rows), others, STRONGEST, &[], &mut block, &mut left);
            }
            left.missing = sifted.missing;
        } else {
            self.meet(self.rows, &self.strong.rows, self.strong.first, self.nan, &mut block, &mut left);
        }
        left
    }
}

impl<K: Key> Scan<'_, K> {
    /// Let `rows` meet strong rows, the first `count` of them first.
    #[inline(always)]
    fn meet(&self, rows: Rows<'_>, strong: &[K], count: usize, nan: &[usize], block: &mut Block<K>, left: &mut Listed) {
        let d = self.source.num_objectives();
        if let Rows::List(rows) = rows
            && strong.is_empty()
            && nan.is_empty()
        {
            left.rows.extend(rows);
            return;
        }
        for start in (0..rows.len()).step_by(block.capacity()) {
            let part = rows.part(start, block.capacity());
            block.fill(part.len(), |k, out| part.read(self.source, k, out));
            for &k in nan {
                left.missing += block.remove_equal(k, K::NAN);
            }
            // Rows that the first few dominate need not meet the others.
            let (mut strong, mut count) = (strong, count);
            while !strong.is_empty() && block.len() > 0 {
                let (first, rest) = strong.split_at((count * (d + 1)).min(strong.len()));
                block.strike(first);
                (strong, count) = (rest, (count * 2).max(4));
            }
            left.rows.extend(block.places().iter().map(|&place| part.at(place as usize)));
        }
    }
}

/// The strong rows of a sample; none if they would strike less than a fifth of it.
pub(in super::super) fn strong_among<K: Key>(source: &dyn Source<K>, sample: Vec<u32>) -> Strong<K> {
    let num_samples = sample.len();
    dispatch(simd::level(), Choose { source, sample, num_samples, nan: &[] })
}

/// The strong rows; none if they would strike less than a fifth.
fn strong_rows<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, nan: &[usize]) -> Strong<K> {
    let every = |count: usize, rows: Rows<'_>| (0..count).map(|i| rows.at(i * rows.len() / count)).collect::<Vec<_>>();
    let mut sample = every((rows.len() / 64).clamp(FEWEST_SAMPLES, MOST_SAMPLES), rows);
    let num_samples = sample.len();
    if rows.len() >= if source.num_objectives() > 4 { FEWEST_FOR_PART } else { 2 * FEWEST_FOR_PART } {
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
        // A row that is left has no stronger one that dominates it. Most are told so before they are moved together.
        let (mut next, mut taken, mut marked, mut first) = (0, 0, 0, MOST_FIRST);
        block.revive();
        while next < block.len() && strong.len() < MOST_STRONG * (d + 1) {
            if block.marks()[next] != 0 {
                next += 1;
                continue;
            }
            block.row(next, &mut row);
            block.mark(&row);
            let now = block.marks().iter().map(|&mark| usize::from(mark)).sum();
            let before = std::mem::replace(&mut marked, now);
            if marked > before { &mut strong } else { &mut weak }.extend_from_slice(&row);
            (next, taken) = (next + 1, taken + 1);
            if marked * 2 > block.len() {
                block.bury();
                block.revive();
                (next, marked) = (taken, 0);
            }
            let left = block.len() - marked;
            if left * 8 < count {
                first = first.min(taken);
            }
            // The best come first: what as many as there may be will strike is at most in proportion.
            if taken >= TRIED && (count - left) * 5 * MOST_STRONG < count * taken.min(MOST_STRONG) {
                return Strong::default();
            }
        }
        let left = block.len() - marked;
        if self.num_samples < self.sample.len() {
            // They strike too few for the sample to tell, and meet only rows that the others leave.
            strong.extend(weak);
            strong.truncate(MOST_STRONG * (d + 1));
        }
        if left * 5 > count * 4 { Strong::default() } else { Strong { rows: strong, first } }
    }
}

/// The rows of a sample by the share of its rank space that each dominates, largest first.
#[inline(always)]
fn by_volume<K: Key>(block: &Block<K>, d: usize) -> Vec<u32> {
    let count = block.len();
    let index_bits = usize::BITS - count.leading_zeros();
    let index = |word: u64| (word & ((1 << index_bits) - 1)) as usize;
    let mut volumes = vec![1.0_f64; count];
    let mut words: Vec<u64> = Vec::with_capacity(count);
    for k in 0..d {
        let column = block.column(k);
        let least = column.iter().copied().min().unwrap_or_default();
        let range = column.iter().map(|key| key.above(least)).max().unwrap_or(0);
        // Keys that differ in what does not fit beside the index count as equal.
        let shift = index_bits.saturating_sub(range.leading_zeros());
        words.clear();
        words.extend(column.iter().zip(0..).map(|(key, index)| key.above(least) >> shift << index_bits | index));
        words.sort_unstable();
        let mut share = 1.0;
        for (place, &word) in words.iter().enumerate() {
            // Equal keys have equal ranks.
            if place > 0 && words[place - 1] >> index_bits != word >> index_bits {
                share = 1.0 - place as f64 / count as f64;
            }
            volumes[index(word)] *= share;
        }
    }
    words.clear();
    words.extend(volumes.iter().zip(0..).map(|(volume, index)| !volume.to_bits() >> index_bits << index_bits | index));
    words.sort_unstable();
    words.iter().map(|&word| index(word) as u32).collect()
}
