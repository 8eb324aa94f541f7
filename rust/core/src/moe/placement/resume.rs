//! A cell as an earlier placement left it, with copies for those experts that lost all of theirs.

use super::cell::{Cell, EMPTY};

/// Put the copies of `map` into the empty cell. What is on dead ranks, unknown, or there twice is left out.
pub(super) fn load(cell: &mut Cell, map: &[i64]) {
    for rank in 0..cell.num_ranks() {
        for slot in cell.start[rank]..cell.start[rank + 1] {
            let held = map[cell.origin[rank] + slot - cell.start[rank]];
            let Ok(expert) = cell.experts.binary_search(&u32::try_from(held).unwrap_or(EMPTY)) else { continue };
            if !cell.holds(rank, expert) && cell.has_room(rank) {
                cell.fill(slot, expert);
            }
        }
    }
}

/// Give each expert without a copy one, heaviest first; returns how many had none.
///
/// It goes where the time is least afterwards: into an empty slot, or in place of one of several copies of an expert.
pub(super) fn restore(cell: &mut Cell) -> usize {
    let mut lost: Vec<usize> = (0..cell.num_experts()).filter(|&expert| cell.copies(expert) == 0).collect();
    lost.sort_by_key(|&expert| (std::cmp::Reverse(cell.load[expert]), expert));
    for &expert in &lost {
        let spare = |slot: usize| {
            let (rank, held) = (cell.rank_of[slot] as usize, cell.slots[slot]);
            if held == EMPTY {
                return cell.has_room(rank).then(|| cell.time(rank, cell.rank_load[rank] + cell.load[expert]));
            }
            let held = held as usize;
            (cell.copies(held) > 1)
                .then(|| cell.time(rank, cell.rank_load[rank] + cell.load[expert] - cell.share[held]))
        };
        let slot = (0..cell.slots.len()).filter_map(|slot| spare(slot).map(|time| (time, slot))).min();
        let Some((_, slot)) = slot else { break };
        if cell.slots[slot] != EMPTY {
            cell.empty(slot);
        }
        cell.fill(slot, expert);
    }
    lost.len()
}
