//! A placement from nothing of experts that take different amounts of memory.
//!
//! First one copy of each, largest first (best fit decreasing, if the rank that is done first has no memory left);
//! then, as long as one fits somewhere, a further copy of the expert whose copies carry most.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cell::{Cell, EMPTY};
use crate::order::sort_by;

/// Fill the empty cell.
///
/// # Errors
/// With the number of an expert that found no rank with memory left.
pub(super) fn fill(cell: &mut Cell) -> Result<(), usize> {
    if first_copies(cell, false).is_err() {
        cell.clear();
        first_copies(cell, true)?;
    }
    further_copies(cell);
    Ok(())
}

/// Place one copy of each expert: on the rank that is done first, or where least memory is left.
fn first_copies(cell: &mut Cell, tight: bool) -> Result<(), usize> {
    let mut order: Vec<usize> = (0..cell.num_experts()).collect();
    let key = |expert: usize| (Reverse(cell.size[expert]), Reverse(cell.load[expert]), expert);
    sort_by(&mut order, &|a, b| key(a).cmp(&key(b)));
    for expert in order {
        let key = |rank: usize| {
            let time = cell.time(rank, cell.rank_load[rank] + cell.load[expert]);
            (if tight { cell.left(rank) } else { 0 }, time, rank)
        };
        let rank = (0..cell.num_ranks())
            .filter(|&rank| cell.has_room(rank) && cell.fits(rank, expert as u32, EMPTY))
            .min_by_key(|&rank| key(rank));
        cell.place(rank.ok_or(cell.experts[expert] as usize)?, expert);
    }
    Ok(())
}

fn further_copies(cell: &mut Cell) {
    let entry = |cell: &Cell, expert: usize| (cell.share[expert], Reverse(cell.copies(expert)), Reverse(expert));
    let mut heap: BinaryHeap<_> = (0..cell.num_experts()).map(|expert| entry(cell, expert)).collect();
    while let Some((_, _, Reverse(expert))) = heap.pop() {
        let share = cell.load[expert] / (cell.copies(expert) as u64 + 1);
        let rank = (0..cell.num_ranks())
            .filter(|&rank| cell.has_room(rank) && cell.fits(rank, expert as u32, EMPTY) && !cell.holds(rank, expert))
            .min_by_key(|&rank| (cell.time(rank, cell.rank_load[rank] + share), cell.filled[rank], rank));
        // An expert that fits nowhere now never will again: ranks only fill up.
        if let Some(rank) = rank {
            cell.fill(cell.start[rank] + cell.filled[rank] as usize, expert);
            heap.push(entry(cell, expert));
        }
    }
}
