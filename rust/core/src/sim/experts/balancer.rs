//! Which rank computes which tokens of a layer, under each balancer, with the planners that serve in production.

use std::num::NonZeroUsize;

use super::draw::Chances;
use crate::cost::LayerTimes;
use crate::moe::placement::{self, Problem};
use crate::moe::spill::{self, Spiller, Tolerance};
use crate::moe::split::{Copies, Objective, Splitter};
use crate::moe::{Cost, Ranks, WHOLE};
use crate::{Error, Result};

/// Ratio of slowest rank to mean, in millionths, down to which a placement is changed; as the policy for vLLM.
const TARGET: u64 = 1_020_000;

/// Foreign experts for which each rank has room in a step.
const FOREIGN: u32 = 2;

/// A share of the load as a count.
const WHOLE_LOAD: f64 = (1_u64 << 32) as f64;

/// Who decides where tokens go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancer {
    /// Every expert on its home rank.
    None,
    /// A new placement every interval, tokens shared equally between copies.
    Eplb,
    /// A placement that goes on from the one before, tokens shared equally.
    Placement,
    /// The same placement, tokens shared as well as possible.
    Split,
    /// Tokens and weights that move for one step.
    Spill,
}

impl Balancer {
    /// By the name that users write.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "none" => Self::None,
            "eplb" => Self::Eplb,
            "placement" => Self::Placement,
            "split" => Self::Split,
            "spill" => Self::Spill,
            _ => return Err(Error::value("expert_balancer", "none, eplb, placement, split or spill", name)),
        })
    }
}

/// One layer in one window of the load.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub chances: Chances,
    seats: Seats,
}

/// Where experts can be computed.
#[derive(Debug, Clone)]
enum Seats {
    /// The home rank of each, spilling or not.
    Home { rank: Vec<u32>, spills: bool },
    /// The ranks of all copies of each; tokens are shared equally.
    Equal(Vec<Vec<u32>>),
    /// Copies over which tokens are split, and the rank of each slot.
    Exact(Box<Splitter>, Vec<u32>),
}

/// Work of one step: tokens of experts on ranks, and the time that transfers add.
#[derive(Debug, Clone, Default)]
pub(super) struct Work {
    /// Rank and tokens of each expert's block.
    pub blocks: Vec<(u32, u64)>,
    /// Nanoseconds.
    pub links_ns: f64,
}

/// Layers of one window.
pub(super) type Window = Vec<Chances>;

/// Plan every layer of `windows` after the first from the window before it; of a single one from itself. Also returns
/// how many experts the rank fetches that fetches most, in a mean layer at a change of the placement.
pub(super) fn serve(
    windows: &[Window],
    balancer: Balancer,
    num_slots: usize,
    ranks: &Ranks,
) -> Result<(Vec<Served>, f64)> {
    let num_experts = windows[0][0].inclusion.len();
    let slot_start = shares_of(num_slots, ranks.count());
    let mut before: Option<Vec<i64>> = None;
    let (mut served, mut fetched, mut changes) = (Vec::new(), 0, 0);
    let first = usize::from(windows.len() > 1);
    for window in first..windows.len() {
        let placed = match balancer {
            Balancer::None | Balancer::Spill => None,
            _ => {
                let seen = &windows[window.saturating_sub(1)];
                let previous = before.as_deref().filter(|_| balancer != Balancer::Eplb);
                Some(place(seen, num_experts, &slot_start, ranks, previous)?)
            }
        };
        if let (Some(new), Some(old)) = (&placed, &before) {
            fetched += most_fetched(new, old, &slot_start);
            changes += windows[window].len();
        }
        for (layer, chances) in windows[window].iter().enumerate() {
            let map = placed.as_ref().map(|maps| &maps[layer * num_slots..(layer + 1) * num_slots]);
            let seats = Seats::new(balancer, map, num_experts, &slot_start, ranks)?;
            served.push(Served { chances: chances.clone(), seats });
        }
        before = placed.or(before);
    }
    Ok((served, if changes == 0 { 0.0 } else { fetched as f64 / changes as f64 }))
}

/// Slots or experts of rank `r`: `start[r]..start[r + 1]`, what does not divide on the first ranks.
fn shares_of(count: usize, ranks: usize) -> Vec<usize> {
    (0..=ranks).map(|rank| rank * (count / ranks) + rank.min(count % ranks)).collect()
}

fn place(
    seen: &Window,
    num_experts: usize,
    slot_start: &[usize],
    ranks: &Ranks,
    previous: Option<&[i64]>,
) -> Result<Vec<i64>> {
    let loads: Vec<u64> =
        seen.iter().flat_map(|chances| &chances.inclusion).map(|share| (share * WHOLE_LOAD).round() as u64).collect();
    let mut maps = vec![0; seen.len() * slot_start[ranks.count()]];
    let mut ratio = vec![0.0; seen.len()];
    let problem = Problem {
        loads: &loads,
        num_experts,
        slot_start,
        ranks,
        previous,
        target: TARGET,
        max_moves: None,
        groups: None,
        sizes: None,
        memory: &[],
    };
    placement::place(&mut maps, &mut ratio, &problem, Some(NonZeroUsize::MIN))?;
    Ok(maps)
}

/// Experts that the rank fetches which fetches most, summed over layers.
fn most_fetched(new: &[i64], old: &[i64], slot_start: &[usize]) -> usize {
    let num_slots = slot_start[slot_start.len() - 1];
    let layers = new.chunks_exact(num_slots).zip(old.chunks_exact(num_slots));
    let of_rank = |new: &[i64], old: &[i64], rank: &[usize]| {
        let held = &old[rank[0]..rank[1]];
        new[rank[0]..rank[1]].iter().filter(|&&expert| expert >= 0 && !held.contains(&expert)).count()
    };
    layers.map(|(new, old)| slot_start.windows(2).map(|rank| of_rank(new, old, rank)).max().unwrap_or_default()).sum()
}

impl Seats {
    fn new(
        balancer: Balancer,
        map: Option<&[i64]>,
        num_experts: usize,
        slot_start: &[usize],
        ranks: &Ranks,
    ) -> Result<Self> {
        let Some(map) = map else {
            let start = shares_of(num_experts, ranks.count());
            let rank = (0..num_experts).map(|expert| start.partition_point(|&first| first <= expert) as u32 - 1);
            return Ok(Self::Home { rank: rank.collect(), spills: balancer == Balancer::Spill });
        };
        let owner: Vec<u32> =
            (0..map.len()).map(|slot| slot_start.partition_point(|&first| first <= slot) as u32 - 1).collect();
        if balancer == Balancer::Split {
            let starts: Vec<u32> = slot_start.iter().map(|&start| start as u32).collect();
            let splitter = Splitter::new(Copies::new(map, &starts, num_experts, ranks.clone())?);
            return Ok(Self::Exact(Box::new(splitter), owner));
        }
        let mut seats = vec![Vec::new(); num_experts];
        for (&expert, &rank) in map.iter().zip(&owner).filter(|(expert, _)| **expert >= 0) {
            seats[expert as usize].push(rank);
        }
        Ok(Self::Equal(seats))
    }
}

impl Served {
    /// Undo what was spilled; false if nothing was.
    pub(super) fn stay(&self, work: &mut Work, counts: &[u64]) -> bool {
        let Seats::Home { rank, spills: true } = &self.seats else { return false };
        if work.blocks.len() == counts.len() {
            return false;
        }
        work.blocks.clear();
        work.blocks.extend(rank.iter().copied().zip(counts.iter().copied()));
        work.links_ns = 0.0;
        true
    }
}

/// What the planners of single steps need besides the counts.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    cost: Cost,
    ranks: &'a Ranks,
    spiller: Option<Spiller>,
}

impl<'a> Planner<'a> {
    /// For layers with these times; a transfer to another node takes `inter` times as long.
    pub(super) fn new(times: &LayerTimes, inter: f64, ranks: &'a Ranks) -> Self {
        let picoseconds = |ns: f64| (ns * 1000.0).round().max(0.0) as u64;
        let slope = (times.block.at(8192.0) - times.block.at(4096.0)) / 4096.0;
        let cost = Cost {
            token: picoseconds(slope).max(1),
            expert: picoseconds(times.block.at(1.0)),
            launch: 0,
            transfer: picoseconds(times.transfer_ns),
            transfer_inter: picoseconds(times.transfer_ns * inter),
            exposed: WHOLE,
        };
        Self { cost, ranks, spiller: None }
    }

    /// Fill `work` with what a step with these counts does under the balancer of `served`.
    pub(super) fn plan(&mut self, work: &mut Work, served: &Served, counts: &[u64]) -> Result<()> {
        work.blocks.clear();
        work.links_ns = 0.0;
        match &served.seats {
            Seats::Home { rank, spills: false } => work.blocks.extend(rank.iter().copied().zip(counts.iter().copied())),
            Seats::Home { rank, spills: true } => self.spill(work, rank, counts)?,
            Seats::Equal(seats) => {
                for (ranks, &count) in seats.iter().zip(counts) {
                    let copies = ranks.len() as u64;
                    for (number, &rank) in (0..).zip(ranks) {
                        work.blocks.push((rank, count / copies + u64::from(number < count % copies)));
                    }
                }
            }
            Seats::Exact(splitter, owner) => {
                let mut splitter = splitter.clone();
                splitter.split(counts, Objective::Cost(self.cost))?;
                for expert in 0..counts.len() {
                    let slots = splitter.copies().slots(expert).iter();
                    let parts = slots.zip(splitter.quota(expert));
                    work.blocks.extend(parts.map(|(&slot, &tokens)| (owner[slot as usize], tokens)));
                }
            }
        }
        Ok(())
    }

    fn spill(&mut self, work: &mut Work, home: &[u32], counts: &[u64]) -> Result<()> {
        if self.spiller.is_none() {
            let options = spill::Options {
                max_foreign: vec![FOREIGN; self.ranks.count()],
                relay: true,
                cost: Some(self.cost),
                ..spill::Options::unlimited(Tolerance::Auto, self.ranks.count())
            };
            self.spiller = Some(Spiller::new(home, self.ranks.clone(), options)?);
        }
        let Some(spiller) = &mut self.spiller else { return Ok(()) };
        let outcome = spiller.plan(counts)?;
        work.blocks.extend(home.iter().copied().zip(counts.iter().copied()));
        for transfer in spiller.transfers() {
            work.blocks[transfer.expert as usize].1 -= transfer.tokens;
            work.blocks.push((transfer.destination, transfer.tokens));
        }
        if !spiller.transfers().is_empty() {
            let mut ends = vec![0; self.ranks.count()];
            work.blocks.iter().for_each(|&(rank, tokens)| ends[rank as usize] += self.cost.block(tokens));
            let latest = ends.into_iter().max().unwrap_or_default();
            work.links_ns = outcome.after.saturating_sub(latest) as f64 / 1000.0;
        }
        Ok(())
    }
}
