//! The same placement seen from the experts, and what has to be copied to get from one placement to another.

use super::super::Ranks;

/// Copies of each expert in a layer.
pub fn count_copies(copies: &mut [i64], map: &[i64]) {
    copies.fill(0);
    for &expert in map.iter().filter(|&&expert| expert >= 0) {
        copies[expert as usize] += 1;
    }
}

/// The slots of each expert in a layer, `width` for each, -1 after the last.
pub fn slots_of_experts(slots: &mut [i64], map: &[i64], width: usize) {
    slots.fill(-1);
    for (slot, &expert) in map.iter().enumerate().filter(|&(_, &expert)| expert >= 0) {
        let row = &mut slots[expert as usize * width..(expert as usize + 1) * width];
        if let Some(free) = row.iter_mut().find(|slot| **slot < 0) {
            *free = slot as i64;
        }
    }
}

/// Within each rank, put the experts that it had already back into the slots where they were.
pub(super) fn keep_in_place(map: &mut [i64], previous: &[i64], slot_start: &[usize]) {
    for rank in slot_start.windows(2) {
        for slot in rank[0]..rank[1] {
            while map[slot] >= 0
                && map[slot] != previous[slot]
                && let Some(was) = (rank[0]..rank[1]).find(|&was| previous[was] == map[slot] && map[was] != map[slot])
            {
                map.swap(slot, was);
            }
        }
    }
}

/// Slots of a layer that hold an expert which was not in them before.
pub fn changed_slots<'a>(map: &'a [i64], previous: &'a [i64]) -> impl Iterator<Item = usize> + 'a {
    (0..map.len()).filter(|&slot| map[slot] >= 0 && map[slot] != previous[slot])
}

/// Append the moves of a layer: layer, expert, source rank, destination rank, slot.
///
/// The source is alive and held the expert before: the destination itself, else one on its node, of those the one that
/// sends least according to `sent`, of those the first. It is -1 if there is none: the weights come from elsewhere.
pub fn append_moves(
    moves: &mut Vec<i64>,
    sent: &mut [u32],
    layer: usize,
    map: &[i64],
    previous: &[i64],
    slot_start: &[usize],
    ranks: &Ranks,
) {
    let rank_of = |slot: usize| slot_start.partition_point(|&start| start <= slot) - 1;
    for slot in changed_slots(map, previous) {
        let (expert, to) = (map[slot], rank_of(slot));
        let held = (0..previous.len()).filter(|&before| previous[before] == expert).map(rank_of);
        let source = held
            .filter(|&rank| ranks.is_alive(rank))
            .min_by_key(|&rank| (rank != to, ranks.node(rank) != ranks.node(to), sent[rank], rank));
        if let Some(source) = source {
            sent[source] += 1;
        }
        moves.extend([layer as i64, expert, source.map_or(-1, |rank| rank as i64), to as i64, slot as i64]);
    }
}
