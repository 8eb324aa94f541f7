//! The copies as one list of numbers, for kernels: `Copies` of `cuda/include/moe_copies.cuh` reads it.

use super::copies::Copies;

/// What a kernel needs to split: seven lengths, then the tables behind each other.
pub(super) fn tables(copies: &Copies, speed: &[u64]) -> Vec<u32> {
    let (num_experts, num_ranks, num_copies) = (copies.num_experts(), copies.ranks.count(), copies.rank.len());
    let copies_of = |expert: usize| copies.of(expert).len();
    let on = |rank: usize| move |&expert: &u32| copies.rank[copies.of(expert as usize).start] as usize == rank;
    let single: Vec<u32> = (0..num_experts as u32).filter(|&expert| copies_of(expert as usize) == 1).collect();
    let singles = grouped(num_ranks, |rank| single.iter().copied().filter(on(rank)).collect());
    let wave_of = waves(copies);
    let num_waves = wave_of.iter().copied().max().unwrap_or_default() as usize;
    let in_wave = |wave: usize| {
        let is_in = |&expert: &u32| wave_of[expert as usize] as usize == wave + 1;
        (0..num_experts as u32).filter(is_in).collect()
    };
    let in_waves = grouped(num_waves, in_wave);
    let pairs: Vec<Vec<[u32; 2]>> = (0..num_ranks).map(|rank| pairs(copies, rank)).collect();
    let gives = grouped(num_ranks, |rank| pairs[rank].iter().map(|pair| pair[0]).collect());
    let takes = grouped(num_ranks, |rank| pairs[rank].iter().map(|pair| pair[1]).collect());
    let lengths = [num_experts, num_ranks, num_copies, num_waves, singles.1.len(), in_waves.1.len(), gives.1.len()];
    let mut tables: Vec<u32> = lengths.iter().map(|&length| length as u32).collect();
    tables.extend(copies.start.iter().chain(&copies.rank).chain(&copies.expert));
    tables.extend(speed.iter().map(|&speed| speed as u32));
    for (starts, members) in [&singles, &in_waves, &gives] {
        tables.extend(starts.iter().chain(members));
    }
    tables.extend(&takes.1);
    tables
}

/// Where each group begins, the end, and the members of all.
fn grouped(num_groups: usize, members: impl Fn(usize) -> Vec<u32>) -> (Vec<u32>, Vec<u32>) {
    let (mut starts, mut all) = (vec![0], Vec::new());
    for group in 0..num_groups {
        all.extend(members(group));
        starts.push(all.len() as u32);
    }
    (starts, all)
}

/// When each expert's turn is, 0 if it has no choice. Those of one wave share no rank; of two experts that share one
/// the lower is in the earlier wave: waves give what one expert after the other does.
fn waves(copies: &Copies) -> Vec<u32> {
    let mut latest = vec![0; copies.ranks.count()];
    let mut wave_of = vec![0; copies.num_experts()];
    for (expert, wave) in wave_of.iter_mut().enumerate() {
        let ranks = || copies.of(expert).map(|copy| copies.rank[copy] as usize);
        if ranks().len() > 1 {
            *wave = 1 + ranks().map(|rank| latest[rank]).max().unwrap_or_default();
            ranks().for_each(|rank| latest[rank] = *wave);
        }
    }
    wave_of
}

/// Copies on a rank that can give, each with those that can take, in the order of a search.
fn pairs(copies: &Copies, rank: usize) -> Vec<[u32; 2]> {
    let here = copies.rank_start[rank] as usize..copies.rank_start[rank + 1] as usize;
    let takers = |&gives: &u32| {
        let all = copies.of(copies.expert[gives as usize] as usize);
        all.map(move |takes| [gives, takes as u32]).filter(|[gives, takes]| gives != takes)
    };
    copies.of_rank[here].iter().flat_map(takers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moe::Ranks;

    #[test]
    fn experts_that_share_no_rank_are_of_one_wave() {
        // Experts 0 and 1 share no rank, 2 shares one with each, 3 has one copy.
        let slots = [0, 2, 0, -1, 1, 2, 1, 3];
        let copies = Copies::new(&slots, &[0, 2, 4, 6, 8], 4, Ranks::equal(4).unwrap()).unwrap();
        assert_eq!(waves(&copies), [1, 1, 2, 0]);
        assert_eq!(pairs(&copies, 0), [[0, 1], [4, 5]]);
        let tables = tables(&copies, &[1; 4]);
        assert_eq!(tables[..7], [4, 4, 7, 2, 1, 3, 6]);
        assert_eq!(tables[7..12], [0, 2, 4, 6, 7]);
        assert_eq!(tables.len(), 7 + 5 + 7 + 7 + 4 + 5 + 1 + 3 + 3 + 5 + 6 + 6);
    }
}
