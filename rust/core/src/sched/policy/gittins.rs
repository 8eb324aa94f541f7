//! Gittins index from samples of output lengths: the request that finishes soonest per unit of work spent on it.
//!
//! The rank after `a` tokens is the minimum over all budgets of the expected work until the request finishes or the
//! budget is used up, divided by the probability that it finishes (Gittins 1979; Aalto, Ayesta and Righter 2009). It
//! minimizes the mean flow time when nothing but the distribution of sizes is known. For samples the minimum is taken
//! at a sample: with `C` the samples up to it and `P` their sum, it is the least slope from a point that depends on `a`
//! to the points `(C, P + (n - C) sample)`. These do not depend on `a`, so one lower hull for every suffix of them,
//! kept as links to the next corner, answers every question exactly.

use super::{Job, Policy, Srpt};
use crate::sched::options::MICRO;
use crate::{Error, Result};

/// The rank is the inverse of the index, in millionths of an output token.
#[derive(Debug, Clone)]
pub struct Gittins {
    size: Srpt,
    prefill_weight: u64,
    tables: Vec<Table>,
}

impl Gittins {
    /// One list of lengths for each distribution that requests may choose. O(n log n).
    pub fn new(prefill_weight: u64, samples: &[Vec<u32>]) -> Result<Self> {
        if samples.is_empty() {
            return Err(Error::value("samples", "at least one list of output lengths for `gittins`", "none"));
        }
        let tables = samples.iter().map(|lengths| Table::new(lengths)).collect::<Result<_>>()?;
        Ok(Self { size: Srpt::new(prefill_weight, false), prefill_weight, tables })
    }
}

impl Policy for Gittins {
    fn rank(&self, job: &Job) -> u64 {
        let prompt = self.size.prompt_work(job.num_uncached());
        self.tables[job.request.distribution as usize].rank(u64::from(job.num_sampled), prompt)
    }

    fn recompute(&self, job: &Job) -> Option<u64> {
        Some(self.prefill_weight * u64::from(job.num_computed))
    }

    /// The rank falls with every token up to the next sample.
    fn patience(&self, job: &Job) -> u32 {
        let table = &self.tables[job.request.distribution as usize];
        let next = table.values.get(table.num_passed(u64::from(job.num_sampled)));
        next.map_or(0, |next| (next - u64::from(job.num_sampled) - 1) as u32)
    }

    fn num_distributions(&self) -> Option<usize> {
        Some(self.tables.len())
    }
}

/// One distribution.
#[derive(Debug, Clone)]
struct Table {
    /// Different lengths, rising.
    values: Vec<u64>,
    /// Samples up to each length, and their sum in millionths.
    counts: Vec<i128>,
    sums: Vec<i128>,
    /// `jumps[l][j]`: the corner `2^l` corners after `j` on the lower hull of the points from `j` on.
    jumps: Vec<Vec<u32>>,
}

impl Table {
    fn new(lengths: &[u32]) -> Result<Self> {
        let mut sorted = lengths.to_vec();
        sorted.sort_unstable();
        if sorted.first().is_none_or(|&least| least == 0) || u32::try_from(sorted.len()).is_err() {
            return Err(Error::value(
                "samples",
                "output lengths of at least 1 in every list",
                format!("{sorted:.40?}"),
            ));
        }
        let (mut values, mut counts, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut sum = 0;
        for (index, &length) in sorted.iter().enumerate() {
            sum += i128::from(length) * i128::from(MICRO);
            if sorted.get(index + 1) != Some(&length) {
                values.push(u64::from(length));
                counts.push(index as i128 + 1);
                sums.push(sum);
            }
        }
        let mut table = Self { values, counts, sums, jumps: Vec::new() };
        table.link();
        Ok(table)
    }

    /// The lower hull of every suffix: a corner stays while the turn at it is to the left.
    fn link(&mut self) {
        let last = self.values.len() - 1;
        let mut next = vec![last as u32; last + 1];
        for j in (0..last).rev() {
            let (x, y) = self.point(j);
            let mut corner = j + 1;
            while corner < last {
                let after = next[corner] as usize;
                let ((x1, y1), (x2, y2)) = (self.point(corner), self.point(after));
                if (y1 - y) * (x2 - x) < (y2 - y) * (x1 - x) {
                    break;
                }
                corner = after;
            }
            next[j] = corner as u32;
        }
        let levels = usize::BITS - last.leading_zeros();
        self.jumps = vec![next];
        for level in 1..levels as usize {
            let below = &self.jumps[level - 1];
            self.jumps.push(below.iter().map(|&corner| below[corner as usize]).collect());
        }
    }

    fn point(&self, j: usize) -> (i128, i128) {
        let above = self.counts[self.counts.len() - 1] - self.counts[j];
        (self.counts[j], self.sums[j] + above * i128::from(self.values[j]) * i128::from(MICRO))
    }

    /// How many of the lengths a request with so much output has passed.
    fn num_passed(&self, attained: u64) -> usize {
        self.values.partition_point(|&value| value <= attained)
    }

    /// Expected work per finish after `attained` output tokens, with `prompt` to compute first. O(log n). Past all
    /// samples the longest is doubled until it is larger.
    fn rank(&self, attained: u64, prompt: u64) -> u64 {
        let passed = self.num_passed(attained);
        let last = self.values.len() - 1;
        if passed > last {
            let mut length = self.values[last];
            while length <= attained {
                length *= 2;
            }
            return ((length - attained) * MICRO).saturating_add(prompt);
        }
        let (count, sum) = if passed == 0 { (0, 0) } else { (self.counts[passed - 1], self.sums[passed - 1]) };
        let start = i128::from(attained) * i128::from(MICRO) - i128::from(prompt);
        let from = sum + start * (self.counts[last] - count);
        let slope = |j: usize| {
            let (x, y) = self.point(j);
            (y - from, x - count)
        };
        let improves = |j: usize| {
            let ((y1, x1), (y2, x2)) = (slope(j), slope(self.jumps[0][j] as usize));
            y2 * x1 < y1 * x2
        };
        let mut best = passed;
        if improves(best) {
            for level in self.jumps.iter().rev() {
                if improves(level[best] as usize) {
                    best = level[best] as usize;
                }
            }
            best = self.jumps[0][best] as usize;
        }
        let (work, chance) = slope(best);
        u64::try_from(work / chance).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, over every budget in tokens.
    fn obvious(lengths: &[u32], attained: u64, prompt: u64) -> u64 {
        let left: Vec<u64> =
            lengths.iter().map(|&length| u64::from(length)).filter(|&length| length > attained).collect();
        let work =
            |budget: u64| -> u64 { left.iter().map(|&length| prompt + (length - attained).min(budget) * MICRO).sum() };
        let finished = |budget: u64| left.iter().filter(|&&length| length - attained <= budget).count() as u64;
        (1..=40).filter(|&budget| finished(budget) > 0).map(|budget| work(budget) / finished(budget)).min().unwrap()
    }

    #[test]
    fn ranks_are_those_of_the_definition() {
        let mut seed = 1_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..500 {
            let lengths: Vec<u32> = (0..=draw(12)).map(|_| 1 + draw(30) as u32).collect();
            let table = Table::new(&lengths).unwrap();
            let longest = u64::from(*lengths.iter().max().unwrap());
            for attained in 0..longest {
                for prompt in [0, 300_000, 50 * MICRO] {
                    let expected = obvious(&lengths, attained, prompt);
                    assert_eq!(table.rank(attained, prompt), expected, "{lengths:?} after {attained}");
                }
            }
        }
    }

    #[test]
    fn long_ones_wait_until_they_are_known_to_be_long() {
        let table = Table::new(&[1, 1, 1, 100]).unwrap();
        assert_eq!([0, 1, 50].map(|attained| table.rank(attained, 0)), [4 * MICRO / 3, 99 * MICRO, 50 * MICRO]);
        assert_eq!(table.rank(100, 0), 100 * MICRO, "outlived samples double");
    }

    #[test]
    fn empty_lists_and_lengths_are_refused() {
        assert!(Gittins::new(0, &[]).is_err());
        assert!(Gittins::new(0, &[vec![3], vec![]]).is_err());
        assert!(Gittins::new(0, &[vec![0, 3]]).is_err());
    }
}
