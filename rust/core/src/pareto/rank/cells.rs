//! Rows of objectives with few distinct keys: each combination of keys is a cell, and rows are counted, not sorted.
//!
//! O(n d), and 4 + d bytes per row beside the cells. Where keys are many that is seen in the first rows.

use crate::pareto::keys::Key;
use crate::pareto::source::{Rows, Source};
use crate::pareto::words::BLOCK;

/// Fewer rows are sorted as quickly.
const FEWEST_ROWS: usize = 512;
/// An objective has at most so many distinct keys, so that a code is a byte.
const MOST_KEYS: usize = 256;
const SLOT_BITS: u32 = 10;
const EMPTY: u16 = u16::MAX;

/// Rows in cells that are numbered in lexicographic order, the objective with the most keys first.
pub(super) struct Cells {
    /// The cell of each row.
    pub(super) cells: Vec<u32>,
    /// Per objective, in that order, the number of keys and how far apart cells of neighboring keys are.
    pub(super) sides: Vec<(usize, usize)>,
}

impl Cells {
    /// The cells of `rows`; none if there would be more of them than rows.
    pub(super) fn new<K: Key>(source: &dyn Source<K>, rows: Rows<'_>) -> Option<Self> {
        let d = source.num_objectives();
        if rows.len() < FEWEST_ROWS {
            return None;
        }
        let mut codes: Vec<Codes<K>> = (0..d).map(|_| Codes::new()).collect();
        let mut coded: Vec<u8> = Vec::with_capacity(rows.len() * d);
        let (mut keys, mut block) = ([K::default(); BLOCK], [0; BLOCK]);
        for start in (0..rows.len()).step_by(BLOCK) {
            let part = rows.part(start, BLOCK);
            let mut num_cells = 1;
            for (k, codes) in codes.iter_mut().enumerate() {
                part.read(source, k, &mut keys[..part.len()]);
                for (code, &key) in block[..part.len()].iter_mut().zip(&keys) {
                    *code = codes.code(key)?;
                }
                coded.extend_from_slice(&block[..part.len()]);
                num_cells *= codes.keys.len();
                if num_cells > rows.len() {
                    return None;
                }
            }
        }
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by_key(|&k| std::cmp::Reverse(codes[k].keys.len()));
        let mut sides = vec![(0, 0); d];
        let mut apart = 1;
        for &k in order.iter().rev() {
            sides[k] = (codes[k].keys.len(), apart);
            apart *= codes[k].keys.len();
        }
        let places: Vec<[u32; MOST_KEYS]> =
            codes.iter().zip(&sides).map(|(codes, &(_, apart))| codes.places(apart as u32)).collect();
        let mut cells = vec![0_u32; rows.len()];
        for (cells, coded) in cells.chunks_mut(BLOCK).zip(coded.chunks(BLOCK * d)) {
            for (places, coded) in places.iter().zip(coded.chunks_exact(cells.len())) {
                for (cell, &code) in cells.iter_mut().zip(coded) {
                    *cell += places[usize::from(code)];
                }
            }
        }
        Some(Self { cells, sides: order.iter().map(|&k| sides[k]).collect() })
    }
}

/// The distinct keys of an objective, as they came, and a table in which they are found.
struct Codes<K> {
    keys: Vec<K>,
    slots: Vec<(K, u16)>,
}

impl<K: Key> Codes<K> {
    fn new() -> Self {
        Self { keys: Vec::new(), slots: vec![(K::default(), EMPTY); 1 << SLOT_BITS] }
    }

    /// The number of a key in the order in which they came, if it is not one too many.
    #[inline(always)]
    fn code(&mut self, key: K) -> Option<u8> {
        // Multiplicative hashing (Knuth 1973): the leading bits depend on all others.
        let hash = key.above(K::NAN.flipped()).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - SLOT_BITS);
        let mut slot = hash as usize;
        loop {
            let (own, code) = self.slots[slot];
            if own == key && code != EMPTY {
                return Some(code as u8);
            }
            if code == EMPTY {
                break;
            }
            slot = (slot + 1) % (1 << SLOT_BITS);
        }
        if self.keys.len() == MOST_KEYS {
            return None;
        }
        self.slots[slot] = (key, self.keys.len() as u16);
        self.keys.push(key);
        Some((self.keys.len() - 1) as u8)
    }

    /// What each code adds to the number of a cell if neighboring keys are so far `apart`.
    fn places(&self, apart: u32) -> [u32; MOST_KEYS] {
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_unstable_by_key(|&code| self.keys[code]);
        let mut places = [0; MOST_KEYS];
        order.iter().zip(0..).for_each(|(&code, rank)| places[code] = rank * apart);
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::source::Columns;

    #[test]
    fn cells_are_numbered_in_lexicographic_order() {
        let n = 2 * FEWEST_ROWS as i64;
        let firsts: Vec<i64> = (0..n).map(|i| [7, -3, i64::MAX][i as usize % 3]).collect();
        let seconds: Vec<i64> = (0..n).map(|i| i * 5 % 11 - 4).collect();
        let (columns, rows) = ([firsts.as_slice(), &seconds], Rows::Span { first: 0, count: n as u32 });
        let Cells { cells, sides } = Cells::new(&Columns(&columns), rows).expect("33 cells are few");
        assert_eq!(sides, [(11, 3), (3, 1)]);
        let key = |row: usize| (seconds[row], firsts[row]);
        for row in 1..n as usize {
            assert_eq!(cells[row].cmp(&cells[row - 1]), key(row).cmp(&key(row - 1)));
        }
        assert_eq!(cells.iter().max(), Some(&32));
    }

    #[test]
    fn many_keys_or_cells_are_refused() {
        let count = FEWEST_ROWS as u32;
        let column = |num_keys: i32| -> Vec<i32> { (0..count as i32).map(|i| i % num_keys).collect() };
        let found = |columns: &[&[i32]]| Cells::new(&Columns(columns), Rows::Span { first: 0, count }).is_some();
        assert!(found(&[&column(256)]) && !found(&[&column(257)]));
        assert!(found(&[&column(16), &column(32)]) && !found(&[&column(17), &column(32)]));
    }
}
