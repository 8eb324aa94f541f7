//! A placement from nothing: as many copies as there are slots, heaviest copies first onto the lightest ranks.
//!
//! Each slot beyond the first copies goes to the expert whose copies carry most; then all copies, from heavy to light,
//! go to the ranks that are done first with them. The copies of an expert are packed at once, onto different ranks.
//! That is the rule of EPLB but for the last point (Graham's LPT rule for the packing).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cell::Cell;

/// Memory that is used again for each layer.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    copies: Vec<u32>,
    order: Vec<(Reverse<u64>, u32)>,
    chosen: Vec<usize>,
}

impl Scratch {
    /// Fill the empty cell; it has a slot for each expert.
    pub(super) fn fill(&mut self, cell: &mut Cell) {
        self.replicate(cell);
        self.order.clear();
        self.order.extend(cell.share.iter().enumerate().map(|(expert, &share)| (Reverse(share), expert as u32)));
        self.order.sort_unstable();
        if cell.is_uniform() {
            self.pack_equal(cell);
        } else {
            self.pack_by_time(cell);
        }
        refill(cell);
    }

    /// Choose the number of copies of each expert, and set the shares accordingly.
    fn replicate(&mut self, cell: &mut Cell) {
        let most = cell.num_ranks() as u32;
        self.copies.clear();
        self.copies.resize(cell.num_experts(), 1);
        let spare = cell.usable_slots() - cell.num_experts();
        if spare == 0 || most == 1 {
            return;
        }
        // Of equal shares the expert with fewer copies goes first, so that idle experts get one each.
        let entry = |share, copies, expert| (share, Reverse(copies), Reverse(expert as u32));
        let mut heap: BinaryHeap<_> =
            cell.load.iter().enumerate().map(|(expert, &load)| entry(load, 1_u32, expert)).collect();
        for _ in 0..spare {
            let Some(mut top) = heap.peek_mut() else { break };
            let (_, Reverse(copies), Reverse(expert)) = *top;
            let (expert, copies) = (expert as usize, copies + 1);
            self.copies[expert] = copies;
            cell.share[expert] = cell.load[expert] / u64::from(copies);
            if copies == most {
                std::collections::binary_heap::PeekMut::pop(top);
            } else {
                *top = entry(cell.share[expert], copies, expert);
            }
        }
    }

    /// Pack onto ranks of one speed: the lightest with room; of several that with fewest copies, then the first.
    fn pack_equal(&mut self, cell: &mut Cell) {
        let key = |cell: &Cell, rank: usize| Reverse((cell.rank_load[rank], cell.filled[rank], rank));
        let mut heap: BinaryHeap<_> = (0..cell.num_ranks()).map(|rank| key(cell, rank)).collect();
        for &(_, expert) in &self.order {
            let expert = expert as usize;
            if self.copies[expert] == 1 {
                let Some(mut top) = heap.peek_mut() else { break };
                let Reverse((_, _, rank)) = *top;
                cell.place(rank, expert);
                if cell.has_room(rank) {
                    *top = key(cell, rank);
                } else {
                    std::collections::binary_heap::PeekMut::pop(top);
                }
                continue;
            }
            self.chosen.clear();
            while self.chosen.len() < self.copies[expert] as usize
                && let Some(Reverse((_, _, rank))) = heap.pop()
            {
                self.chosen.push(rank);
            }
            self.place_chosen(cell, expert);
            heap.extend(self.chosen.iter().filter(|&&rank| cell.has_room(rank)).map(|&rank| key(cell, rank)));
        }
    }

    /// Pack onto ranks of any speed: the one that is done first with the copy; ties as for equal ranks.
    fn pack_by_time(&mut self, cell: &mut Cell) {
        for at in 0..self.order.len() {
            let expert = self.order[at].1 as usize;
            let done =
                |rank: usize| (cell.time(rank, cell.rank_load[rank] + cell.share[expert]), cell.filled[rank], rank);
            self.chosen.clear();
            self.chosen.extend((0..cell.num_ranks()).filter(|&rank| cell.has_room(rank)));
            let copies = (self.copies[expert] as usize).min(self.chosen.len());
            if copies < self.chosen.len() {
                self.chosen.select_nth_unstable_by_key(copies - 1, |&rank| done(rank));
                self.chosen.truncate(copies);
            }
            self.place_chosen(cell, expert);
        }
    }

    /// Put one copy on each chosen rank; if there are fewer than planned, each gets more of the load.
    fn place_chosen(&self, cell: &mut Cell, expert: usize) {
        cell.share[expert] = cell.load[expert] / self.chosen.len() as u64;
        for &rank in &self.chosen {
            cell.place(rank, expert);
        }
    }
}

/// Fill slots that stayed empty: their rank had the expert whose turn it was.
///
/// Lightest rank first; it gets a copy of the expert that carries most of those it lacks.
fn refill(cell: &mut Cell) {
    while let Some(rank) =
        (0..cell.num_ranks()).filter(|&rank| cell.has_room(rank)).min_by_key(|&rank| (cell.rank_time(rank), rank))
    {
        let lacking = (0..cell.num_experts()).filter(|&expert| !cell.holds(rank, expert));
        let Some(expert) = lacking.max_by_key(|&expert| (cell.share[expert], Reverse(expert))) else { return };
        cell.fill(cell.start[rank] + cell.filled[rank] as usize, expert);
    }
}
