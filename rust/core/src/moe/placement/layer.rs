//! The plan of one layer, cell by cell.

use super::budget::Path;
use super::cell::{Cell, shift_of};
use super::scratch::Scratch;
use super::search::Search;
use super::{ABSENT, Problem, nodes, polish, resume, sized};
use crate::{Error, Result};

/// Swaps after packing a layer from nothing: enough for hundredths, and still less work than the packing.
const MOST_SWAPS: usize = 32;

/// Slots looked at in steps of any kind after that, where swaps did not suffice; a step looks at all, and four are
/// made.
const MOST_LOOKS: usize = 2048;

/// What one thread needs, kept from layer to layer.
#[derive(Debug, Default)]
pub(super) struct Worker {
    cell: Cell,
    scratch: Scratch,
    search: Search,
}

impl Worker {
    /// Fill the map of a layer. With a limit on moves it is left before the first step, and the steps are returned.
    pub(super) fn layer(&mut self, map: &mut [i64], problem: &Problem<'_>, layer: usize) -> Result<Vec<Path>> {
        let loads = problem.layer(layer);
        let shift = shift_of(loads.iter().filter(|&&load| load != ABSENT).sum());
        map.fill(-1);
        let present = |expert: usize| loads[expert] != ABSENT;
        let Some(groups) = problem.groups else {
            self.cell.set_experts(loads, shift, present);
            self.cell.set_ranks(problem.ranks, problem.slot_start, |_| true);
            return Ok(self.cell(map, problem, layer, shift)?.into_iter().collect());
        };
        let node_of = nodes::assign(problem, layer, groups)?;
        let per_group = problem.num_experts / groups;
        let mut paths = Vec::new();
        for node in 0..=problem.ranks.node(problem.ranks.count() - 1) {
            self.cell.set_experts(loads, shift, |expert| present(expert) && node_of[expert / per_group] == node);
            if self.cell.num_experts() > 0 {
                self.cell.set_ranks(problem.ranks, problem.slot_start, |rank| problem.ranks.node(rank) == node);
                paths.extend(self.cell(map, problem, layer, shift)?);
            }
        }
        Ok(paths)
    }

    fn cell(&mut self, map: &mut [i64], problem: &Problem<'_>, layer: usize, shift: u32) -> Result<Option<Path>> {
        let cell = &mut self.cell;
        cell.set_memory(problem.sizes_of(layer), problem.memory, problem.slot_start);
        let limit = cell.limit(problem.target);
        let full = |expert: usize| {
            let got = format!("no rank that is alive with room for expert {expert} of layer {layer}");
            Error::value("capacity", "larger, or the experts smaller", got)
        };
        let Some(previous) = problem.previous_layer(layer) else {
            if cell.is_sized() {
                sized::fill(cell).map_err(full)?;
            } else {
                self.scratch.fill(cell);
            }
            let swaps = cell.num_ranks().min(MOST_SWAPS);
            polish::run(cell, limit, swaps);
            let steps = (MOST_LOOKS / cell.slots.len().max(1)).max(4);
            self.search.run_free(cell, limit, steps);
            cell.export(map);
            return Ok(None);
        };
        resume::load(cell, previous);
        let lost = resume::restore(cell).map_err(full)?;
        if problem.max_moves.is_none() {
            self.search.run(cell, limit, None);
            cell.export(map);
            return Ok(None);
        }
        cell.export(map);
        let most = (0..cell.num_ranks()).map(|rank| cell.rank_time(rank)).max().unwrap_or(0);
        let mut steps = Vec::new();
        self.search.run(cell, limit, Some(&mut steps));
        Ok(Some(Path { layer, shift, lost, most, steps }))
    }
}
