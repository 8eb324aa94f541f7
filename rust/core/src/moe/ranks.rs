//! The ranks of an expert-parallel group: the node each is on, and how fast it is.

use crate::{Error, Result};

/// Speed of a standard rank; half of it takes twice as long for the same tokens.
pub const FULL_SPEED: u32 = 1000;

/// Fastest speed allowed, so that a load times a speed fits 128 bits and a time is never zero.
const MOST_SPEED: u32 = 1_000_000;

/// What is known about each rank. A dead rank has speed 0 and gets nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    speed: Vec<u32>,
    ranks_per_node: usize,
}

impl Ranks {
    /// Ranks of the given speeds, in thousandths, numbered node by node.
    pub fn new(speed: &[u32], ranks_per_node: usize) -> Result<Self> {
        if speed.iter().all(|&speed| speed == 0) {
            return Err(Error::value("topology", "at least one rank that is alive", format!("{} dead", speed.len())));
        }
        if let Some(&speed) = speed.iter().find(|&&speed| speed > MOST_SPEED) {
            return Err(Error::value("speed", format!("at most {} times standard", MOST_SPEED / FULL_SPEED), speed));
        }
        if ranks_per_node == 0 {
            return Err(Error::value("ranks_per_node", "positive", 0));
        }
        Ok(Self { speed: speed.to_vec(), ranks_per_node })
    }

    /// That many standard ranks on one node.
    pub fn equal(num_ranks: usize) -> Result<Self> {
        Self::new(&vec![FULL_SPEED; num_ranks], num_ranks.max(1))
    }

    /// How many there are, dead ones included.
    pub fn count(&self) -> usize {
        self.speed.len()
    }

    /// In thousandths of a standard rank; 0 if it is dead.
    pub fn speed(&self, rank: usize) -> u32 {
        self.speed[rank]
    }

    /// Whether work can go there.
    pub fn is_alive(&self, rank: usize) -> bool {
        self.speed[rank] > 0
    }

    /// Whether all that are alive are equally fast.
    pub fn is_uniform(&self) -> bool {
        let mut alive = self.speed.iter().filter(|&&speed| speed > 0);
        alive.next().is_none_or(|first| alive.all(|speed| speed == first))
    }

    /// Speed of the slowest that is alive.
    pub fn slowest(&self) -> u32 {
        self.speed.iter().copied().filter(|&speed| speed > 0).min().unwrap_or(FULL_SPEED)
    }

    /// The node a rank is on.
    pub fn node(&self, rank: usize) -> usize {
        rank / self.ranks_per_node
    }

    /// Largest load over the mean, each for the speed of its rank; 1 without load.
    pub fn ratio(&self, loads: &[u64]) -> f64 {
        let speeds: f64 = self.speed.iter().map(|&speed| f64::from(speed)).sum();
        let total: f64 = loads.iter().map(|&load| load as f64).sum();
        let each = self.speed.iter().zip(loads).filter(|(speed, _)| **speed > 0);
        let latest = each.map(|(&speed, &load)| load as f64 / f64::from(speed)).fold(0.0, f64::max);
        if total > 0.0 { latest * speeds / total } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_numbered_node_by_node() {
        let ranks = Ranks::new(&[FULL_SPEED, 0, 500, FULL_SPEED, FULL_SPEED], 2).unwrap();
        assert_eq!((0..5).map(|rank| ranks.node(rank)).collect::<Vec<_>>(), [0, 0, 1, 1, 2]);
        assert!(!ranks.is_alive(1) && ranks.is_alive(2) && !ranks.is_uniform());
        assert!(Ranks::equal(3).unwrap().is_uniform());
    }

    #[test]
    fn impossible_ranks_are_refused() {
        assert!(Ranks::new(&[0, 0], 2).is_err());
        assert!(Ranks::new(&[], 2).is_err());
        assert!(Ranks::new(&[FULL_SPEED], 0).is_err());
        assert!(Ranks::new(&[MOST_SPEED + 1], 1).is_err());
    }
}
