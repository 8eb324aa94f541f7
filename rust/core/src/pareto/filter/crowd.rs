//! Rows along the Z-curve without their equals, known by their cells, 64 rows at a time.

use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::grid::Placed;
use super::lanes::{Cells, LANES};

/// Rows, no two of them equal; each comes after those that dominate it.
pub(super) struct Crowd {
    pub(super) d: usize,
    pub(super) len: usize,
    /// Of each 64 rows a column per objective.
    pub(super) cells: Vec<Cells>,
    /// Of each 64 times 64 rows a column per objective, with the largest cell of each 64.
    pub(super) tops: Vec<Cells>,
    /// The rows as given, equal ones beside each other, and where the equals of each row start.
    pub(super) rows: Vec<u32>,
    pub(super) starts: Vec<u32>,
    /// Whether each row is still in the crowd, 64 at a time.
    pub(super) left: Vec<u64>,
}

impl Crowd {
    /// The rows of sorted words of `placed`.
    pub(super) fn new<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, placed: &Placed, words: &[u64]) -> Self {
        let d = source.num_objectives();
        let mut crowd = Self {
            d,
            len: 0,
            cells: Vec::with_capacity(words.len().div_ceil(LANES) * d),
            tops: Vec::new(),
            rows: words.iter().map(|&word| rows.at(placed.position(word))).collect(),
            starts: Vec::with_capacity(words.len()),
            left: Vec::with_capacity(words.len().div_ceil(LANES)),
        };
        let mut before: Option<u64> = None;
        for (start, &word) in words.iter().enumerate() {
            let own = placed.cells(word);
            let repeats = before.is_some_and(|before| {
                placed.code(before) == placed.code(word)
                    && placed.cells(before) == own
                    && (0..d).all(|k| {
                        let rows = [crowd.rows[start - 1], crowd.rows[start]];
                        placed.tells(k) || order(source, k, rows).is_eq()
                    })
            });
            before = Some(word);
            if !repeats {
                crowd.push(own, start);
            }
        }
        crowd.tops = vec![[0; LANES]; crowd.left.len().div_ceil(LANES) * d];
        for (block, columns) in crowd.cells.chunks_exact(d).enumerate() {
            for (top, column) in crowd.tops[block / LANES * d..].iter_mut().zip(columns) {
                top[block % LANES] = column.iter().fold(0, |most, &cell| most.max(cell));
            }
        }
        crowd
    }

    #[inline(always)]
    fn push(&mut self, cells: &[u8], start: usize) {
        let (block, lane) = (self.len / LANES, self.len % LANES);
        if lane == 0 {
            self.cells.resize((block + 1) * self.d, [0; LANES]);
            self.left.push(0);
        }
        for (column, &cell) in self.cells[block * self.d..].iter_mut().zip(cells) {
            column[lane] = cell;
        }
        self.left[block] |= 1 << lane;
        self.starts.push(start as u32);
        self.len += 1;
    }

    /// The columns of 64 rows.
    #[inline(always)]
    pub(super) fn block(&self, block: usize) -> &[Cells] {
        &self.cells[block * self.d..][..self.d]
    }

    /// The cell of a row in objective `k`.
    #[inline(always)]
    pub(super) fn cell(&self, index: usize, k: usize) -> u8 {
        self.cells[index / LANES * self.d + k][index % LANES]
    }

    /// The cells of a row.
    #[inline(always)]
    pub(super) fn cells_of(&self, index: usize) -> impl Iterator<Item = u8> + Clone {
        self.block(index / LANES).iter().map(move |column| column[index % LANES])
    }

    /// The first of the equals of a row.
    pub(super) fn row(&self, index: usize) -> u32 {
        self.rows[self.starts[index] as usize]
    }

    /// Where the equals of a row are among `rows`.
    pub(super) fn run(&self, index: usize) -> std::ops::Range<usize> {
        self.starts[index] as usize..self.starts.get(index + 1).map_or(self.rows.len(), |&end| end as usize)
    }
}

/// How the keys of two rows compare.
pub(super) fn order<K: Key>(source: &dyn Source<K>, k: usize, rows: [u32; 2]) -> std::cmp::Ordering {
    let mut keys = [K::default(); 2];
    source.gather(k, &rows, &mut keys);
    keys[0].cmp(&keys[1])
}
