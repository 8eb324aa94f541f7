//! Sort by one key in time that grows with the rows: each key is put near its place, then neighbors change places.
//!
//! The range of the keys is cut into slices of equal width, and each slice into a bucket per two rows; within
//! a slice even the keys of floats, whose steps double from power to power, lie evenly. Where they do not, a bucket is
//! sorted on its own (after the flash sort of Neubert 1998).

use super::super::keys::Key;

/// Fewer rows are sorted by comparisons.
const FEWEST: usize = 64;
const MOST_SLICES: usize = 1 << 10;
/// Rows of a slice for each of its buckets.
const DENSITY: usize = 2;
/// A bucket with more rows is sorted by comparisons.
const MOST_IN_BUCKET: usize = 24;
/// Bits of the place within a slice that choose the bucket.
const PLACE_BITS: u32 = 32;

/// Tells all keys, in order, to what it is called with.
pub(in super::super) type Blocks<'a, K> = dyn Fn(&mut dyn FnMut(&[K])) + 'a;

/// Sort `n` items that `item` makes of a number and its key. `blocks` tells all keys in order, whenever it is called;
/// an item is not smaller than another one with a smaller key.
pub(in super::super) fn sorted<K: Key, T: Copy + Default + Ord>(
    n: usize,
    blocks: &Blocks<'_, K>,
    item: impl Fn(usize, K) -> T,
) -> Vec<T> {
    let mut items = vec![T::default(); n];
    let mut next = 0;
    if n < FEWEST {
        blocks(&mut |keys| {
            for &key in keys {
                items[next] = item(next, key);
                next += 1;
            }
        });
        items.sort_unstable();
        return items;
    }
    let slices = Slices::new(n, blocks);
    let mut ends = vec![0_u32; slices.num_buckets];
    blocks(&mut |keys| keys.iter().for_each(|&key| ends[slices.bucket(key)] += 1));
    let mut start = 0;
    for end in &mut ends {
        (start, *end) = (start + *end, start);
    }
    blocks(&mut |keys| {
        for &key in keys {
            let end = &mut ends[slices.bucket(key)];
            items[*end as usize] = item(next, key);
            *end += 1;
            next += 1;
        }
    });
    let mut start = 0;
    for end in ends {
        let end = end as usize;
        if end - start > MOST_IN_BUCKET {
            items[start..end].sort_unstable();
        }
        start = end;
    }
    settle(&mut items);
    items
}

/// Where the buckets of the keys are.
struct Slices<K> {
    least: K,
    /// A slice has so many keys, as a power of two.
    bits: u32,
    /// Per slice its first bucket, and how many it has.
    buckets: Vec<(u32, u32)>,
    num_buckets: usize,
}

impl<K: Key> Slices<K> {
    fn new(n: usize, blocks: &Blocks<'_, K>) -> Self {
        let (mut least, mut most) = (K::NAN, K::NAN.flipped());
        blocks(&mut |keys| (least, most) = keys.iter().fold((least, most), |(a, b), &key| (a.min(key), b.max(key))));
        let slice_bits = n.ilog2().min(MOST_SLICES.ilog2());
        let bits = (u64::BITS - most.above(least).leading_zeros()).saturating_sub(slice_bits);
        let mut buckets = vec![(0, 0_u32); 1 << slice_bits];
        blocks(&mut |keys| keys.iter().for_each(|key| buckets[(key.above(least) >> bits) as usize].1 += 1));
        let mut first = 0;
        for bucket in &mut buckets {
            *bucket = (first, bucket.1.div_ceil(DENSITY as u32));
            first += bucket.1;
        }
        Self { least, bits, buckets, num_buckets: first as usize }
    }

    #[inline(always)]
    fn bucket(&self, key: K) -> usize {
        let above = key.above(self.least);
        let (first, count) = self.buckets[(above >> self.bits) as usize];
        let place = above & ((1 << self.bits) - 1);
        let place = place >> self.bits.saturating_sub(PLACE_BITS);
        first as usize + ((place * u64::from(count)) >> self.bits.min(PLACE_BITS)) as usize
    }
}

/// Sort items that are near their places; equal ones stay in order.
#[inline(always)]
fn settle<T: Copy + Ord>(items: &mut [T]) {
    for index in 1..items.len() {
        let item = items[index];
        let mut free = index;
        while free > 0 && items[free - 1] > item {
            items[free] = items[free - 1];
            free -= 1;
        }
        items[free] = item;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[i64]) {
        let whole = |visit: &mut dyn FnMut(&[i64])| keys.chunks(100).for_each(visit);
        let found: Vec<(i64, u32)> = sorted(keys.len(), &whole, |index, key| (key, index as u32));
        let mut expected: Vec<(i64, u32)> = keys.iter().copied().zip(0..).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn any_keys_are_sorted() {
        let random =
            |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)).wrapping_mul(0xD1B5_4A32_D192_ED03);
        for n in [0, 1, 2, 63, 64, 65, 1000, 5000] {
            // Everywhere, ties, all equal, floats, one far away from the others, two clusters.
            check(&(0..n).map(|i| random(i).cast_signed()).collect::<Vec<_>>());
            check(&(0..n).map(|i| random(i).cast_signed() >> 60).collect::<Vec<_>>());
            check(&vec![i64::MAX; n as usize]);
            check(&(0..n).map(|i| (random(i) as f64).to_bits().cast_signed()).collect::<Vec<_>>());
            check(&(0..n).map(|i| if i == 7 { i64::MIN } else { (random(i) >> 40).cast_signed() }).collect::<Vec<_>>());
            check(
                &(0..n)
                    .map(|i| (random(i) >> 50).cast_signed() - i64::from(i % 2 == 0) * (1 << 61))
                    .collect::<Vec<_>>(),
            );
        }
    }
}
