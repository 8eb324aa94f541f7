//! Binding of `paretoserve_core::moe::placement`.

use std::num::NonZeroUsize;

use paretoserve_core::moe::Ranks;
use paretoserve_core::moe::placement::{Problem, append_moves, changed_slots, count_copies, place, slots_of_experts};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill the expert of each slot, the copies of each expert and the ratio of each layer; returns the most copies.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per array and option of the Python function")]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn moe_placement(
    py: Python<'_>,
    mut physical_to_logical: Output<i64>,
    mut replica_count: Output<i64>,
    mut ratio: Output<f64>,
    loads: Input<u64>,
    slot_start: Vec<usize>,
    speed: Input<u32>,
    ranks_per_node: usize,
    previous: Option<Input<i64>>,
    target: u64,
    max_moves: Option<u64>,
    groups: Option<usize>,
    sizes: Option<Input<u64>>,
    memory: Vec<u64>,
    threads: Option<NonZeroUsize>,
) -> PyResult<i64> {
    let (maps, copies, ratio) =
        (physical_to_logical.as_mut_slice(), replica_count.as_mut_slice(), ratio.as_mut_slice());
    let (loads, speed) = (loads.as_slice(), speed.as_slice());
    let (previous, sizes) = (previous.as_ref().map(Input::as_slice), sizes.as_ref().map(Input::as_slice));
    detached(py, || {
        let ranks = Ranks::new(speed, ranks_per_node)?;
        let num_experts = loads.len() / ratio.len().max(1);
        let problem = Problem {
            loads,
            num_experts,
            slot_start: &slot_start,
            ranks: &ranks,
            previous,
            target,
            max_moves,
            groups,
            sizes,
            memory: &memory,
        };
        place(maps, ratio, &problem, threads)?;
        let slots = maps.len() / ratio.len().max(1);
        for (copies, map) in copies.chunks_mut(num_experts).zip(maps.chunks(slots)) {
            count_copies(copies, map);
        }
        Ok(copies.iter().copied().max().unwrap_or(0))
    })
}

/// Fill the slots of each expert; returns the moves from `previous`, five numbers each.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per array and size of the Python function")]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn moe_placement_maps(
    py: Python<'_>,
    mut logical_to_physical: Output<i64>,
    physical_to_logical: Input<i64>,
    previous: Option<Input<i64>>,
    num_layers: usize,
    width: usize,
    slot_start: Vec<usize>,
    speed: Input<u32>,
    ranks_per_node: usize,
) -> PyResult<Vec<i64>> {
    let (slots, maps) = (logical_to_physical.as_mut_slice(), physical_to_logical.as_slice());
    let (previous, speed) = (previous.as_ref().map(Input::as_slice), speed.as_slice());
    detached(py, || {
        let ranks = Ranks::new(speed, ranks_per_node)?;
        let (row, rest) = (maps.len() / num_layers, slots.len() / num_layers);
        for (slots, map) in slots.chunks_mut(rest).zip(maps.chunks(row)) {
            slots_of_experts(slots, map, width);
        }
        let mut moves = Vec::new();
        let mut sent = vec![0; ranks.count()];
        for (layer, (map, before)) in maps.chunks(row).zip(previous.unwrap_or(&[]).chunks(row)).enumerate() {
            if changed_slots(map, before).next().is_some() {
                append_moves(&mut moves, &mut sent, layer, map, before, &slot_start, &ranks);
            }
        }
        Ok(moves)
    })
}
