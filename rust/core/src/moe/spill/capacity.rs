//! How many tokens a rank may have: its share of all of them by speed, and what the tolerance adds.

use std::cmp::Ordering;

use crate::moe::Ranks;

/// Millionths in one.
const MILLION: u128 = 1_000_000;

/// Fill `capacity` with the tokens that each rank may have: `share * (1 + tolerance)`, never less than what the best
/// whole split needs. Dead ranks have none.
pub(super) fn fill(capacity: &mut [u64], exact: &[u64], total: u64, ranks: &Ranks, tolerance: u32) {
    let speeds: u128 = (0..ranks.count()).map(|rank| u128::from(ranks.speed(rank))).sum();
    let scaled = u128::from(total) * (MILLION + u128::from(tolerance));
    let allowed = |speed: u32| (scaled * u128::from(speed) / (speeds * MILLION)) as u64;
    // Wide divisions are slow: equal ranks share one.
    let mut last = (0, 0);
    for (rank, place) in capacity.iter_mut().enumerate() {
        let speed = ranks.speed(rank);
        if speed != last.0 {
            last = (speed, allowed(speed));
        }
        *place = if speed == 0 { 0 } else { exact[rank].max(last.1) };
    }
}

/// Fill `exact` with the least capacities that hold all tokens: those of the split of whole tokens that ends first.
pub(super) fn fill_exact(exact: &mut [u64], total: u64, ranks: &Ranks) {
    let speeds: u128 = (0..ranks.count()).map(|rank| u128::from(ranks.speed(rank))).sum();
    if ranks.is_uniform() {
        let alive = (0..ranks.count()).filter(|&rank| ranks.is_alive(rank)).count() as u64;
        let share = total.div_ceil(alive);
        exact.iter_mut().enumerate().for_each(|(rank, place)| *place = if ranks.is_alive(rank) { share } else { 0 });
        return;
    }
    let mut placed = 0;
    for (rank, place) in exact.iter_mut().enumerate() {
        *place = (u128::from(total) * u128::from(ranks.speed(rank)) / speeds) as u64;
        placed += *place;
    }
    // What rounding left over, fewer tokens than ranks, goes one by one to where it ends first.
    for _ in placed..total {
        let alive = (0..exact.len()).filter(|&rank| ranks.is_alive(rank));
        let Some(first) = alive.min_by(|&a, &b| later(exact[a] + 1, a, exact[b] + 1, b, ranks)) else { return };
        exact[first] += 1;
    }
    let alive = (0..exact.len()).filter(|&rank| ranks.is_alive(rank));
    let Some(slowest) = alive.max_by(|&a, &b| later(exact[a], a, exact[b], b, ranks)) else { return };
    let (tokens, speed) = (u128::from(exact[slowest]), u128::from(ranks.speed(slowest)));
    for (rank, place) in exact.iter_mut().enumerate() {
        *place = (tokens * u128::from(ranks.speed(rank)) / speed) as u64;
    }
}

/// Which of two loads ends later.
fn later(load: u64, rank: usize, other_load: u64, other: usize, ranks: &Ranks) -> Ordering {
    let product = |load: u64, rank: usize| u128::from(load) * u128::from(ranks.speed(rank));
    product(load, other).cmp(&product(other_load, rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(total: u64, ranks: &Ranks) -> Vec<u64> {
        let mut exact = vec![0; ranks.count()];
        fill_exact(&mut exact, total, ranks);
        exact
    }

    #[test]
    fn equal_ranks_share_rounded_up() {
        let ranks = Ranks::equal(4).unwrap();
        assert_eq!(exact(10, &ranks), [3; 4]);
        let mut capacity = [0; 4];
        fill(&mut capacity, &[3; 4], 10, &ranks, 10_000);
        assert_eq!(capacity, [3; 4]);
        fill(&mut capacity, &[3; 4], 10, &ranks, 1_000_000);
        assert_eq!(capacity, [5; 4]);
    }

    #[test]
    fn shares_follow_speed_and_dead_ranks_have_none() {
        let ranks = Ranks::new(&[1000, 500, 0, 500], 4).unwrap();
        assert_eq!(exact(400, &ranks), [200, 100, 0, 100]);
        // 101 tokens: 51 on the fast rank end before 26 on a slow one.
        assert_eq!(exact(101, &ranks), [51, 25, 0, 25]);
        assert_eq!(exact(102, &ranks), [52, 26, 0, 26]);
    }
}
