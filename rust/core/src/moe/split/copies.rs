//! Which ranks have a copy of each expert.

use crate::moe::Ranks;
use crate::{Error, Result};

/// Copies of one layer's experts, by expert and by rank. Of several on one rank the first counts.
#[derive(Debug, Clone)]
pub struct Copies {
    pub(super) ranks: Ranks,
    /// Copies of expert `e` are numbered `start[e]..start[e + 1]`, by slot.
    pub(super) start: Vec<u32>,
    pub(super) rank: Vec<u32>,
    pub(super) slot: Vec<u32>,
    pub(super) expert: Vec<u32>,
    /// Copies on rank `r` of experts that have others: `of_rank[rank_start[r]..rank_start[r + 1]]`.
    pub(super) rank_start: Vec<u32>,
    pub(super) of_rank: Vec<u32>,
}

impl Copies {
    /// From the expert in each slot, -1 if empty; rank `r` owns the slots `slot_start[r]..slot_start[r + 1]`.
    pub fn new(physical_to_logical: &[i64], slot_start: &[u32], num_experts: usize, ranks: Ranks) -> Result<Self> {
        let num_slots = physical_to_logical.len();
        let ends = slot_start.last().is_some_and(|&end| end as usize == num_slots);
        if slot_start.len() != ranks.count() + 1 || !slot_start.is_sorted() || slot_start[0] != 0 || !ends {
            let expected = format!("{} rising numbers from 0 to {num_slots}", ranks.count() + 1);
            return Err(Error::value("slot_start", expected, format!("{slot_start:?}")));
        }
        let mut found: Vec<[u32; 3]> = Vec::with_capacity(num_slots);
        for rank in 0..ranks.count() {
            for slot in slot_start[rank]..slot_start[rank + 1] {
                let expert = physical_to_logical[slot as usize];
                if !(-1..num_experts as i64).contains(&expert) {
                    let expected = format!("an expert below {num_experts} or -1 everywhere");
                    return Err(Error::value("physical_to_logical", expected, format!("{expert} in slot {slot}")));
                }
                if expert >= 0 && ranks.is_alive(rank) {
                    found.push([expert as u32, rank as u32, slot]);
                }
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|copy| [copy[0], copy[1]]);
        let start = starts(num_experts, found.iter().map(|copy| copy[0]));
        let mut shared: Vec<[u32; 2]> = Vec::with_capacity(found.len());
        for (copy, &[expert, rank, _]) in found.iter().enumerate() {
            if start[expert as usize + 1] - start[expert as usize] > 1 {
                shared.push([rank, copy as u32]);
            }
        }
        shared.sort_unstable();
        Ok(Self {
            rank_start: starts(ranks.count(), shared.iter().map(|copy| copy[0])),
            of_rank: shared.iter().map(|copy| copy[1]).collect(),
            start,
            rank: found.iter().map(|copy| copy[1]).collect(),
            slot: found.iter().map(|copy| copy[2]).collect(),
            expert: found.iter().map(|copy| copy[0]).collect(),
            ranks,
        })
    }

    /// How many experts there are.
    pub fn num_experts(&self) -> usize {
        self.start.len() - 1
    }

    /// Most copies of one expert that count.
    pub fn most(&self) -> usize {
        self.start.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or_default()
    }

    /// The copies of an expert.
    pub(super) fn of(&self, expert: usize) -> std::ops::Range<usize> {
        self.start[expert] as usize..self.start[expert + 1] as usize
    }

    /// The slots of an expert's copies that count.
    pub fn slots(&self, expert: usize) -> &[u32] {
        &self.slot[self.of(expert)]
    }
}

/// Where each group begins, from the rising groups of all members.
fn starts(num_groups: usize, groups: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut start = vec![0; num_groups + 1];
    groups.for_each(|group| start[group as usize + 1] += 1);
    (0..num_groups).for_each(|group| start[group + 1] += start[group]);
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_on_one_rank_count_once_and_dead_ranks_have_none() {
        let ranks = Ranks::new(&[1000, 1000, 0], 3).unwrap();
        let copies = Copies::new(&[0, 0, 1, -1, 0, 1], &[0, 2, 4, 6], 2, ranks).unwrap();
        assert_eq!((copies.slots(0), copies.slots(1), copies.most()), (&[0][..], &[2][..], 1));
        assert!(copies.of_rank.is_empty());
    }

    #[test]
    fn unknown_experts_and_wrong_slots_are_refused() {
        let ranks = || Ranks::equal(2).unwrap();
        assert!(Copies::new(&[0, 2], &[0, 1, 2], 2, ranks()).is_err());
        assert!(Copies::new(&[0, -2], &[0, 1, 2], 2, ranks()).is_err());
        assert!(Copies::new(&[0, 1], &[0, 1], 2, ranks()).is_err());
        assert!(Copies::new(&[0, 1], &[0, 1, 3], 2, ranks()).is_err());
    }
}
