//! Some hundreds of rows of any number of objectives: each against all of them, 64 at once.
//!
//! Keys are compared by cells of 15 bits, which are equally wide in the range of the keys of an objective; only rows
//! whose cells do not rule it out are compared by their keys. Rows come in slices of the first objective, so that those
//! behind need not be looked at. O(n^2 d / 64): for so few rows faster than what grows less.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::lanes::{self, Compare, Comparing, FineCells, LANES};

/// More rows are better swept or kept in a tree.
pub(super) const MOST_ROWS: usize = 2048;

/// Bits of a cell.
const CELL_BITS: u32 = 15;
/// So few rows are compared whatever their cells are.
const ALWAYS: usize = 256;
/// Slices of the range of cells, by which rows are sorted.
const SLICES: usize = 64;
/// Narrower slices: if one of them holds an eighth of a sample of the rows, cells may tell too little.
const NARROW: usize = 1024;
const SAMPLE_STEP: usize = 8;

/// The front of `rows`, in no particular order; none if the cells of an objective tell too little.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep) -> Option<Vec<u32>> {
    lanes::run(Few { source, rows: &rows.to_vec(), keep })
}

struct Few<'a, K> {
    source: &'a dyn Source<K>,
    rows: &'a [u32],
    keep: Keep,
}

impl<K: Key> Comparing for Few<'_, K> {
    type Output = Option<Vec<u32>>;

    #[inline(always)]
    fn run<C: Compare>(self, compare: C) -> Option<Vec<u32>> {
        let (d, n) = (self.source.num_objectives(), self.rows.len());
        let mut keys = vec![K::default(); d * n];
        // An empty lane is above any cell. Chunk after chunk, of each objective after objective.
        let mut cells: Vec<FineCells> = vec![[i16::MAX; LANES]; d * n.div_ceil(LANES)];
        let (mut rows, mut ends) = (self.rows.to_vec(), [0; SLICES]);
        for (k, keys) in keys.chunks_exact_mut(n.max(1)).enumerate() {
            self.source.gather(k, &rows, keys);
            if !into_cells(keys, &mut cells[k..], d) {
                return None;
            }
            if k == 0 {
                // Only rows of the same slice of the first objective and of those before it can dominate a row.
                let firsts: Vec<i16> = cells.iter().step_by(d).flatten().copied().take(n).collect();
                let order;
                (ends, order) = by_slice(&firsts);
                for (row, &place) in order.iter().enumerate() {
                    rows[row] = self.rows[usize::from(place)];
                    cells[row / LANES * d][row % LANES] = firsts[usize::from(place)];
                }
                self.source.gather(0, &rows, keys);
            }
        }
        let key = |row: usize, k: usize| keys[k * n + row];
        let mut front = Vec::with_capacity(n);
        let (mut own, mut equals) = (vec![0; d], Vec::new());
        for row in 0..n {
            for (k, own) in own.iter_mut().enumerate() {
                *own = cells[row / LANES * d + k][row % LANES];
            }
            let near = usize::from(ends[slice::<SLICES>(own[0])]).div_ceil(LANES) * d;
            // The row itself is no answer.
            cells[row / LANES * d][row % LANES] = i16::MAX;
            let near = &cells[..near];
            let (mut from, mut dominated) = (0, false);
            while !dominated && let Some((chunk, mut mask)) = compare.find_not_above(near, &own, from) {
                while mask != 0 && !dominated {
                    let other = chunk * LANES + mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    if (0..d).all(|k| key(other, k) <= key(row, k)) {
                        // Who is nowhere worse is better somewhere, or equal.
                        dominated = (0..d).any(|k| key(other, k) < key(row, k));
                        equals.push(other);
                    }
                }
                from = chunk + 1;
            }
            cells[row / LANES * d][row % LANES] = own[0];
            if !dominated && equals.is_empty() {
                front.push(rows[row]);
            } else if !dominated && equals[0] > row {
                // Each run of equal rows is pushed by its first.
                let run = std::iter::once(row).chain(equals.iter().copied());
                push_kept(&mut front, run.map(|row| rows[row]), self.keep);
            }
            equals.clear();
        }
        Some(front)
    }
}

/// The slice of a cell, of `N`.
#[inline(always)]
fn slice<const N: usize>(cell: i16) -> usize {
    cell as usize >> (CELL_BITS - N.ilog2())
}

/// Where each slice ends when rows are sorted by the slices of their `cells`, and the rows in that order; those of a
/// slice rise.
#[inline(always)]
fn by_slice(cells: &[i16]) -> ([u16; SLICES], Vec<u16>) {
    let slices: Vec<u16> = cells.iter().map(|&cell| slice::<SLICES>(cell) as u16).collect();
    let mut ends = [0_u16; SLICES];
    for &slice in &slices {
        ends[usize::from(slice)] += 1;
    }
    let mut start = 0;
    for end in &mut ends {
        (start, *end) = (start + *end, start);
    }
    let mut order = vec![0; cells.len()];
    for (row, &slice) in slices.iter().enumerate() {
        let next = &mut ends[usize::from(slice)];
        order[usize::from(*next)] = row as u16;
        *next += 1;
    }
    (ends, order)
}

/// Fill `cells` with those of `keys`, from the first one on each `d`-th chunk; whether they tell most keys apart, or
/// need not because there are so few.
///
/// Half of the keys of floats belong to numbers near 0. Where there are numbers of both signs, which leave too few keys
/// to the others, cells are equally wide in the range of the numbers, if these are any.
#[inline(always)]
fn into_cells<K: Key>(keys: &[K], cells: &mut [FineCells], d: usize) -> bool {
    let (least, most) = keys.iter().fold((K::NAN, K::NAN.flipped()), |(a, b), &key| (a.min(key), b.max(key)));
    let range = if keys.is_empty() { 0 } else { most.above(least) };
    let shift = (u64::BITS - range.leading_zeros()).saturating_sub(CELL_BITS);
    let low: f64 = least.float().into();
    // Not normal for a NaN, infinite numbers, and most integers.
    let scale = f64::from(i16::MAX - 1) / (most.float().into() - low);
    let numbers = least < K::default() && most > K::default() && scale.is_normal();
    // The largest cell marks an empty lane.
    let cell_of = |key: K| {
        let cell =
            if numbers { ((key.float().into() - low) * scale) as i16 } else { (key.above(least) >> shift) as i16 };
        cell.min(i16::MAX - 1)
    };
    for (cells, keys) in cells.iter_mut().step_by(d).zip(keys.chunks(LANES)) {
        for (cell, &key) in cells.iter_mut().zip(keys) {
            *cell = cell_of(key);
        }
    }
    if keys.len() <= ALWAYS || shift == 0 {
        return true;
    }
    let mut counts = [0_u16; NARROW];
    for &key in keys.iter().step_by(SAMPLE_STEP) {
        counts[slice::<NARROW>(cell_of(key))] += 1;
    }
    let most = keys.len().div_ceil(SAMPLE_STEP) / 8;
    if counts.iter().all(|&count| usize::from(count) <= most) {
        return true;
    }
    // A few values again and again lie together too, but in cells of their own.
    let mut sample: Vec<K> = keys.iter().copied().step_by(SAMPLE_STEP).collect();
    sample.sort_unstable();
    let share_cells = |pair: &&[K]| pair[0] != pair[1] && cell_of(pair[0]) == cell_of(pair[1]);
    sample.windows(2).filter(share_cells).count() <= most
}

#[cfg(test)]
mod tests {
    use super::super::super::keyed::tests::expected;
    use super::super::super::keys::key;
    use super::super::super::source::Columns;
    use super::*;

    #[test]
    fn cells_never_decide_alone() {
        for d in 3..7_u64 {
            // Ties everywhere, the whole range of keys, and near ones that share a cell with an outlier far away.
            for (shift, outlier) in [(60, 0), (0, 0), (50, i64::MAX)] {
                let value = |i: u64, k: u64| {
                    let mixed = (i * d + k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
                    (mixed.wrapping_mul(0xD1B5_4A32_D192_ED03) as i64) >> shift
                };
                let column =
                    |k: u64| (0..300).map(|i| if i == 7 { outlier } else { value(i, k) }).collect::<Vec<i64>>();
                let columns: Vec<Vec<i64>> = (0..d).map(column).collect();
                let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
                for keep in [Keep::All, Keep::First, Keep::Last] {
                    let rows = Rows::Span { first: 0, count: 300 };
                    // None where cells tell too little.
                    let Some(mut found) = front(&Columns(&slices), rows, keep) else { continue };
                    found.sort_unstable();
                    assert_eq!(found, expected(&columns, keep), "{d} objectives, shift {shift}");
                }
            }
        }
    }

    #[test]
    fn a_few_values_lie_in_cells_of_their_own() {
        let value = |i: u64, k: u64| {
            let mixed = (4 * i + k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
            ((mixed.wrapping_mul(0xD1B5_4A32_D192_ED03) >> 60) as f64).to_bits().cast_signed()
        };
        let columns: Vec<Vec<i64>> = (0..4).map(|k| (0..600).map(|i| value(i, k)).collect()).collect();
        let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        for keep in [Keep::All, Keep::First, Keep::Last] {
            let found = front(&Columns(&slices), Rows::Span { first: 0, count: 600 }, keep);
            let mut found = found.expect("16 values lie in 16 cells");
            found.sort_unstable();
            assert_eq!(found, expected(&columns, keep));
        }
    }

    #[test]
    fn numbers_around_0_lie_in_cells_of_numbers() {
        for n in [200, 600_u64] {
            let value = |i: u64, k: u64| {
                let mixed = (3 * i + k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
                let unit = (mixed.wrapping_mul(0xD1B5_4A32_D192_ED03) >> 11) as f64 / (1_u64 << 53) as f64;
                key::<i64, f64>(if i.is_multiple_of(97) { 0.25 } else { unit - 0.1 }, k == 1)
            };
            let columns: Vec<Vec<i64>> = (0..3).map(|k| (0..n).map(|i| value(i, k)).collect()).collect();
            let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
            for keep in [Keep::All, Keep::First, Keep::Last] {
                let found = front(&Columns(&slices), Rows::Span { first: 0, count: n as u32 }, keep);
                let mut found = found.expect("cells of numbers tell them apart");
                found.sort_unstable();
                assert_eq!(found, expected(&columns, keep));
            }
        }
        // A NaN is no number, and neither is the range of infinite ones.
        for last in [i64::NAN, key(f64::INFINITY, false)] {
            let value = |i: i64| if i == 0 { last } else { key(i as f64 - 100.0, false) };
            let column: Vec<i64> = (0..1000).map(value).collect();
            let rows = Rows::Span { first: 0, count: 1000 };
            if let Some(found) = front(&Columns(&[&column, &column, &column]), rows, Keep::All) {
                assert_eq!(found, [1]);
            }
        }
    }
}
