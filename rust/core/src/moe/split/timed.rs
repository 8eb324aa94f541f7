//! Time as the measure: blocks cost a launch and the reading of weights besides their tokens.
//!
//! With such fixed charges the best split is NP-hard to find; this one improves a given split, piece by piece, on the
//! rank that ends last.

use super::copies::Copies;
use crate::moe::Cost;

/// Tokens of one copy that go to another.
struct Move {
    gives: usize,
    takes: usize,
    tokens: u64,
    /// When the later one of the two ranks ends then.
    ends: u64,
}

/// Improve `quota` while the rank that ends last can end sooner; `work` is room. Returns when it ends, in picoseconds.
pub(super) fn improve(quota: &mut [u64], work: &mut [u64], copies: &Copies, cost: &Cost) -> u64 {
    work.fill(0);
    for (copy, &tokens) in quota.iter().enumerate() {
        work[copies.rank[copy] as usize] += cost.block(tokens);
    }
    for _ in 0..4 * quota.len() {
        let (ends, slowest) = last(work, copies);
        let Some(best) = best_move(quota, work, copies, cost, slowest).filter(|best| best.ends < ends) else { break };
        for (copy, tokens) in
            [(best.gives, quota[best.gives] - best.tokens), (best.takes, quota[best.takes] + best.tokens)]
        {
            let rank = copies.rank[copy] as usize;
            work[rank] = work[rank] - cost.block(quota[copy]) + cost.block(tokens);
            quota[copy] = tokens;
        }
    }
    last(work, copies).0
}

/// When the rank that ends last does, and which it is.
fn last(work: &[u64], copies: &Copies) -> (u64, usize) {
    let mut found = (0, 0);
    for (rank, &work) in work.iter().enumerate() {
        let ends = time(work, rank, copies);
        if ends > found.0 {
            found = (ends, rank);
        }
    }
    found
}

fn time(work: u64, rank: usize, copies: &Copies) -> u64 {
    work * 1000 / u64::from(copies.ranks.speed(rank).max(1))
}

/// The move off the slowest rank after which the two ranks of the move end soonest.
fn best_move(quota: &[u64], work: &[u64], copies: &Copies, cost: &Cost, slowest: usize) -> Option<Move> {
    let mut best: Option<Move> = None;
    let here = copies.rank_start[slowest] as usize..copies.rank_start[slowest + 1] as usize;
    for gives in copies.of_rank[here].iter().map(|&copy| copy as usize).filter(|&copy| quota[copy] > 0) {
        for takes in copies.of(copies.expert[gives] as usize).filter(|&takes| takes != gives) {
            let rank = copies.rank[takes] as usize;
            let gap = time(work[slowest], slowest, copies).saturating_sub(time(work[rank], rank, copies));
            let even = gap / (2 * cost.token.max(1));
            for tokens in [quota[gives], even.clamp(1, quota[gives])] {
                let left = work[slowest] - cost.block(quota[gives]) + cost.block(quota[gives] - tokens);
                let more = work[rank] - cost.block(quota[takes]) + cost.block(quota[takes] + tokens);
                let ends = time(left, slowest, copies).max(time(more, rank, copies));
                if best.as_ref().is_none_or(|best| ends < best.ends) {
                    best = Some(Move { gives, takes, tokens, ends });
                }
            }
        }
    }
    best
}
