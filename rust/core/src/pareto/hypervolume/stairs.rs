//! A set of small integers with the next member before and after any: a tree of 64-bit words, as many levels as needed.
//!
//! What a sweep keeps of a staircase: steps are named by the rank of their first coordinate, and finding a neighbor
//! costs a few instructions per level, six of which hold 2^36 ranks.

/// A set of integers below a bound.
pub(super) struct Stairs {
    /// Level 0 has one bit per integer, level i + 1 one bit per word of level i that is not zero.
    levels: Vec<Vec<u64>>,
}

impl Stairs {
    /// An empty set of integers below `bound`.
    pub(super) fn new(bound: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = bound;
        while words > 1 || levels.is_empty() {
            words = words.div_ceil(64).max(1);
            levels.push(vec![0; words]);
        }
        Self { levels }
    }

    pub(super) fn insert(&mut self, member: u32) {
        let mut index = member as usize;
        for level in &mut self.levels {
            let word = &mut level[index / 64];
            let known = *word != 0;
            *word |= 1 << (index % 64);
            if known {
                break;
            }
            index /= 64;
        }
    }

    pub(super) fn remove(&mut self, member: u32) {
        let mut index = member as usize;
        for level in &mut self.levels {
            let word = &mut level[index / 64];
            *word &= !(1 << (index % 64));
            if *word != 0 {
                break;
            }
            index /= 64;
        }
    }

    /// The largest member below `bound`.
    pub(super) fn before(&self, bound: u32) -> Option<u32> {
        let mut index = bound as usize;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(index / 64).map_or(0, |word| word & ((1 << (index % 64)) - 1));
            if word != 0 {
                index = index / 64 * 64 + word.ilog2() as usize;
                for level in self.levels[..height].iter().rev() {
                    index = index * 64 + level[index].ilog2() as usize;
                }
                return Some(index as u32);
            }
            index /= 64;
        }
        None
    }

    /// The smallest member that is `bound` or above.
    pub(super) fn from(&self, bound: u32) -> Option<u32> {
        let mut index = bound as usize;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(index / 64).map_or(0, |word| word >> (index % 64) << (index % 64));
            if word != 0 {
                index = index / 64 * 64 + word.trailing_zeros() as usize;
                for level in self.levels[..height].iter().rev() {
                    index = index * 64 + level[index].trailing_zeros() as usize;
                }
                return Some(index as u32);
            }
            index = index / 64 + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbors_equal_those_of_an_ordered_set() {
        for bound in [1_u32, 64, 65, 5000, 300_000] {
            let (mut stairs, mut set) = (Stairs::new(bound as usize), BTreeSet::new());
            for step in 0..2000_u64 {
                let value = (step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u32 % bound;
                if step % 3 == 2 {
                    stairs.remove(value);
                    set.remove(&value);
                } else {
                    stairs.insert(value);
                    set.insert(value);
                }
                let probe = value.wrapping_mul(31) % bound;
                assert_eq!(stairs.before(probe), set.range(..probe).next_back().copied());
                assert_eq!(stairs.from(probe), set.range(probe..).next().copied());
            }
        }
    }
}
