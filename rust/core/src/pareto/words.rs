//! Rows sorted by one objective: a key and the position of its row are one 64-bit word, and words are sorted by radix.
//!
//! Leading bits of the keys that words have no room for, or that are not sorted by radix, are compared afterwards, so
//! the order is exact whatever the keys are. O(n) for random keys, and 20 bytes per row.

use super::keys::Key;
use super::source::{Rows, Source};

/// Marks a position whose key equals the one before it.
pub(super) const TIED: u32 = 1 << 31;
/// Rows whose keys are read at once.
pub(super) const BLOCK: usize = 256;
/// A list that is shorter is sorted by comparisons.
const FEWEST_WORDS: usize = 512;
/// So few words seldom agree in the leading bits of two passes.
const VERY_FEW: usize = 1 << 14;
/// Bits of a pass while its counters and write streams fit the first-level cache, and above.
const FEW: usize = 1 << 18;
/// Keys of a sample for each range.
const SAMPLE: usize = 256;

/// Bits that numbers below `count` need.
pub(super) fn bits_for(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// Call `visit(position of the first, keys of objective k)` for all rows, block after block.
#[inline(always)]
fn for_each_block<K: Key>(source: &dyn Source<K>, k: usize, rows: Rows<'_>, mut visit: impl FnMut(usize, &[K])) {
    let mut keys = [K::default(); BLOCK];
    for start in (0..rows.len()).step_by(BLOCK) {
        let part = rows.part(start, BLOCK);
        part.read(source, k, &mut keys[..part.len()]);
        visit(start, &keys[..part.len()]);
    }
}

/// The range of the keys of objective `k`, in at most `num_parts` parts with about as many rows each; the first and the
/// last key of each, rising.
pub(super) fn ranges<K: Key>(source: &dyn Source<K>, k: usize, rows: Rows<'_>, num_parts: usize) -> Vec<(K, K)> {
    if rows.len() == 0 {
        return Vec::new();
    }
    let (mut least, mut most) = (K::NAN, K::NAN.flipped());
    for_each_block(source, k, rows, |_, keys| {
        (least, most) = keys.iter().fold((least, most), |(a, b), &key| (a.min(key), b.max(key)));
    });
    let count = if num_parts > 1 { rows.len().min(SAMPLE * num_parts) } else { 0 };
    let sampled: Vec<u32> = (0..count).map(|i| rows.at(i * rows.len() / count)).collect();
    let mut sample = vec![K::default(); count];
    source.gather(k, &sampled, &mut sample);
    sample.sort_unstable();
    let mut ranges = Vec::new();
    for bound in (1..num_parts).map(|part| sample[part * count / num_parts]) {
        if bound > least {
            ranges.push((least, bound.plus(K::flag(true))));
            least = bound;
        }
    }
    ranges.push((least, most));
    ranges
}

/// The positions of all rows, sorted by objective `k`, those with equal keys by position and marked as [`TIED`].
pub(super) fn order<K: Key>(source: &dyn Source<K>, k: usize, rows: Rows<'_>) -> Vec<u32> {
    ranges(source, k, rows, 1).first().map_or_else(Vec::new, |&range| order_within(source, k, rows, range))
}

/// As [`order`], only those with a key in a range.
pub(super) fn order_within<K: Key>(
    source: &dyn Source<K>,
    k: usize,
    rows: Rows<'_>,
    (least, most): (K, K),
) -> Vec<u32> {
    let position_bits = bits_for(rows.len());
    let key_bits = u64::BITS - most.above(least).leading_zeros();
    let dropped = (key_bits + position_bits).saturating_sub(u64::BITS);
    let mut words = Vec::with_capacity(rows.len());
    for_each_block(source, k, rows, |first, keys| {
        let (mut block, mut count) = ([0; BLOCK], 0);
        for (position, &key) in (first as u64..).zip(keys) {
            block[count] = key.above(least) >> dropped << position_bits | position;
            count += usize::from(least <= key && key <= most);
        }
        words.extend_from_slice(&block[..count]);
    });
    sort(&mut words, position_bits, key_bits - dropped + position_bits);
    let mut last = !words.first().map_or(0, |word| word >> position_bits);
    let mut any = 0;
    let flagged = words.iter().map(|&word| {
        let tied = if word >> position_bits == last { TIED } else { 0 };
        last = word >> position_bits;
        any |= tied;
        (word & ((1 << position_bits) - 1)) as u32 | tied
    });
    let mut order: Vec<u32> = flagged.collect();
    if dropped > 0 && any != 0 {
        drop(words);
        order.chunk_by_mut(|_, next| next & TIED != 0).for_each(|run| settle(source, k, rows, run));
    }
    order
}

/// Sort rows whose keys agree in the bits that had room in a word.
fn settle<K: Key>(source: &dyn Source<K>, k: usize, rows: Rows<'_>, run: &mut [u32]) {
    if run.len() == 1 {
        return;
    }
    let mut tied: Vec<(K, u32)> = run.iter().map(|place| (K::default(), place & !TIED)).collect();
    for (key, position) in &mut tied {
        source.gather(k, &[rows.at(*position as usize)], std::slice::from_mut(key));
    }
    tied.sort_unstable();
    let mut last = None;
    for (place, &(key, position)) in run.iter_mut().zip(&tied) {
        *place = position | if last == Some(key) { TIED } else { 0 };
        last = Some(key);
    }
}

/// Call `visit(place, its row, the row's key of objective k)` for the places of an order.
#[inline(always)]
pub(super) fn for_each_place<K: Key>(
    order: &[u32],
    source: &dyn Source<K>,
    k: usize,
    rows: Rows<'_>,
    mut visit: impl FnMut(u32, u32, K),
) {
    let (mut block, mut keys) = ([0; BLOCK], [K::default(); BLOCK]);
    for order in order.chunks(BLOCK) {
        let (block, keys) = (&mut block[..order.len()], &mut keys[..order.len()]);
        for (row, place) in block.iter_mut().zip(order) {
            *row = rows.at((place & !TIED) as usize);
        }
        source.gather(k, block, keys);
        for ((&place, &row), &key) in order.iter().zip(&*block).zip(&*keys) {
            visit(place, row, key);
        }
    }
}

/// Per position the dense rank of its key in an [`order`]: equal keys share one, the best have 0. Also how many ranks
/// there are.
pub(super) fn dense_ranks(order: &[u32]) -> (usize, Vec<i32>) {
    let mut ranks = vec![0; order.len()];
    let mut count = 0;
    for place in order {
        count += i32::from(place & TIED == 0);
        ranks[(place & !TIED) as usize] = count - 1;
    }
    (count as usize, ranks)
}

/// Sort `words` by all their bits; those from `high` on are zero, and words that agree in all bits from `low` on are in
/// order already.
pub(super) fn sort(words: &mut Vec<u64>, low: u32, high: u32) {
    if words.len() < FEWEST_WORDS || high <= low {
        words.sort_unstable();
        return;
    }
    let (width, passes) = match words.len() {
        n if n < VERY_FEW => (11, 2),
        n if n < FEW => (11, 3),
        _ => (8, 4),
    };
    let start = low.max(high.saturating_sub(width * passes));
    let passes = (high - start).div_ceil(width);
    let width = (high - start).div_ceil(passes);
    let digit = |word: u64, pass: usize| (word >> (start + pass as u32 * width) & ((1 << width) - 1)) as usize;
    // The counters of all passes, filled at once.
    let mut next = vec![0_u32; (passes as usize) << width];
    for block in words.chunks(BLOCK) {
        for (pass, next) in next.chunks_exact_mut(1 << width).enumerate() {
            for &word in block {
                next[digit(word, pass)] += 1;
            }
        }
    }
    let mut scattered = vec![0; words.len()];
    for (pass, next) in next.chunks_exact_mut(1 << width).enumerate() {
        let mut place = 0;
        for count in &mut *next {
            (place, *count) = (place + *count, place);
        }
        for &word in &*words {
            let place = &mut next[digit(word, pass)];
            scattered[*place as usize] = word;
            *place += 1;
        }
        std::mem::swap(words, &mut scattered);
    }
    if start > low {
        settle_runs(words, start);
    }
}

/// Sort words that are in the order of their bits from `start` on.
fn settle_runs(words: &mut [u64], start: u32) {
    let mut settled = 0;
    while let Some(place) = words[settled..].windows(2).position(|pair| pair[0] > pair[1]) {
        let place = settled + place;
        let own = words[place] >> start;
        let first = words[settled..place].iter().rposition(|word| word >> start != own);
        let length = words[place..].iter().position(|word| word >> start != own);
        let first = first.map_or(settled, |other| settled + other + 1);
        settled = length.map_or(words.len(), |length| place + length);
        words[first..settled].sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Columns;
    use super::*;

    /// A list that looks random; the same in every run.
    fn numbers(n: usize) -> Vec<u64> {
        (1..=n as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(i | 1)).collect()
    }

    #[test]
    fn words_are_sorted_whatever_their_number_and_width() {
        for n in [0, 1, 700, 5_000, 20_000, 300_000] {
            for high in [1, 12, 47, 64] {
                let low = bits_for(n);
                let mut words: Vec<u64> =
                    numbers(n).iter().enumerate().map(|(i, x)| (x >> (64 - high) << low) | i as u64).collect();
                let mut expected = words.clone();
                expected.sort_unstable();
                sort(&mut words, low, (high + low).min(64));
                assert_eq!(words, expected, "{n} words of {high} bits");
            }
        }
    }

    /// Keys everywhere, ties, all equal, neighbors in the last bit beside one far away, two clusters.
    fn columns(n: usize) -> Vec<Vec<i64>> {
        let columns = [
            |x: u64, _| x.cast_signed(),
            |x: u64, _| x.cast_signed() >> 60,
            |_, _| i64::MAX,
            |x: u64, i| if i == 7 { i64::MIN } else { (x >> 61).cast_signed() },
            |x: u64, i| (x >> 50).cast_signed() - i64::from(i % 2 == 0) * (1 << 61),
        ];
        columns
            .iter()
            .map(|key: &fn(u64, usize) -> i64| numbers(n).iter().zip(0..).map(|(&x, i)| key(x, i)).collect())
            .collect()
    }

    #[test]
    fn any_keys_are_sorted_in_any_number_of_ranges() {
        for n in [0, 1, 8, 511, 513, 3_000] {
            for keys in columns(n) {
                let mut expected: Vec<u32> = (0..n as u32).collect();
                expected.sort_by_key(|&place| keys[place as usize]);
                let equal =
                    |place: usize| place > 0 && keys[expected[place] as usize] == keys[expected[place - 1] as usize];
                let expected: Vec<u32> =
                    expected.iter().enumerate().map(|(at, &place)| place | u32::from(equal(at)) << 31).collect();
                let slices = [keys.as_slice()];
                let (source, rows) = (Columns(&slices), Rows::Span { first: 0, count: n as u32 });
                assert_eq!(order(&source, 0, rows), expected);
                for num_parts in 1..4 {
                    let ranges = ranges(&source, 0, rows, num_parts);
                    assert!(ranges.len() <= num_parts && ranges.iter().is_sorted());
                    let parts: Vec<u32> =
                        ranges.iter().flat_map(|&range| order_within(&source, 0, rows, range)).collect();
                    assert_eq!(parts, expected);
                }
            }
        }
    }

    #[test]
    fn ranks_are_dense_and_exact() {
        for keys in columns(3_000) {
            let (slices, rows) = ([keys.as_slice()], Rows::Span { first: 0, count: 3_000 });
            let (count, ranks) = dense_ranks(&order(&Columns(&slices), 0, rows));
            let mut distinct = keys.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(count, distinct.len());
            assert!(keys.iter().zip(&ranks).all(|(key, &rank)| distinct[rank as usize] == *key));
        }
    }
}
