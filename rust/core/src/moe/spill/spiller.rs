//! The planner with all the room it needs: made once per layer shape, asked every step.

use super::capacity;
use super::greedy::{Attempt, Order, Piece, Start};
use super::links::{Links, Time};
use super::options::{Options, SWEEP, Tolerance};
use crate::moe::{Cost, Ranks, WHOLE};
use crate::order::sort_by;
use crate::{Error, Result};

/// Most tokens in all: what float64 holds exactly.
const MOST_TOKENS: u64 = 1 << 53;

/// Orders that are tried at each tolerance, the least-loaded rule first.
const ORDERS: [Order; 4] = [Order::LargestExpert, Order::LargestSurplus, Order::SmallestSurplus, Order::NearFirst];

/// Weights of an expert that go to another rank, and its tokens that are computed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Whose weights.
    pub expert: u32,
    /// Its home, or a rank that an earlier transfer has brought it to.
    pub source: u32,
    /// Where they go.
    pub destination: u32,
    /// Which of the foreign experts there, in the order of transfers.
    pub slot: u32,
    /// Tokens of the expert that are computed there.
    pub tokens: u64,
}

/// Why a plan is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There are no tokens.
    Empty,
    /// No rank is above its capacity.
    Balanced,
    /// No other rank may take anything.
    Limits,
    /// Every plan costs at least as much as doing nothing; the best of them, in picoseconds.
    NotWorth(u64),
    /// Tokens move; the tolerance in millionths.
    Spill(u32),
}

/// What [`Spiller::plan`] decided; the transfers and loads are in the spiller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Why.
    pub reason: Reason,
    /// Time of the step when everything stays at home, in picoseconds; 0 without a cost model.
    pub before: u64,
    /// Time of the step with the plan.
    pub after: u64,
}

/// Plans for one shape of layer. Nothing is allocated after construction.
#[derive(Debug, Clone)]
pub struct Spiller {
    ranks: Ranks,
    options: Options,
    home: Vec<u32>,
    /// Whether some links are slower than others.
    far: bool,
    first_native: Vec<u32>,
    natives: Vec<u32>,
    loads: Vec<u64>,
    work: Vec<u64>,
    exact: Vec<u64>,
    capacity: Vec<u64>,
    links: Links,
    foreign: Vec<u32>,
    trial: Attempt,
    best: Attempt,
    transfers: Vec<Transfer>,
}

/// Which of two attempts is better; smaller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// Tokens left above a capacity that was asked for; with a free choice the time decides.
    wanted: u64,
    time: u64,
    transfers: u64,
    excess: u64,
    moved: u64,
}

impl Spiller {
    /// A planner for experts with these homes.
    pub fn new(home: &[u32], ranks: Ranks, options: Options) -> Result<Self> {
        options.check(&ranks)?;
        let (num_experts, num_ranks) = (home.len(), ranks.count());
        if num_experts == 0 {
            return Err(Error::value("home", "the rank of at least one expert", "none"));
        }
        if let Some(expert) = home.iter().position(|&rank| rank as usize >= num_ranks) {
            let got = format!("{} for expert {expert}", home[expert]);
            return Err(Error::value("home", format!("below {num_ranks} everywhere"), got));
        }
        let mut first_native = vec![0; num_ranks + 1];
        for &rank in home {
            first_native[rank as usize + 1] += 1;
        }
        (0..num_ranks).for_each(|rank| first_native[rank + 1] += first_native[rank]);
        let mut natives: Vec<u32> = (0..num_experts as u32).collect();
        sort_by(&mut natives, &|a, b| home[a as usize].cmp(&home[b as usize]));
        Ok(Self {
            home: home.to_vec(),
            far: ranks.node(num_ranks - 1) > 0 && options.cost.is_some_and(|cost| cost.transfer_inter > cost.transfer),
            first_native,
            natives,
            loads: vec![0; num_ranks],
            work: Vec::with_capacity(num_ranks),
            exact: vec![0; num_ranks],
            capacity: vec![0; num_ranks],
            links: Links::with_room(num_experts, num_ranks),
            foreign: vec![0; num_ranks],
            trial: Attempt::with_room(num_experts, num_ranks),
            best: Attempt::with_room(num_experts, num_ranks),
            transfers: Vec::with_capacity(num_experts + num_ranks),
            ranks,
            options,
        })
    }

    /// How many experts it plans for.
    pub fn num_experts(&self) -> usize {
        self.home.len()
    }

    /// How many ranks it plans for.
    pub fn num_ranks(&self) -> usize {
        self.ranks.count()
    }

    /// Transfers of the latest plan; a source has the weights before they leave it.
    pub fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// Tokens of each rank under the latest plan.
    pub fn loads(&self) -> &[u64] {
        &self.loads
    }

    /// Largest load over the mean under the latest plan, each for the speed of its rank.
    pub fn ratio(&self) -> f64 {
        self.ranks.ratio(&self.loads)
    }

    /// Decide what moves in a step in which expert `e` has `counts[e]` tokens.
    pub fn plan(&mut self, counts: &[u64]) -> Result<Outcome> {
        self.transfers.clear();
        let total = self.gather(counts)?;
        if total == 0 {
            return Ok(Outcome { reason: Reason::Empty, before: 0, after: 0 });
        }
        let cost = self.options.cost;
        cost.iter().try_for_each(|cost| cost.check(total, self.home.len(), &self.ranks))?;
        self.fill_work(counts);
        let before = if cost.is_some() { slowest(&self.work, &self.ranks) } else { 0 };
        capacity::fill_exact(&mut self.exact, total, &self.ranks);
        self.sort_natives(counts);
        let (reason, after) = self.search(counts, total, before);
        if let Reason::Spill(_) = reason {
            self.accept();
        }
        Ok(Outcome { reason, before, after })
    }

    /// Sum the tokens of each rank, and in all.
    fn gather(&mut self, counts: &[u64]) -> Result<u64> {
        if counts.len() != self.home.len() {
            let got = format!("({},)", counts.len());
            return Err(Error::shape("count", format!("({},)", self.home.len()), got));
        }
        let mut total: u64 = 0;
        for (expert, &count) in counts.iter().enumerate() {
            total = total.saturating_add(count);
            if total > MOST_TOKENS {
                let got = format!("more up to expert {expert}");
                return Err(Error::value("count", format!("at most {MOST_TOKENS} tokens in all"), got));
            }
        }
        self.loads.fill(0);
        for (&rank, &count) in self.home.iter().zip(counts) {
            self.loads[rank as usize] += count;
        }
        for (rank, &load) in self.loads.iter().enumerate() {
            if load > 0 && !self.ranks.is_alive(rank) {
                let of_it = |expert: &usize| self.home[*expert] as usize == rank && counts[*expert] > 0;
                let expert = (0..counts.len()).find(of_it).unwrap_or_default();
                let got = format!("rank {rank} for expert {expert}, which has {} tokens", counts[expert]);
                return Err(Error::value("home", "a rank that is alive for every expert with tokens", got));
            }
        }
        Ok(total)
    }

    fn fill_work(&mut self, counts: &[u64]) {
        self.work.clear();
        let Some(cost) = self.options.cost else { return };
        self.work.resize(self.loads.len(), 0);
        for (&rank, &count) in self.home.iter().zip(counts) {
            self.work[rank as usize] += cost.block(count);
        }
    }

    /// Largest expert first, on the ranks that have too much.
    fn sort_natives(&mut self, counts: &[u64]) {
        for rank in 0..self.loads.len() {
            if self.loads[rank] > self.exact[rank] {
                let range = self.first_native[rank] as usize..self.first_native[rank + 1] as usize;
                let key = |&expert: &u32| (std::cmp::Reverse(counts[expert as usize]), expert);
                self.natives[range].sort_unstable_by_key(key);
            }
        }
    }

    /// Leave the best attempt in `best`.
    fn search(&mut self, counts: &[u64], total: u64, before: u64) -> (Reason, u64) {
        let fixed;
        let tolerances: &[u32] = match self.options.tolerance {
            Tolerance::Auto => &SWEEP,
            Tolerance::Fixed(tolerance) => {
                fixed = [tolerance];
                &fixed
            }
        };
        // Near ranks are worth a look only where links differ.
        let orders = if self.far { &ORDERS[..] } else { &ORDERS[..3] };
        let mut found: Option<(Score, u32)> = None;
        for &tolerance in tolerances {
            capacity::fill(&mut self.capacity, &self.exact, total, &self.ranks, tolerance);
            if self.loads.iter().zip(&self.capacity).all(|(load, capacity)| load <= capacity) {
                break;
            }
            for &order in orders {
                let tried = self.attempt(counts, order, self.options.relay);
                let Some(score) = tried.or_else(|| self.attempt(counts, order, false)) else { continue };
                if found.is_none_or(|(best, _)| score < best) {
                    std::mem::swap(&mut self.trial, &mut self.best);
                    found = Some((score, tolerance));
                }
            }
        }
        match found {
            None => (Reason::Balanced, before),
            Some(_) if self.best.pieces.is_empty() => (Reason::Limits, before),
            Some((score, _)) if self.options.cost.is_some() && score.time >= before => {
                (Reason::NotWorth(score.time), before)
            }
            Some((score, tolerance)) => (Reason::Spill(tolerance), score.time),
        }
    }

    /// Make an attempt; nothing if some rank would have to send too often.
    fn attempt(&mut self, counts: &[u64], order: Order, relay: bool) -> Option<Score> {
        let largest = self.capacity.iter().copied().max().unwrap_or_default();
        let start = Start {
            ranks: &self.ranks,
            options: &self.options,
            counts,
            loads: &self.loads,
            capacity: &self.capacity,
            natives: &self.natives,
            first_native: &self.first_native,
            work: &self.work,
            // A smallest piece that no rank could hold would keep everything at home.
            min_tokens: self.options.min_tokens.clamp(1, largest.max(1)),
            relay,
        };
        self.trial.run(&start, order);
        let mut time = 0;
        if self.options.cost.is_some() || relay {
            let of_link = Time { cost: self.options.cost.as_ref(), ranks: &self.ranks };
            let pieces = &mut self.trial.pieces;
            let links = if relay {
                self.links.relayed(pieces, &of_link, self.options.max_out)?
            } else {
                self.links.direct(pieces, &of_link, self.options.max_out)?
            };
            let work = |cost: &Cost| slowest(&self.trial.work, &self.ranks) + exposed(links, cost);
            time = self.options.cost.as_ref().map_or(0, work);
        }
        let moved = self.trial.pieces.iter().map(|piece| piece.tokens).sum();
        let excess = self.trial.excess;
        let wanted = if self.options.tolerance == Tolerance::Auto { 0 } else { excess };
        Some(Score { wanted, time, transfers: self.trial.pieces.len() as u64, excess, moved })
    }

    /// Turn the best attempt into transfers and loads.
    fn accept(&mut self) {
        self.foreign.fill(0);
        for piece in &self.best.pieces {
            let Piece { expert, source, destination, tokens } = *piece;
            let slot = self.foreign[destination as usize];
            self.foreign[destination as usize] += 1;
            self.loads[self.home[expert as usize] as usize] -= tokens;
            self.loads[destination as usize] += tokens;
            self.transfers.push(Transfer { expert, source, destination, slot, tokens });
        }
    }
}

/// Time of the rank that ends last.
fn slowest(work: &[u64], ranks: &Ranks) -> u64 {
    let time = |(rank, &work): (usize, &u64)| work * 1000 / u64::from(ranks.speed(rank).max(1));
    work.iter().enumerate().map(time).max().unwrap_or_default()
}

/// What nothing hides of the time of transfers.
fn exposed(links: u64, cost: &Cost) -> u64 {
    links * cost.exposed / WHOLE
}
