//! Random bits keyed by seed and element: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1,
//! 2, 3"), for stochastic rounding and for sampling.
//!
//! Element `i` uses word `i % 4` of the block with counter `i / 4`, so every device and thread count
//! sees the same bits.

/// The four words of block `counter` under `seed`.
#[inline(always)]
pub fn philox(seed: u64, counter: u64) -> [u32; 4] {
    let (mut key0, mut key1) = (seed as u32, (seed >> 32) as u32);
    let mut block = [counter as u32, (counter >> 32) as u32, 0, 0];
    for _ in 0..10 {
        let (product0, product1) = (u64::from(block[0]) * 0xD251_1F53, u64::from(block[2]) * 0xCD9E_8D57);
        block = [
            (product1 >> 32) as u32 ^ block[1] ^ key0,
            product1 as u32,
            (product0 >> 32) as u32 ^ block[3] ^ key1,
            product0 as u32,
        ];
        key0 = key0.wrapping_add(0x9E37_79B9);
        key1 = key1.wrapping_add(0xBB67_AE85);
    }
    block
}

/// The random word of element `index` under `seed`.
#[inline(always)]
pub fn word(seed: u64, index: u64) -> u32 {
    philox(seed, index / 4)[(index % 4) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_equal_the_authors_known_answers() {
        assert_eq!(philox(0, 0), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
    }

    #[test]
    fn a_word_depends_on_seed_and_element_alone() {
        assert_eq!(word(7, 4_000_000_001), philox(7, 1_000_000_000)[1]);
        assert_ne!(word(7, 5), word(8, 5));
    }
}
