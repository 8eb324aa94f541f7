//! Time of the expert layers by tokens of the step.
//!
//! A table has (tokens, activated experts): with few tokens an expert layer costs what reading the touched experts
//! costs, with many what the products cost. Under uniform routing `T` tokens touch `E (1 - (1 - k/E)^T)` of `E`
//! experts.

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

    /// Token-expert pairs of the most loaded rank over the mean under uniform routing: the expected maximum of `ranks`
    /// nearly normal counts, whose variance over mean is that of drawing `k` of `E` without replacement.
    pub fn imbalance(&self, tokens: f64) -> f64 {
        let (ranks, k) = (f64::from(self.ranks), f64::from(self.top_k));
        if self.ranks <= 1 || tokens <= 0.0 {
            return 1.0;
        }
        let experts = f64::from(self.num_experts);
        let mean = tokens * k / ranks;
        let variance = mean * (1.0 - 1.0 / ranks) * (experts - k) / (experts - 1.0).max(1.0);
        (1.0 + (2.0 * ranks.ln()).sqrt() * variance.sqrt() / mean).min(ranks)
    }
}

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
        count * by_experts.at([routing.touched(t), share])
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

    #[test]
    fn imbalance_falls_with_tokens() {
        let routing = Routing { num_experts: 64, top_k: 4, ranks: 8 };
        assert!(routing.imbalance(1.0) <= 8.0);
        assert!(routing.imbalance(16.0) > routing.imbalance(1600.0));
        assert!(routing.imbalance(1e9) < 1.001);
    }
}
