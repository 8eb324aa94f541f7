//! Four and more objectives: rows in Z-order are tested against a tree of the front so far, 64 rows or nodes at a time.
//!
//! A leaf holds 64 rows of the front as cells of a coarse grid, objective by objective; a node holds the lower corners
//! of 64 leaves or nodes. A byte per cell makes 64 comparisons one instruction, and a leaf whose corner is above the
//! row somewhere is never opened. Only rows whose cells do not rule it out are compared by their keys. Time grows with
//! the front as for any filter above three objectives, but by a small part of it. Memory: at most 9 bytes per value and
//! 8 per row; 20 per row while the curve is sorted, before that.

use super::super::Keep;
use super::super::keyed::move_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use super::grid::{self, Grid};
use super::lanes::{self, Cells, Compare, Comparing, LANES};
use super::sorted::ranges;
use crate::parallel;

/// A thread takes this many rows at least.
const ROWS_PER_THREAD: usize = 4096;

/// Rows of a front that come in Z-order.
struct Tree<K> {
    d: usize,
    num_rows: usize,
    /// Per leaf `d` columns of keys, and of their cells.
    keys: Vec<[K; LANES]>,
    cells: Vec<Cells>,
    /// Per node `d` columns of lower corners: of 64 leaves, and of 64 such nodes.
    nodes: [Vec<Cells>; 2],
}

impl<K: Key> Tree<K> {
    /// An empty tree with room for some rows: what is not used is never touched, and nothing is moved to grow.
    fn new(d: usize, most_rows: usize) -> Self {
        let room = most_rows.div_ceil(LANES) * d;
        let (keys, cells) = (Vec::with_capacity(room), Vec::with_capacity(room));
        Self { d, num_rows: 0, keys, cells, nodes: [Vec::new(), Vec::new()] }
    }

    fn push(&mut self, keys: &[K], cells: &[u8]) {
        let (leaf, lane) = (self.num_rows / LANES, self.num_rows % LANES);
        self.num_rows += 1;
        if lane == 0 {
            // An empty lane is above any cell, so it never stands for a row.
            self.keys.resize((leaf + 1) * self.d, [K::NAN; LANES]);
            self.cells.resize((leaf + 1) * self.d, [u8::MAX; LANES]);
        }
        for k in 0..self.d {
            self.keys[leaf * self.d + k][lane] = keys[k];
            self.cells[leaf * self.d + k][lane] = cells[k];
        }
        let mut child = leaf;
        for nodes in &mut self.nodes {
            let (node, lane) = (child / LANES, child % LANES);
            if nodes.len() <= node * self.d {
                nodes.resize((node + 1) * self.d, [u8::MAX; LANES]);
            }
            for (corners, &cell) in nodes[node * self.d..].iter_mut().zip(cells) {
                corners[lane] = corners[lane].min(cell);
            }
            child = node;
        }
    }

    /// Whether a row of the tree is nowhere above this one.
    #[inline(always)]
    fn reaches(&self, compare: impl Compare, keys: &[K], cells: &[u8]) -> bool {
        let columns = |all: &[Cells], index: usize| compare.not_above(&all[index * self.d..][..self.d], cells);
        for top in 0..self.nodes[1].len() / self.d {
            let mut nodes = columns(&self.nodes[1], top);
            while let Some(node) = next(&mut nodes, top) {
                let mut leaves = columns(&self.nodes[0], node);
                while let Some(leaf) = next(&mut leaves, node) {
                    let mut rows = columns(&self.cells, leaf);
                    while let Some(row) = next(&mut rows, leaf) {
                        let own = &self.keys[leaf * self.d..][..self.d];
                        if own.iter().zip(keys).all(|(column, key)| column[row % LANES] <= *key) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }
}

/// Take the lowest bit of a mask: the index of that child of `parent`.
#[inline(always)]
fn next(mask: &mut u64, parent: usize) -> Option<usize> {
    let lane = mask.trailing_zeros() as usize;
    (*mask != 0).then(|| {
        *mask &= *mask - 1;
        parent * LANES + lane
    })
}

/// Rows with their keys and cells, a block of up to 64 at a time, column by column.
struct Block<'a, K> {
    source: &'a dyn Source<K>,
    grid: &'a Grid<K>,
    keys: Vec<[K; LANES]>,
    cells: Vec<Cells>,
}

impl<'a, K: Key> Block<'a, K> {
    fn new(source: &'a dyn Source<K>, grid: &'a Grid<K>) -> Self {
        let d = source.num_objectives();
        Self { source, grid, keys: vec![[K::default(); LANES]; d], cells: vec![[0; LANES]; d] }
    }

    #[inline(always)]
    fn read(&mut self, rows: &[u32]) {
        for (k, (keys, cells)) in self.keys.iter_mut().zip(&mut self.cells).enumerate() {
            self.source.gather(k, rows, &mut keys[..rows.len()]);
            self.grid.cells(k, &keys[..rows.len()], cells);
        }
    }

    #[inline(always)]
    fn row(&self, lane: usize, keys: &mut [K], cells: &mut [u8]) {
        for (key, column) in keys.iter_mut().zip(&self.keys) {
            *key = column[lane];
        }
        for (cell, column) in cells.iter_mut().zip(&self.cells) {
            *cell = column[lane];
        }
    }
}

/// The front of rows in Z-order, as runs of equal rows; they are moved to the front of `rows`.
struct Build<'a, K> {
    source: &'a dyn Source<K>,
    grid: &'a Grid<K>,
    rows: &'a mut [u32],
}

/// The front of a part of the rows.
struct Front<K> {
    tree: Tree<K>,
    /// Where among the rows of the front the equals of each row of the tree start.
    starts: Vec<u32>,
    num_rows: usize,
}

impl<K: Key> Comparing for Build<'_, K> {
    type Output = Front<K>;

    #[inline(always)]
    fn run<C: Compare>(self, compare: C) -> Front<K> {
        let d = self.source.num_objectives();
        let count = self.rows.len();
        let mut front = Front { tree: Tree::new(d, count), starts: Vec::with_capacity(count), num_rows: 0 };
        let mut block = Block::new(self.source, self.grid);
        let (mut keys, mut cells) = (vec![K::default(); d], vec![0; d]);
        let (mut last, mut on_front) = (vec![K::default(); d], None);
        let mut rows = Vec::with_capacity(LANES);
        for start in (0..count).step_by(LANES) {
            rows.clear();
            rows.extend_from_slice(&self.rows[start..count.min(start + LANES)]);
            block.read(&rows);
            for (lane, &row) in rows.iter().enumerate() {
                block.row(lane, &mut keys, &mut cells);
                let repeats = on_front.is_some() && keys == last;
                if !repeats {
                    let stays = !front.tree.reaches(compare, &keys, &cells);
                    if stays {
                        front.tree.push(&keys, &cells);
                        front.starts.push(front.num_rows as u32);
                    }
                    on_front = Some(stays);
                    last.copy_from_slice(&keys);
                }
                if on_front == Some(true) {
                    // Not behind the row itself, so no row is lost.
                    self.rows[front.num_rows] = row;
                    front.num_rows += 1;
                }
            }
        }
        front
    }
}

/// Which rows of a tree the earlier trees do not reach.
struct Survive<'a, K> {
    earlier: &'a [Front<K>],
    tree: &'a Tree<K>,
    first: usize,
    left: &'a mut [bool],
}

impl<K: Key> Comparing for Survive<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<C: Compare>(self, compare: C) {
        let d = self.tree.d;
        let (mut keys, mut cells) = (vec![K::default(); d], vec![0; d]);
        for (index, left) in (self.first..).zip(self.left) {
            let (leaf, lane) = (index / LANES * d, index % LANES);
            for k in 0..d {
                (keys[k], cells[k]) = (self.tree.keys[leaf + k][lane], self.tree.cells[leaf + k][lane]);
            }
            *left = !self.earlier.iter().any(|front| front.tree.reaches(compare, &keys, &cells));
        }
    }
}

/// The front of `rows`, in no particular order.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep, threads: usize) -> Vec<u32> {
    if rows.len() == 0 {
        return Vec::new();
    }
    let grid = Grid::new(source, rows);
    let threads = threads.min(rows.len() / ROWS_PER_THREAD).max(1);
    let (mut order, lengths) = along_curve(source, &grid, rows, threads);
    let mut rest = order.as_mut_slice();
    let parts = lengths.iter().map(|&length| rest.split_off_mut(..length).unwrap_or_default()).collect();
    let fronts = parallel::each(parts, |rows| lanes::run(Build { source, grid: &grid, rows }));
    let (mut first, mut end) = (0, 0);
    for (index, (front, length)) in fronts.iter().zip(lengths).enumerate() {
        let mut left = vec![true; front.starts.len()];
        if index > 0 {
            let step = left.len().div_ceil(threads).max(1);
            let pieces = left.chunks_mut(step).enumerate().collect();
            parallel::each(pieces, |(piece, left): (usize, &mut [bool])| {
                lanes::run(Survive { earlier: &fronts[..index], tree: &front.tree, first: piece * step, left });
            });
        }
        let ends = front.starts.iter().skip(1).copied().chain([front.num_rows as u32]);
        for ((&start, stop), _) in front.starts.iter().zip(ends).zip(&left).filter(|(_, left)| **left) {
            end = move_kept(&mut order, end, first + start as usize..first + stop as usize, keep);
        }
        first += length;
    }
    order.truncate(end);
    order
}

/// The rows in Z-order, and the lengths of `threads` parts of them that share no place on the curve.
fn along_curve<K: Key>(
    source: &dyn Source<K>,
    grid: &Grid<K>,
    rows: Rows<'_>,
    threads: usize,
) -> (Vec<u32>, Vec<usize>) {
    let mut codes = vec![(0, 0); rows.len()];
    let parts = rows.split(threads);
    let pieces = codes.chunks_mut(rows.len().div_ceil(threads));
    parallel::each(parts.into_iter().zip(pieces).collect(), |(rows, codes): (Rows<'_>, &mut [(u64, u32)])| {
        grid.codes(source, rows, codes);
    });
    let parts = ranges(&mut codes, threads);
    let lengths = parts.iter().map(|part| part.len()).collect();
    parallel::each(parts, |codes| grid::sort(source, codes));
    (codes.iter().map(|&(_, row)| row).collect(), lengths)
}
