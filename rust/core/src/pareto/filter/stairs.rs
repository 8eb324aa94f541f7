//! A staircase: steps at ranks, each lower than those before it. The last step at or before a rank is found in a few
//! words, because 64 ranks share one and each word of 64 has a bit in the next level.

/// Steps at ranks below a bound.
pub(super) struct Stairs<K> {
    /// Bit `i` of a level is set if word `i` of the level before has a bit.
    levels: Vec<Vec<u64>>,
    heights: Vec<K>,
}

impl<K: Copy + Default + Ord> Stairs<K> {
    pub(super) fn new(num_ranks: usize) -> Self {
        let mut levels = Vec::new();
        let mut bits = num_ranks.max(1);
        loop {
            bits = bits.div_ceil(64);
            levels.push(vec![0; bits]);
            if bits == 1 {
                return Self { levels, heights: vec![K::default(); num_ranks] };
            }
        }
    }

    /// Step on `height` at `rank`, unless a step at or before `rank` is as low; whether it was taken.
    pub(super) fn step(&mut self, rank: usize, height: K) -> bool {
        if self.last(rank).is_some_and(|step| self.heights[step] <= height) {
            return false;
        }
        // Later steps that are not lower are none any more.
        while let Some(step) = self.next(rank)
            && self.heights[step] >= height
        {
            self.clear(step);
        }
        self.heights[rank] = height;
        let mut place = rank;
        for level in &mut self.levels {
            level[place / 64] |= 1 << (place % 64);
            place /= 64;
        }
        true
    }

    /// The last step at or before `rank`.
    #[inline(always)]
    fn last(&self, rank: usize) -> Option<usize> {
        let mut place = rank;
        for (index, level) in self.levels.iter().enumerate() {
            let word = level[place / 64] & (u64::MAX >> (63 - place % 64));
            if word != 0 {
                let found = place / 64 * 64 + word.ilog2() as usize;
                return Some(
                    self.levels[..index].iter().rev().fold(found, |at, level| at * 64 + level[at].ilog2() as usize),
                );
            }
            place = (place / 64).checked_sub(1)?;
        }
        None
    }

    /// The first step at or behind `rank`.
    #[inline(always)]
    fn next(&self, rank: usize) -> Option<usize> {
        let mut place = rank;
        for (index, level) in self.levels.iter().enumerate() {
            let word = level.get(place / 64)? & (u64::MAX << (place % 64));
            if word != 0 {
                let found = place / 64 * 64 + word.trailing_zeros() as usize;
                let below = self.levels[..index].iter().rev();
                return Some(below.fold(found, |at, level| at * 64 + level[at].trailing_zeros() as usize));
            }
            place = place / 64 + 1;
        }
        None
    }

    fn clear(&mut self, rank: usize) {
        let mut place = rank;
        for level in &mut self.levels {
            level[place / 64] &= !(1 << (place % 64));
            if level[place / 64] != 0 {
                break;
            }
            place /= 64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_equal_an_ordered_map() {
        let (mut stairs, mut map) = (Stairs::new(5000), std::collections::BTreeMap::new());
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (rank, height) =
                ((state >> 33) as usize % 5000, (state >> 20 & 0xFFF) as i64 - (state >> 60) as i64 * 99);
            let taken = !map.range(..=rank).any(|(_, &other)| other <= height);
            assert_eq!(stairs.step(rank, height), taken);
            if taken {
                map.retain(|&other, &mut own| other < rank || own < height);
                map.insert(rank, height);
            }
        }
        assert!(!map.is_empty());
    }
}
