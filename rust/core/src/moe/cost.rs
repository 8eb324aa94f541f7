//! What a step costs: expert blocks on each rank, weights on the links. Integer picoseconds, so that all ranks agree.
//!
//! A block of `n` tokens of one expert takes a launch plus the longer of reading the weights and multiplying:
//! `launch + max(expert, n * token)`. A rank works through its blocks one after another, at its speed.

use super::Ranks;
use crate::{Error, Result};

/// Parts of a whole in [`Cost::exposed`].
pub const WHOLE: u64 = 1_000_000;

/// Largest time of a step, so that sums and products with speeds stay in 64 bits.
const MOST_PS: u128 = 1 << 62;

/// Times of a standard rank in picoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Per token of a block.
    pub token: u64,
    /// Least time of a block: its weights must be read.
    pub expert: u64,
    /// Per block, before anything else.
    pub launch: u64,
    /// Weights of one expert to a rank of the same node.
    pub transfer: u64,
    /// To a rank of another node.
    pub transfer_inter: u64,
    /// Millionths of the time of transfers that nothing hides.
    pub exposed: u64,
}

impl Cost {
    /// Time of one block on a standard rank; none without tokens.
    pub fn block(&self, tokens: u64) -> u64 {
        if tokens == 0 { 0 } else { self.launch + self.expert.max(tokens * self.token) }
    }

    /// Time of moving the weights of one expert.
    pub fn transfer(&self, ranks: &Ranks, source: usize, destination: usize) -> u64 {
        if ranks.node(source) == ranks.node(destination) { self.transfer } else { self.transfer_inter }
    }

    /// Refuse what would not fit 64 bits when all tokens are on a rank of the least speed.
    pub fn check(&self, total: u64, num_experts: usize, ranks: &Ranks) -> Result<()> {
        let blocks = num_experts as u128;
        let work =
            u128::from(total) * u128::from(self.token) + blocks * (u128::from(self.expert) + u128::from(self.launch));
        // No plan has more transfers than experts and ranks together.
        let links = (blocks + ranks.count() as u128) * u128::from(self.transfer.max(self.transfer_inter));
        let most = work * 1000 + links * u128::from(WHOLE);
        if most >= MOST_PS {
            let got = format!("{total} tokens at {} ps", self.token);
            return Err(Error::value("cost", "small enough for 2^62 picoseconds in all", got));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost {
        token: 98_000,
        expert: 13_000_000,
        launch: 0,
        transfer: 119_000_000,
        transfer_inter: 238_000_000,
        exposed: WHOLE,
    };

    #[test]
    fn small_blocks_take_the_time_of_their_weights() {
        assert_eq!(COST.block(0), 0);
        assert_eq!(COST.block(1), 13_000_000);
        assert_eq!(COST.block(1000), 98_000_000);
        assert_eq!(Cost { launch: 7, ..COST }.block(1), 13_000_007);
    }

    #[test]
    fn links_between_nodes_are_slower() {
        let ranks = Ranks::new(&[1000; 4], 2).unwrap();
        assert_eq!([1, 2].map(|to| COST.transfer(&ranks, 0, to)), [119_000_000, 238_000_000]);
    }

    #[test]
    fn times_beyond_64_bits_are_refused() {
        let ranks = Ranks::equal(8).unwrap();
        assert!(COST.check(1_000_000_000, 256, &ranks).is_ok());
        assert!(COST.check(1 << 53, 256, &ranks).is_err());
    }
}
