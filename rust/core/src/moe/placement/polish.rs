//! Swaps after packing: the slowest rank and another exchange the two experts that bring both closest together.
//!
//! For a placement from nothing, where moving costs nothing: partners are tried from the fastest on, and the first
//! that helps is taken. It ends when the slowest rank finds no partner.

use super::cell::Cell;

/// Make at most `most_steps` swaps, until no rank takes longer than `limit`.
pub(super) fn run(cell: &mut Cell, limit: u64, most_steps: usize) {
    let mut by_time: Vec<(u64, u32)> = Vec::with_capacity(cell.num_ranks());
    for _ in 0..most_steps {
        by_time.clear();
        by_time.extend((0..cell.num_ranks()).map(|rank| (cell.rank_time(rank), rank as u32)));
        by_time.sort_unstable();
        let Some(&(most, hot)) = by_time.last() else { return };
        if most <= limit {
            return;
        }
        let partner =
            |&(time, rank): &(u64, u32)| (time < most).then(|| best_pair(cell, hot as usize, rank as usize)).flatten();
        let Some((from, to)) = by_time.iter().find_map(partner) else { return };
        cell.swap(from, to);
    }
}

/// The slots of two ranks whose exchange leaves the slower of the two fastest; none if that is no better than now.
fn best_pair(cell: &Cell, hot: usize, cold: usize) -> Option<(usize, usize)> {
    let mut least = cell.rank_time(hot);
    let mut best = None;
    let share = |slot: usize| cell.share[cell.slots[slot] as usize];
    for from in cell.filled_slots(hot) {
        for to in cell.filled_slots(cold) {
            let Some(less) = share(from).checked_sub(share(to)).filter(|&less| less > 0) else { continue };
            let time = cell.time(hot, cell.rank_load[hot] - less).max(cell.time(cold, cell.rank_load[cold] + less));
            let (given, taken) = (cell.slots[from], cell.slots[to]);
            let fits = cell.fits(cold, given, taken) && cell.fits(hot, taken, given);
            if time < least && fits && !cell.has_twice(cold, given) && !cell.has_twice(hot, taken) {
                (least, best) = (time, Some((from, to)));
            }
        }
    }
    best
}
