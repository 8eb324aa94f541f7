//! Maps from the engine's own 64-bit ids.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map by id. Nothing that the scheduler decides depends on its order.
pub(super) type IdMap<V> = HashMap<i64, V, IdHash>;

/// Hashes of integers by one multiplication. The seed differs from map to map, so that no ids are bad in every map.
#[derive(Debug, Clone)]
pub(super) struct IdHash {
    seed: u64,
}

impl Default for IdHash {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0_u64) }
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.seed)
    }
}

pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_i64(&mut self, id: i64) {
        self.write_u64(id as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Both halves of the product, so that low and high bits depend on all of the number.
        let product = u128::from(self.0 ^ number) * u128::from(0x9E37_79B9_7F4A_7C15_u64);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_ids_spread_over_low_and_high_bits() {
        let hash = IdHash::default();
        for step in [1, 8, 4096, 1 << 32, -1] {
            let hashes: Vec<u64> = (0..4096).map(|id: i64| hash.hash_one(id.wrapping_mul(step))).collect();
            for bits in [|hash: u64| hash % 4096, |hash: u64| hash >> 52] {
                let mut buckets: Vec<u64> = hashes.iter().map(|&hash| bits(hash)).collect();
                buckets.sort_unstable();
                buckets.dedup();
                // Of random ones 2590 would be left.
                assert!(buckets.len() > 1500, "{} buckets for multiples of {step}", buckets.len());
            }
        }
    }
}
