//! Whether a request may enter without anybody running out of KV blocks later (MC-SF: Jaillet and others 2025).
//!
//! Everybody who runs computes one token per step until its assumed output is complete, then gives back its blocks.
//! What they hold together only falls when somebody completes, so it is compared with the cache at the last step of
//! each. Prompts are taken to be read in one step, so one that is cut into many may still be in the way later than
//! foreseen.

/// What one request will hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Tokens at its next step; one more at each step after it.
    pub num_tokens: u64,
    /// Steps that it will still make, at least 1.
    pub num_steps: u64,
    /// Blocks of it that others hold.
    pub shared_blocks: u64,
}

/// Everybody who runs, the longest first.
#[derive(Debug, Default)]
pub(crate) struct Forecast {
    num_blocks: u64,
    block_size: u64,
    growths: Vec<Growth>,
    residues: Vec<u64>,
}

impl Forecast {
    /// Nobody runs in a cache of so many blocks of so many tokens.
    pub(crate) fn clear(&mut self, num_blocks: u64, block_size: u32) {
        (self.num_blocks, self.block_size) = (num_blocks, u64::from(block_size.max(1)));
        self.growths.clear();
    }

    /// Tokens per block.
    pub(crate) fn block_size(&self) -> u64 {
        self.block_size.max(1)
    }

    /// Another one runs. O(running).
    pub(crate) fn add(&mut self, growth: Growth) {
        let place = self.growths.partition_point(|other| other.num_steps >= growth.num_steps);
        self.growths.insert(place, growth);
    }

    /// Whether all that run always have their blocks. O(running^2), one comparison each.
    pub(crate) fn fits(&mut self) -> bool {
        self.residues.clear();
        // A request holds ceil(tokens / size) = floor((tokens + size - 1) / size) blocks; at step s it is
        // floor((t + s) / size) with t below.
        let (mut whole, mut shared) = (0, 0);
        for place in 0..self.growths.len() {
            let Growth { num_tokens, num_steps, shared_blocks } = self.growths[place];
            let t = (num_tokens + self.block_size).saturating_sub(2);
            whole += t / self.block_size;
            shared += shared_blocks;
            self.residues.push(t % self.block_size);
            let longer = self.growths.get(place + 1).is_some_and(|next| next.num_steps == num_steps);
            if longer {
                continue;
            }
            let (steps, rest) = (num_steps / self.block_size, num_steps % self.block_size);
            let carries = self.residues.iter().filter(|&&residue| residue + rest >= self.block_size).count() as u64;
            let held = whole + steps * self.residues.len() as u64 + carries;
            if held.saturating_sub(shared) > self.num_blocks {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn obvious(growths: &[Growth], num_blocks: u64, block_size: u64) -> bool {
        let last = growths.iter().map(|growth| growth.num_steps).max().unwrap_or(0);
        (1..=last).all(|step| {
            let live = growths.iter().filter(|growth| growth.num_steps >= step);
            let held = |growth: &Growth| (growth.num_tokens + step - 1).div_ceil(block_size) - growth.shared_blocks;
            live.map(held).sum::<u64>() <= num_blocks
        })
    }

    proptest! {
        #[test]
        fn looks_as_far_as_a_walk_over_all_steps(
            growths in proptest::collection::vec((1..40_u64, 1..30_u64, 0..2_u64), 0..8),
            num_blocks in 0..60_u64, block_size in 1..9_u32,
        ) {
            let growth = |&(num_tokens, num_steps, shared): &(u64, u64, u64)| {
                Growth { num_tokens, num_steps, shared_blocks: shared * (num_tokens / u64::from(block_size)) }
            };
            let growths: Vec<Growth> = growths.iter().map(growth).collect();
            let mut forecast = Forecast::default();
            forecast.clear(num_blocks, block_size);
            for &growth in &growths {
                forecast.add(growth);
            }
            prop_assert_eq!(forecast.fits(), obvious(&growths, num_blocks, u64::from(block_size)));
        }
    }
}
