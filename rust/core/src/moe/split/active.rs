//! Experts touched as the measure: in decode a rank's time is that of reading weights, so every expert uses one copy.

use super::copies::Copies;
use super::level::Level;

/// Fill `quota` so that the rank with most experts, for its speed, has as few as it can. `units` and `order` are room.
///
/// Experts choose in order of their tokens, the largest first, so that tokens are spread, too, as far as that is free.
pub(super) fn solve(level: &mut Level, copies: &Copies, counts: &[u64], quota: &mut [u64], room: &mut Room) {
    room.tokens.fill(0);
    room.order.clear();
    room.order.extend((0..counts.len() as u32).filter(|&expert| counts[expert as usize] > 0));
    room.order.sort_unstable_by_key(|&expert| (std::cmp::Reverse(counts[expert as usize]), expert));
    level.clear();
    for &expert in &room.order {
        let key = |copy: &usize| {
            let rank = copies.rank[*copy] as usize;
            (level.time_with_one_more(rank), room.tokens[rank], rank)
        };
        let Some(copy) = copies.of(expert as usize).min_by_key(key) else { continue };
        level.add_one(copies, copy);
        room.tokens[copies.rank[copy] as usize] += counts[expert as usize];
    }
    level.finish(copies);
    for (copy, place) in quota.iter_mut().enumerate() {
        *place = level.quota[copy] * counts[copies.expert[copy] as usize];
    }
}

/// What `solve` writes on the way.
#[derive(Debug, Clone)]
pub(super) struct Room {
    tokens: Vec<u64>,
    order: Vec<u32>,
}

impl Room {
    pub(super) fn new(copies: &Copies) -> Self {
        Self { tokens: vec![0; copies.ranks.count()], order: Vec::with_capacity(copies.num_experts()) }
    }
}
