//! The splitter with all the room it needs: made once per placement, asked every step.

use super::copies::Copies;
use super::level::Level;
use super::{active, tables, timed};
use crate::moe::Cost;
use crate::{Error, Result};

/// Most tokens in all: what float64 holds exactly.
const MOST_TOKENS: u64 = 1 << 53;

/// What is to be even over the ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Tokens per speed: what counts when batches are large.
    Tokens,
    /// Experts touched per speed: what counts when batches are small.
    Active,
    /// Time under a cost model.
    Cost(Cost),
}

/// Splits for one placement of one layer. Nothing is allocated after construction.
#[derive(Debug, Clone)]
pub struct Splitter {
    copies: Copies,
    level: Level,
    active: active::Room,
    quota: Vec<u64>,
    other: Vec<u64>,
    work: Vec<u64>,
    loads: Vec<u64>,
}

impl Splitter {
    /// A splitter over these copies.
    pub fn new(copies: Copies) -> Self {
        let (num_copies, num_ranks) = (copies.rank.len(), copies.ranks.count());
        Self {
            level: Level::with_room(&copies),
            active: active::Room::new(&copies),
            quota: vec![0; num_copies],
            other: vec![0; num_copies],
            work: vec![0; num_ranks],
            loads: vec![0; num_ranks],
            copies,
        }
    }

    /// The copies it splits over.
    pub fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Tokens of the copies of an expert in the latest split, in the order of [`Copies::slots`].
    pub fn quota(&self, expert: usize) -> &[u64] {
        &self.quota[self.copies.of(expert)]
    }

    /// Tokens of each rank in the latest split.
    pub fn loads(&self) -> &[u64] {
        &self.loads
    }

    /// Largest load over the mean in the latest split, each for the speed of its rank.
    pub fn ratio(&self) -> f64 {
        self.copies.ranks.ratio(&self.loads)
    }

    /// The copies as one list of numbers, for kernels.
    pub fn tables(&self) -> Vec<u32> {
        tables::tables(&self.copies, self.level.speeds())
    }

    /// Most tokens of a step: what float64 holds exactly and, times speeds, 63 bits.
    pub fn most_tokens(&self) -> u64 {
        MOST_TOKENS.min(u64::MAX / (2 * self.level.largest_speed()))
    }

    /// What a kernel needs to split by time: the thousandths of the unit of the tables' speeds, most tokens of a step
    /// whose times fit 64 bits, and the times per token, of weights and per block.
    pub fn times(&self, cost: &Cost) -> Result<[u64; 5]> {
        let (num_experts, ranks) = (self.copies.num_experts(), &self.copies.ranks);
        cost.check(0, num_experts, ranks)?;
        let most_tokens = cost.most_tokens(num_experts, ranks).unwrap_or_default();
        Ok([self.level.unit(), most_tokens, cost.token, cost.expert, cost.launch])
    }

    /// Split a step in which expert `e` has `counts[e]` tokens.
    pub fn split(&mut self, counts: &[u64], objective: Objective) -> Result<()> {
        let total = self.check(counts)?;
        match objective {
            Objective::Tokens => {
                self.level.solve(&self.copies, counts);
                self.quota.copy_from_slice(&self.level.quota);
            }
            Objective::Active => {
                active::solve(&mut self.level, &self.copies, counts, &mut self.quota, &mut self.active);
            }
            Objective::Cost(cost) => {
                cost.check(total, counts.len(), &self.copies.ranks)?;
                active::solve(&mut self.level, &self.copies, counts, &mut self.quota, &mut self.active);
                let few = timed::improve(&mut self.quota, &mut self.work, &self.copies, &cost);
                self.level.solve(&self.copies, counts);
                self.other.copy_from_slice(&self.level.quota);
                let even = timed::improve(&mut self.other, &mut self.work, &self.copies, &cost);
                if even < few {
                    std::mem::swap(&mut self.quota, &mut self.other);
                }
            }
        }
        self.loads.fill(0);
        for (&rank, &tokens) in self.copies.rank.iter().zip(&self.quota) {
            self.loads[rank as usize] += tokens;
        }
        Ok(())
    }

    fn check(&self, counts: &[u64]) -> Result<u64> {
        if counts.len() != self.copies.num_experts() {
            let got = format!("({},)", counts.len());
            return Err(Error::shape("count", format!("({},)", self.copies.num_experts()), got));
        }
        let mut total: u64 = 0;
        for (expert, &count) in counts.iter().enumerate() {
            if count > 0 && self.copies.of(expert).is_empty() {
                let got = format!("none for expert {expert}, which has {count} tokens");
                return Err(Error::value("physical_to_logical", "a copy on a rank that is alive", got));
            }
            total = total.saturating_add(count);
            if total > MOST_TOKENS {
                let got = format!("more up to expert {expert}");
                return Err(Error::value("count", format!("at most {MOST_TOKENS} tokens in all"), got));
            }
        }
        let largest = self.level.largest_speed();
        if total.checked_mul(largest * 2).is_none() {
            let got = format!("{total} tokens and a speed of {largest}");
            return Err(Error::value("count", "small enough that tokens times speeds fit 63 bits", got));
        }
        Ok(total)
    }
}
