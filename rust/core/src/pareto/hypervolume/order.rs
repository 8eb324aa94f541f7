//! Points sorted by one value: one pass spreads them over buckets of equal width, which are then sorted one by one.
//!
//! On values without extreme gaps that costs a few nanoseconds each; where most fall into one bucket, that bucket's own
//! sort decides, so the worst case stays n log n. Equal values keep their order.

/// Longer buckets are left to the library's sort.
const SHORT: usize = 24;
/// More buckets than this no longer fit the nearest caches together with what is written to them.
const MOST_BUCKETS: usize = 1 << 15;

/// Pairs of a finite value and something that goes with it, sorted by the value.
pub(super) fn sorted<P: Copy + Default>(values: &[f64], with: impl Fn(usize) -> P) -> Vec<(f64, P)> {
    let n = values.len();
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in values {
        least = least.min(value);
        most = most.max(value);
    }
    let num_buckets = (n / 2).clamp(1, MOST_BUCKETS);
    let width = num_buckets as f64 / (most - least);
    if n <= SHORT || !width.is_finite() {
        let mut pairs: Vec<_> = values.iter().enumerate().map(|(index, &value)| (value, with(index))).collect();
        sort(&mut pairs);
        return pairs;
    }
    let bucket = |value: f64| (((value - least) * width) as u32 as usize).min(num_buckets - 1);
    let mut starts = vec![0_u32; num_buckets + 1];
    for &value in values {
        starts[bucket(value) + 1] += 1;
    }
    for index in 1..=num_buckets {
        starts[index] += starts[index - 1];
    }
    let mut pairs = vec![(0.0, P::default()); n];
    for (index, &value) in values.iter().enumerate() {
        let next = &mut starts[bucket(value)];
        pairs[*next as usize] = (value, with(index));
        *next += 1;
    }
    // Every start has moved to the end of its bucket.
    let mut start = 0;
    for &end in &starts[..num_buckets] {
        sort(&mut pairs[start..end as usize]);
        start = end as usize;
    }
    pairs
}

/// The positions of finite `values` in rising order, equal ones as they come.
pub(super) fn order(values: &[f64]) -> Vec<u32> {
    sorted(values, |index| index as u32).into_iter().map(|(_, index)| index).collect()
}

/// Sort pairs by their value; equal ones keep their order.
#[inline(always)]
pub(super) fn sort<P: Copy>(pairs: &mut [(f64, P)]) {
    if pairs.len() > SHORT {
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        return;
    }
    for index in 1..pairs.len() {
        let pair = pairs[index];
        let mut free = index;
        while free > 0 && pairs[free - 1].0 > pair.0 {
            pairs[free] = pairs[free - 1];
            free -= 1;
        }
        pairs[free] = pair;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_keep_their_order_at_any_scale() {
        for count in [0_usize, 1, 2, 30, 1000, 5000] {
            for spread in [1.0, 1e-300, 0.0] {
                let values: Vec<f64> =
                    (0..count).map(|i| ((i * 7919) % 613) as f64 * spread + f64::from(u8::from(i == 3))).collect();
                let mut expected: Vec<u32> = (0..count as u32).collect();
                expected.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
                assert_eq!(order(&values), expected);
            }
        }
    }
}
