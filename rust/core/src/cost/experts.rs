//! Time of the expert layers by tokens of the step.
//!
//! A table has (tokens, activated experts): with few tokens an expert layer costs what reading the touched experts
//! costs, with many what the products cost. Under uniform routing `T` tokens touch `E (1 - (1 - k/E)^T)` of `E`
//! experts, and a layer waits for the rank that touches or computes most of all.

use super::curve::Curve;
use super::lattice::Lattice;
use crate::{Error, Result};

/// Routed experts and how they are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Experts of a layer.
    pub num_experts: u32,
    /// Experts per token.
    pub top_k: u32,
    /// Ranks over which whole experts are spread; 1 without expert parallelism.
    pub ranks: u32,
}

impl Routing {
    /// Expected experts of one rank that `tokens` touch under uniform routing.
    pub fn touched(&self, tokens: f64) -> f64 {
        let (experts, k) = (f64::from(self.num_experts), f64::from(self.top_k));
        experts / f64::from(self.ranks) * (1.0 - (1.0 - k / experts).powf(tokens))
    }

    /// Expected experts of the rank that touches most under uniform routing.
    pub fn most_touched(&self, tokens: f64) -> f64 {
        let held = f64::from(self.num_experts) / f64::from(self.ranks);
        let whole = held.round().max(1.0);
        self.largest(whole, self.touched(tokens) / held) * held / whole
    }

    /// Token-expert pairs of the most loaded rank over the mean under uniform routing.
    pub fn imbalance(&self, tokens: f64) -> f64 {
        let mean = tokens * f64::from(self.top_k) / f64::from(self.ranks);
        if self.ranks <= 1 || tokens <= 0.0 {
            return 1.0;
        }
        // Of each expert of a rank each token may be one.
        let share = f64::from(self.top_k) / f64::from(self.num_experts);
        (self.largest((mean / share).round().max(1.0), share) / mean).max(1.0)
    }

    /// Expected largest of the counts of all ranks, each of `trials` with this probability. They need not be
    /// independent: that they add up lowers their variance as it ties them to each other, and the two cancel out.
    fn largest(&self, trials: f64, probability: f64) -> f64 {
        let (mean, ranks) = (trials * probability, f64::from(self.ranks));
        if self.ranks <= 1 || probability >= 1.0 {
            return mean.min(trials);
        }
        let variance = mean * (1.0 - probability);
        if variance <= EXACT {
            return largest_binomial(ranks, trials, probability);
        }
        let coins = (largest_binomial(ranks, COINS, 0.5) - 0.5 * COINS) / (0.25 * COINS).sqrt();
        (mean + coins * variance.sqrt()).min(trials)
    }
}

/// Variance up to which counts are binomial; above they are nearly normal.
const EXACT: f64 = 64.0;

/// Fair coins whose heads are normal enough to tell how far the largest of normal numbers is from the mean.
const COINS: f64 = 256.0;

/// Expected largest of `many` independent binomial counts.
fn largest_binomial(many: f64, trials: f64, probability: f64) -> f64 {
    let odds = (probability / (1.0 - probability)).ln();
    // A logarithm, because all may be so likely that none is less than the smallest number.
    let mut here = trials * (-probability).ln_1p();
    let (mut below, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
    while count < trials {
        below += here.exp();
        let above = 1.0 - below.min(1.0).powf(many);
        sum += above;
        if above < NEGLIGIBLE {
            break;
        }
        here += ((trials - count) / (count + 1.0)).ln() + odds;
        count += 1.0;
    }
    sum
}

/// Probability that changes nothing.
const NEGLIGIBLE: f64 = 1e-9;

/// The curve of `count` expert layers by tokens of all ranks, from a table of one rank: `rows` of (tokens, activated
/// experts, nanoseconds), where each token of the table uses `top_k` of the rank's experts.
pub fn from_rows(count: f64, rows: &[(f64, f64, f64)], routing: &Routing) -> Result<Curve> {
    if routing.top_k == 0 || routing.top_k > routing.num_experts {
        return Err(Error::value("top_k", format!("1 to `num_experts` {}", routing.num_experts), routing.top_k));
    }
    if routing.ranks == 0 {
        return Err(Error::value("ranks", "at least 1", 0));
    }
    let mut tokens: Vec<f64> = rows.iter().map(|row| row.0).collect();
    let mut activated: Vec<f64> = rows.iter().map(|row| row.1).collect();
    for axis in [&mut tokens, &mut activated] {
        axis.sort_by(f64::total_cmp);
        axis.dedup();
    }
    let last = tokens.last().copied().unwrap_or(0.0);
    // Few tokens cannot activate many experts; there the time is that of the fewest tokens that do.
    let by_experts = Lattice::from_rows([activated, tokens.clone()], rows.iter().map(|row| ([row.1, row.0], row.2)))?;
    let ranks = f64::from(routing.ranks);
    let knots: Vec<f64> = tokens.iter().map(|t| t * ranks).filter(|t| *t >= 1.0).collect();
    let knots: Vec<f64> = (0..8).map(|i| 2f64.powi(i)).filter(|x| *x < knots[0]).chain(knots.iter().copied()).collect();
    Curve::sample(&knots, |t| {
        let share = (t / ranks * routing.imbalance(t)).min(last);
        count * by_experts.at([routing.most_touched(t), share])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_experts_start_at_k_and_end_at_all() {
        let routing = Routing { num_experts: 128, top_k: 8, ranks: 1 };
        assert!((routing.touched(1.0) - 8.0).abs() < 1e-9);
        assert!((routing.touched(1e6) - 128.0).abs() < 1e-9);
        let halves = Routing { ranks: 2, ..routing };
        assert!((halves.touched(1.0) - 4.0).abs() < 1e-9);
    }

    /// Experts, experts per token, ranks, tokens; touched experts and pairs of the fullest rank in the mean of 2,000
    /// random draws.
    const DRAWN: [(u32, u32, u32, f64, f64, f64); 8] = [
        (128, 8, 8, 1.0, 2.50, 2.50),
        (128, 8, 8, 8.0, 9.28, 12.11),
        (128, 8, 8, 128.0, 16.0, 144.44),
        (256, 8, 64, 1.0, 1.31, 1.31),
        (256, 8, 64, 8.0, 3.09, 3.89),
        (256, 8, 64, 128.0, 4.0, 25.96),
        (64, 6, 2, 8.0, 18.97, 26.57),
        (32, 4, 4, 2.0, 3.16, 3.46),
    ];

    #[test]
    fn the_fullest_rank_is_that_of_random_draws() {
        for (num_experts, top_k, ranks, tokens, touched, pairs) in DRAWN {
            let routing = Routing { num_experts, top_k, ranks };
            let found = routing.most_touched(tokens);
            assert!((found / touched - 1.0).abs() < 0.015, "{routing:?} at {tokens}: {found} experts, drawn {touched}");
            let found = routing.imbalance(tokens) * tokens * f64::from(top_k) / f64::from(ranks);
            assert!((found / pairs - 1.0).abs() < 0.02, "{routing:?} at {tokens}: {found} pairs, drawn {pairs}");
        }
    }

    #[test]
    fn one_rank_waits_for_nobody() {
        let routing = Routing { num_experts: 128, top_k: 8, ranks: 1 };
        for tokens in [1.0, 7.0, 300.0] {
            assert!((routing.most_touched(tokens) - routing.touched(tokens)).abs() < 1e-9);
            assert!((routing.imbalance(tokens) - 1.0).abs() < 1e-12);
        }
        let all = Routing { num_experts: 8, top_k: 8, ranks: 4 };
        assert!((all.most_touched(3.0) - 2.0).abs() < 1e-12 && (all.imbalance(3.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn exact_and_normal_meet() {
        let routing = Routing { num_experts: 256, top_k: 8, ranks: 64 };
        let [below, above] = [527.0, 529.0].map(|tokens| routing.imbalance(tokens));
        assert!(below > above && below < 1.02 * above, "{below} {above}");
    }

    #[test]
    fn imbalance_falls_with_tokens() {
        let routing = Routing { num_experts: 64, top_k: 4, ranks: 8 };
        assert!(routing.imbalance(1.0) <= 8.0);
        assert!(routing.imbalance(16.0) > routing.imbalance(1600.0));
        assert!(routing.imbalance(1e9) < 1.001);
    }
}
