//! A cell as an earlier placement left it, with copies for those experts that lost all of theirs.

use std::cmp::Reverse;

use super::cell::{Cell, EMPTY};
use crate::order::sort_by;

/// Put the copies of `map` into the empty cell. What is on dead ranks, unknown, or there twice is left out.
pub(super) fn load(cell: &mut Cell, map: &[i64]) {
    for rank in 0..cell.num_ranks() {
        for slot in cell.start[rank]..cell.start[rank + 1] {
            let held = map[cell.origin[rank] + slot - cell.start[rank]];
            let Ok(expert) = cell.experts.binary_search(&u32::try_from(held).unwrap_or(EMPTY)) else { continue };
            if !cell.holds(rank, expert) && cell.has_room(rank) && cell.fits(rank, expert as u32, EMPTY) {
                cell.fill(slot, expert);
            }
        }
    }
}

/// Give each expert without a copy one, largest and heaviest first; returns how many had none.
///
/// It goes where the time is least afterwards: into an empty slot, or in place of one of several copies of an expert.
///
/// # Errors
/// With the number of the expert that fits nowhere.
pub(super) fn restore(cell: &mut Cell) -> std::result::Result<usize, usize> {
    let mut lost: Vec<usize> = (0..cell.num_experts()).filter(|&expert| cell.copies(expert) == 0).collect();
    let key =
        |expert: usize| (Reverse(cell.size.get(expert).copied().unwrap_or(0)), Reverse(cell.load[expert]), expert);
    sort_by(&mut lost, &|a, b| key(a).cmp(&key(b)));
    for &expert in &lost {
        let place =
            (0..cell.slots.len()).filter_map(|slot| time_with(cell, slot, expert).map(|time| (time, slot))).min();
        let (_, slot) = place.ok_or(cell.experts[expert] as usize)?;
        if cell.slots[slot] != EMPTY {
            cell.empty(slot);
        }
        cell.fill(slot, expert);
    }
    Ok(lost.len())
}

/// Time of a slot's rank if the only copy of an expert took it over; none if it cannot.
fn time_with(cell: &Cell, slot: usize, expert: usize) -> Option<u64> {
    let (rank, held) = (cell.rank_of[slot] as usize, cell.slots[slot]);
    let (free, gone) = if held == EMPTY {
        (cell.has_room(rank), 0)
    } else {
        (cell.copies(held as usize) > 1, cell.share[held as usize])
    };
    let possible = free && cell.fits(rank, expert as u32, held);
    possible.then(|| cell.time(rank, cell.rank_load[rank] + cell.load[expert] - gone))
}
