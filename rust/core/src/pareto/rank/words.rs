//! Sorting of (key, position) pairs, each packed in one 64-bit word: a radix sort on the leading bits, comparisons for
//! what is left.
//!
//! A column of keys sorts in three passes over memory and becomes dense ranks; whole rows of dense ranks sort
//! lexicographically in the same way. Both are exact: bits that do not fit in a word are compared afterwards.

use crate::pareto::read::ReadKeys;
use crate::pareto::table::Table;

/// A list that is shorter is sorted by comparisons.
const FEWEST_WORDS: usize = 1024;
/// Bits of a pass while its counters and write streams fit the first-level cache, and above.
const FEW: usize = 1 << 18;
/// So few words seldom agree in the leading bits of two passes.
const VERY_FEW: usize = 1 << 14;
/// Leading bits that are sorted by radix: enough for nearly all of a column of random floats.
const PASSES: u32 = 3;
/// Rows gathered at once.
const BLOCK_ROWS: usize = 1024;

/// Bits that numbers below `count` need.
pub(super) fn bits_for(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// Sort `words` by all their bits; those from `high` on are zero, and words that agree in all bits from `low` on are in
/// order already.
pub(super) fn sort(words: &mut Vec<u64>, scratch: &mut Vec<u64>, low: u32, high: u32) {
    if words.len() < FEWEST_WORDS || high <= low {
        words.sort_unstable();
        return;
    }
    let (width, passes) = match words.len() {
        n if n < VERY_FEW => (12, PASSES - 1),
        n if n < FEW => (11, PASSES),
        _ => (8, PASSES + 2),
    };
    let start = low.max(high.saturating_sub(width * passes));
    let passes = (high - start).div_ceil(width);
    let width = (high - start).div_ceil(passes);
    scratch.clear();
    scratch.resize(words.len(), 0);
    for pass in 0..passes {
        scatter(words, scratch, start + pass * width, width);
        std::mem::swap(words, scratch);
    }
    if start > low {
        for run in words.chunk_by_mut(|a, b| a >> start == b >> start) {
            if run.len() > 1 {
                run.sort_unstable();
            }
        }
    }
}

/// One stable pass: copy `words` to `out` in the order of `width` bits.
fn scatter(words: &[u64], out: &mut [u64], shift: u32, width: u32) {
    let mask = (1_u64 << width) - 1;
    let mut next = vec![0_u32; 1 << width];
    for word in words {
        next[(word >> shift & mask) as usize] += 1;
    }
    let mut start = 0;
    for count in &mut next {
        (start, *count) = (start + *count, start);
    }
    for &word in words {
        let slot = &mut next[(word >> shift & mask) as usize];
        out[*slot as usize] = word;
        *slot += 1;
    }
}

/// Call `use_keys(first position, keys)` for all rows, block after block.
fn for_each_block<K: ReadKeys>(table: &Table<'_>, k: usize, rows: &[u32], mut use_keys: impl FnMut(usize, &[K])) {
    let mut keys = [K::default(); BLOCK_ROWS];
    for (block, part) in rows.chunks(BLOCK_ROWS).enumerate() {
        let keys = &mut keys[..part.len()];
        table.gather(k, part, keys);
        use_keys(block * BLOCK_ROWS, keys);
    }
}

/// Fill `ranks` with the dense rank of objective `k` for each of `rows`: equal values share one, the best have 0.
/// Returns how many ranks there are.
pub(super) fn dense_ranks<K: ReadKeys + Into<i64>>(
    table: &Table<'_>,
    k: usize,
    rows: &[u32],
    ranks: &mut [i32],
    scratch: &mut [Vec<u64>; 2],
) -> usize {
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for_each_block::<K>(table, k, rows, |_, keys| {
        let (low, high) =
            keys.iter().fold((K::NAN, K::NAN.flipped()), |(low, high), &key| (low.min(key), high.max(key)));
        (least, most) = (least.min(low.into()), most.max(high.into()));
    });
    let position_bits = bits_for(rows.len());
    let key_bits = 64 - (most.wrapping_sub(least) as u64).leading_zeros();
    let dropped = (key_bits + position_bits).saturating_sub(64);
    let [words, spare] = scratch;
    words.clear();
    words.reserve(rows.len());
    for_each_block::<K>(table, k, rows, |first, keys| {
        words.extend(keys.iter().enumerate().map(|(i, &key)| {
            let above = Into::<i64>::into(key).wrapping_sub(least) as u64;
            above >> dropped << position_bits | (first + i) as u64
        }));
    });
    sort(words, spare, position_bits, key_bits - dropped + position_bits);
    let position = |word: u64| (word & ((1 << position_bits) - 1)) as usize;
    let mut rank = 0;
    for run in words.chunk_by(|a, b| a >> position_bits == b >> position_bits) {
        if dropped == 0 || run.len() == 1 {
            for &word in run {
                ranks[position(word)] = rank;
            }
            rank += 1;
        } else {
            rank = rank_run::<K>(table, k, rows, run.iter().map(|&word| position(word) as u32), rank, ranks);
        }
    }
    rank as usize
}

/// Rank rows whose keys agree in the bits that were sorted, from `rank` on; returns the next free rank.
fn rank_run<K: ReadKeys>(
    table: &Table<'_>,
    k: usize,
    rows: &[u32],
    run: impl Iterator<Item = u32>,
    mut rank: i32,
    ranks: &mut [i32],
) -> i32 {
    let mut tied: Vec<(K, u32)> = run.map(|position| (K::default(), position)).collect();
    for (key, position) in &mut tied {
        table.gather(k, &rows[*position as usize..][..1], std::slice::from_mut(key));
    }
    tied.sort_unstable();
    for equal in tied.chunk_by(|a, b| a.0 == b.0) {
        for &(_, position) in equal {
            ranks[position as usize] = rank;
        }
        rank += 1;
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list that looks random; the same in every run.
    fn numbers(n: usize) -> Vec<u64> {
        (1..=n as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(i | 1)).collect()
    }

    #[test]
    fn words_are_sorted_whatever_their_number_and_width() {
        for n in [0, 1, 700, 5_000, 300_000] {
            for high in [1, 12, 47, 64] {
                let low = bits_for(n);
                let mut words: Vec<u64> =
                    numbers(n).iter().enumerate().map(|(i, x)| (x >> (64 - high) << low) | i as u64).collect();
                let mut expected = words.clone();
                expected.sort_unstable();
                let top = (high + low).min(64);
                sort(&mut words, &mut Vec::new(), low, top);
                assert_eq!(words, expected, "{n} words of {high} bits");
            }
        }
    }

    #[test]
    fn ranks_are_dense_and_exact() {
        for n in [1_usize, 5, 3_000] {
            // Neighbors that differ in the last bit only, and many equal ones.
            let values: Vec<f64> = numbers(n)
                .iter()
                .map(|x| if x % 3 == 0 { 1.0 } else { f64::from_bits(1.0_f64.to_bits() + x % 97) })
                .collect();
            let far = [values.clone(), vec![-1e300]].concat();
            for values in [values, far] {
                let table = Table::of_matrix(&values, values.len(), 1).expect("it is a table");
                let rows: Vec<u32> = (0..values.len() as u32).rev().collect();
                let mut ranks = vec![0; rows.len()];
                let count = dense_ranks::<i64>(&table, 0, &rows, &mut ranks, &mut Default::default());
                let mut distinct = values.clone();
                distinct.sort_by(f64::total_cmp);
                distinct.dedup();
                assert_eq!(count, distinct.len());
                for (&row, &rank) in rows.iter().zip(&ranks) {
                    assert_eq!(distinct[rank as usize].to_bits(), values[row as usize].to_bits());
                }
            }
        }
    }
}
