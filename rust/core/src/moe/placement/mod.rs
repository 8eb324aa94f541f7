//! Which copy of an expert sits in which slot, layer by layer.
//!
//! From nothing: copies by load, packed heaviest first (`scratch`), then swaps (`polish`). From an earlier placement:
//! as few fetched copies as it takes to get below a ratio (`search`). Every layer is planned by itself, so that results
//! do not depend on the number of threads.

mod cell;
mod maps;
mod polish;
mod resume;
mod scratch;
mod search;

use std::num::NonZeroUsize;

use self::cell::{Cell, shift_of};
use self::scratch::Scratch;
use self::search::Search;
use super::Ranks;
use crate::parallel;
use crate::{Error, Result};

pub use self::maps::{append_moves, changed_slots, count_copies, slots_of_experts};

/// Load of an expert that a layer does not have.
pub const ABSENT: u64 = u64::MAX;

/// Loads of a layer sum to less than this, so that their shares are compared exactly enough.
pub const MOST_LOAD: u64 = 1 << 53;

/// Swaps after packing a layer from nothing: enough for hundredths, and still less work than the packing.
const MOST_SWAPS: usize = 32;

/// Bytes that placing a slot is worth when choosing the number of threads.
const WORK_PER_SLOT: usize = 512;

/// What is to be placed where.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Tokens of each expert, layer by layer; [`ABSENT`] where a layer has no such expert.
    pub loads: &'a [u64],
    /// Experts of a layer, absent ones included.
    pub num_experts: usize,
    /// Slots of rank r: `slot_start[r]..slot_start[r + 1]`, in every layer.
    pub slot_start: &'a [usize],
    /// Nodes and speeds.
    pub ranks: &'a Ranks,
    /// A placement to start from, slot by slot; -1 is an empty slot.
    pub previous: Option<&'a [i64]>,
    /// Ratio, in millionths, that is good enough.
    pub target: u64,
}

impl Problem<'_> {
    fn num_layers(&self) -> usize {
        self.loads.len() / self.num_experts
    }

    fn num_slots(&self) -> usize {
        self.slot_start[self.ranks.count()]
    }

    fn layer(&self, layer: usize) -> &[u64] {
        &self.loads[layer * self.num_experts..(layer + 1) * self.num_experts]
    }

    fn check(&self) -> Result<()> {
        let num_ranks = self.ranks.count();
        if self.num_experts == 0 || !self.loads.len().is_multiple_of(self.num_experts) {
            return Err(Error::shape("load", "(num_layers, num_experts)", self.loads.len()));
        }
        if self.slot_start.len() != num_ranks + 1 || self.slot_start[0] != 0 || !self.slot_start.is_sorted() {
            return Err(Error::shape("slot_start", format!("({},)", num_ranks + 1), self.slot_start.len()));
        }
        let slots = self.num_layers() * self.num_slots();
        if let Some(previous) = self.previous.filter(|previous| previous.len() != slots) {
            return Err(Error::shape("previous", format!("({slots},)"), previous.len()));
        }
        (0..self.num_layers()).try_for_each(|layer| self.check_layer(layer))
    }

    fn check_layer(&self, layer: usize) -> Result<()> {
        let present = self.layer(layer).iter().filter(|&&load| load != ABSENT);
        let (mut total, mut experts) = (0_u64, 0);
        for &load in present {
            total = total.saturating_add(load);
            experts += 1;
        }
        if total >= MOST_LOAD {
            return Err(Error::value("load", "less than 2^53 in each layer", format!("{total} in layer {layer}")));
        }
        let alive = |rank: &usize| self.ranks.is_alive(*rank);
        let slots: usize = (0..self.ranks.count())
            .filter(alive)
            .map(|rank| (self.slot_start[rank + 1] - self.slot_start[rank]).min(experts))
            .sum();
        if slots < experts {
            let expected = format!("at least {experts} on ranks that are alive, the experts of layer {layer}");
            return Err(Error::value("num_slots", expected, slots));
        }
        Ok(())
    }
}

/// Fill the expert of each slot, -1 where there is none, and the ratio of each layer.
///
/// The ratio is the time of the slowest rank over that of all ranks sharing the load by their speeds.
///
/// # Errors
/// If the arrays do not fit each other, a layer's load is too large, or there are more experts than slots.
pub fn place(
    physical_to_logical: &mut [i64],
    ratio: &mut [f64],
    problem: &Problem<'_>,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    problem.check()?;
    let (layers, slots) = (problem.num_layers(), problem.num_slots());
    if physical_to_logical.len() != layers * slots || ratio.len() != layers {
        return Err(Error::shape("physical_to_logical", format!("({layers}, {slots})"), physical_to_logical.len()));
    }
    let threads = parallel::num_threads(threads, layers * slots * WORK_PER_SLOT).min(layers).max(1);
    let rows = layers.div_ceil(threads).max(1);
    let parts = physical_to_logical.chunks_mut(rows * slots).zip(ratio.chunks_mut(rows)).enumerate().collect();
    parallel::each(parts, |(part, (maps, ratios)): (usize, (&mut [i64], &mut [f64]))| {
        let mut worker = Worker::default();
        for (at, (map, ratio)) in maps.chunks_mut(slots).zip(ratios).enumerate() {
            worker.layer(map, problem, part * rows + at);
            *ratio = ratio_of(map, problem, part * rows + at);
        }
    });
    Ok(())
}

/// What one thread needs, kept from layer to layer.
#[derive(Debug, Default)]
struct Worker {
    cell: Cell,
    scratch: Scratch,
    search: Search,
}

impl Worker {
    fn layer(&mut self, map: &mut [i64], problem: &Problem<'_>, layer: usize) {
        let loads = problem.layer(layer);
        let total = loads.iter().filter(|&&load| load != ABSENT).sum();
        self.cell.set_experts(loads, shift_of(total), |expert| loads[expert] != ABSENT);
        self.cell.set_ranks(problem.ranks, problem.slot_start, |_| true);
        let limit = self.cell.limit(problem.target);
        if let Some(previous) = problem.previous {
            let slots = problem.num_slots();
            resume::load(&mut self.cell, &previous[layer * slots..(layer + 1) * slots]);
            resume::restore(&mut self.cell);
            self.search.run(&mut self.cell, limit);
        } else {
            self.scratch.fill(&mut self.cell);
            let swaps = self.cell.num_ranks().min(MOST_SWAPS);
            polish::run(&mut self.cell, limit, swaps);
        }
        map.fill(-1);
        self.cell.export(map);
    }
}

/// Time of the slowest rank over the least possible, if each copy gets an equal share of its expert's load.
fn ratio_of(map: &[i64], problem: &Problem<'_>, layer: usize) -> f64 {
    let loads = problem.layer(layer);
    let mut copies = vec![0_u32; loads.len()];
    for &expert in map.iter().filter(|&&expert| expert >= 0) {
        copies[expert as usize] += 1;
    }
    let share = |&expert: &i64| loads[expert as usize] as f64 / f64::from(copies[expert as usize]);
    let (mut most, mut speeds) = (0.0_f64, 0.0);
    for rank in (0..problem.ranks.count()).filter(|&rank| problem.ranks.is_alive(rank)) {
        let held = &map[problem.slot_start[rank]..problem.slot_start[rank + 1]];
        let load: f64 = held.iter().filter(|&&expert| expert >= 0).map(share).sum();
        let speed = f64::from(problem.ranks.speed(rank));
        most = most.max(load / speed);
        speeds += speed;
    }
    let total: u64 = loads.iter().filter(|&&load| load != ABSENT).sum();
    if total == 0 { 1.0 } else { most / (total as f64 / speeds) }
}
