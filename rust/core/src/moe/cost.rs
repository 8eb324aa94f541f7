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

    /// Most tokens of a step whose times fit 64 bits, all being on the slowest rank there can be; nothing if not even
    /// those of a step without tokens do.
    pub fn most_tokens(&self, num_experts: usize, ranks: &Ranks) -> Option<u64> {
        let blocks = num_experts as u128;
        let fixed = blocks * (u128::from(self.expert) + u128::from(self.launch));
        // No plan has more transfers than experts and ranks together.
        let links = (blocks + ranks.count() as u128) * u128::from(self.transfer.max(self.transfer_inter));
        let left = (MOST_PS - 1).checked_sub(fixed * 1000 + links * u128::from(WHOLE))?;
        let tokens = left.checked_div(u128::from(self.token) * 1000).unwrap_or(u128::MAX);
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }

    /// Refuse what would not fit 64 bits when all tokens are on a rank of the least speed.
    pub fn check(&self, total: u64, num_experts: usize, ranks: &Ranks) -> Result<()> {
        if self.most_tokens(num_experts, ranks).is_none_or(|most| total > most) {
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
        let most = COST.most_tokens(256, &ranks).unwrap();
        assert!(COST.check(most, 256, &ranks).is_ok() && COST.check(most + 1, 256, &ranks).is_err());
        assert_eq!(Cost { token: 0, ..COST }.most_tokens(256, &ranks), Some(u64::MAX));
        assert_eq!(Cost { expert: 1 << 60, ..COST }.most_tokens(256, &ranks), None);
    }
}
