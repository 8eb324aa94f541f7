//! Experts whose tokens spread unevenly over ranks: what the cost model asks, and what it tells.
//!
//! The cost model knows times but no loads; whoever implements [`Spread`] knows loads and a balancer but no times. A
//! rank works through its experts one after another, so its time is the sum over experts of the time of their tokens,
//! and no less than reading the weights of those that are touched.

use std::fmt;

use super::curve::Curve;
use super::experts::Routing;
use crate::Result;

/// Times of one expert layer on one rank.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTimes {
    /// Experts, experts per token, ranks.
    pub routing: Routing,
    /// Nanoseconds of one expert by its tokens, at least one, when the rank has work for its other experts as well.
    pub block: Curve,
    /// Least nanoseconds by the number of experts that are touched.
    pub least: Curve,
    /// Nanoseconds to bring the weights of an expert to another rank of the node.
    pub transfer_ns: f64,
}

impl LayerTimes {
    /// Nanoseconds of a rank with these tokens for each expert that it computes.
    pub fn rank_ns(&self, tokens: impl IntoIterator<Item = u64>) -> f64 {
        let (mut sum, mut touched) = (0.0, 0_u32);
        for tokens in tokens.into_iter().filter(|&tokens| tokens > 0) {
            sum += self.block.at(tokens as f64);
            touched += 1;
        }
        if touched == 0 { 0.0 } else { self.least.at(f64::from(touched)).max(sum) }
    }
}

/// What a step does to a mean layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spreading {
    /// Nanoseconds until the last rank is done.
    pub ns: f64,
    /// Tokens of the fullest rank over the mean.
    pub imbalance: f64,
}

/// How the tokens of expert layers spread over ranks.
pub trait Spread: fmt::Debug + Sync {
    /// What a step with that many tokens on all ranks does to a mean layer with these times.
    fn layer(&self, tokens: u64, times: &LayerTimes) -> Result<Spreading>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_sums_its_experts_and_reads_their_weights() {
        let block = Curve::new(vec![1.0, 100.0, 200.0], vec![10.0, 10.0, 20.0]).unwrap();
        let least = Curve::new(vec![1.0, 4.0], vec![30.0, 60.0]).unwrap();
        let routing = Routing { num_experts: 8, top_k: 2, ranks: 2 };
        let times = LayerTimes { routing, block, least, transfer_ns: 5.0 };
        assert!(times.rank_ns([0, 0]) == 0.0);
        assert!((times.rank_ns([3, 0]) - 30.0).abs() < 1e-12);
        assert!((times.rank_ns([800, 1, 1, 1]) - 110.0).abs() < 1e-9);
    }
}
