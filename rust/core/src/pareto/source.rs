//! Where the filter reads keys from: a table as it lies in memory, or columns of keys that an algorithm has made.

use super::keys::Key;
use super::read::{Floats, ReadKeys};
use super::table::Table;
use crate::simd::{self, Kernel, dispatch};

/// Rows of keys that are read column by column.
pub(super) trait Source<K: Key>: Sync {
    /// Number of keys of a row.
    fn num_objectives(&self) -> usize;
    /// The keys of consecutive rows of objective `k`, from row `first` on.
    fn read(&self, k: usize, first: usize, out: &mut [K]);
    /// The keys of `rows` of objective `k`.
    fn gather(&self, k: usize, rows: &[u32], out: &mut [K]);
    /// The columns, if all are floats with as many bits as a key: a loop that knows this needs no copy of the keys.
    fn floats(&self) -> Option<Vec<Floats<'_, K::Float>>> {
        None
    }
}

/// A loop of the table, compiled for each level of the CPU.
struct Reading<'a, K> {
    table: &'a Table<'a>,
    k: usize,
    first: usize,
    out: &'a mut [K],
}

impl<K: ReadKeys> Kernel for Reading<'_, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.table.read(self.k, self.first, self.out);
    }
}

impl<K: ReadKeys> Source<K> for Table<'_> {
    fn num_objectives(&self) -> usize {
        Table::num_objectives(self)
    }

    fn read(&self, k: usize, first: usize, out: &mut [K]) {
        dispatch(simd::level(), Reading { table: self, k, first, out });
    }

    fn gather(&self, k: usize, rows: &[u32], out: &mut [K]) {
        Table::gather(self, k, rows, out);
    }

    fn floats(&self) -> Option<Vec<Floats<'_, K::Float>>> {
        Table::floats::<K>(self)
    }
}

/// Columns of keys, equally long.
pub(super) struct Columns<'a, K>(pub(super) &'a [&'a [K]]);

impl<K: Key> Source<K> for Columns<'_, K> {
    fn num_objectives(&self) -> usize {
        self.0.len()
    }

    fn read(&self, k: usize, first: usize, out: &mut [K]) {
        out.copy_from_slice(&self.0[k][first..first + out.len()]);
    }

    fn gather(&self, k: usize, rows: &[u32], out: &mut [K]) {
        let column = self.0[k];
        for (out, &row) in out.iter_mut().zip(rows) {
            *out = column[row as usize];
        }
    }
}

/// Rows of `d` keys, one after the other.
pub(super) struct Interleaved<'a, K> {
    pub(super) keys: &'a [K],
    pub(super) d: usize,
}

impl<K: Key> Source<K> for Interleaved<'_, K> {
    fn num_objectives(&self) -> usize {
        self.d
    }

    fn read(&self, k: usize, first: usize, out: &mut [K]) {
        for (out, row) in out.iter_mut().zip(self.keys.chunks_exact(self.d).skip(first)) {
            *out = row[k];
        }
    }

    fn gather(&self, k: usize, rows: &[u32], out: &mut [K]) {
        for (out, &row) in out.iter_mut().zip(rows) {
            *out = self.keys[row as usize * self.d + k];
        }
    }
}

/// Some rows of a source: consecutive ones, or a rising list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// `count` rows from `first` on.
    Span { first: u32, count: u32 },
    /// These rows.
    List(&'a [u32]),
}

impl Rows<'_> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Span { count, .. } => count as usize,
            Self::List(rows) => rows.len(),
        }
    }

    /// The row at a position.
    #[inline(always)]
    pub(super) fn at(self, position: usize) -> u32 {
        match self {
            Self::Span { first, .. } => first + position as u32,
            Self::List(rows) => rows[position],
        }
    }

    /// Call `visit` with each row.
    #[inline(always)]
    pub(super) fn for_each(self, visit: impl FnMut(u32)) {
        match self {
            Self::Span { first, count } => (first..first + count).for_each(visit),
            Self::List(rows) => rows.iter().copied().for_each(visit),
        }
    }

    /// The rows from `start` on, at most `count`.
    pub(super) fn part(self, start: usize, count: usize) -> Self {
        let count = count.min(self.len() - start);
        match self {
            Self::Span { first, .. } => Self::Span { first: first + start as u32, count: count as u32 },
            Self::List(rows) => Self::List(&rows[start..start + count]),
        }
    }

    /// In at most `num_parts` parts of about the same length, in order.
    pub(super) fn split(self, num_parts: usize) -> Vec<Self> {
        let step = self.len().div_ceil(num_parts.max(1)).max(1);
        (0..self.len()).step_by(step).map(|start| self.part(start, step)).collect()
    }

    /// The keys of objective `k` of these rows.
    pub(super) fn read<K: Key>(self, source: &dyn Source<K>, k: usize, out: &mut [K]) {
        match self {
            Self::Span { first, .. } => source.read(k, first as usize, out),
            Self::List(rows) => source.gather(k, rows, out),
        }
    }

    /// As a list.
    pub(super) fn to_vec(self) -> Vec<u32> {
        match self {
            Self::Span { first, count } => (first..first + count).collect(),
            Self::List(rows) => rows.to_vec(),
        }
    }

    /// All of them, for keeps.
    pub(super) fn to_kept(self) -> Kept {
        match self {
            Self::Span { first, count } => Kept::Span { first, count },
            Self::List(rows) => Kept::List(rows.to_vec()),
        }
    }

    /// Those of a rising list of some of them; no list is needed where all are left.
    pub(super) fn kept(self, left: Vec<u32>) -> Kept {
        match self {
            Self::Span { first, count } if left.len() == count as usize => Kept::Span { first, count },
            _ => Kept::List(left),
        }
    }
}

/// Rows that an algorithm has chosen: as [`Rows`], but a list is its own.
#[derive(Debug)]
pub(super) enum Kept {
    Span { first: u32, count: u32 },
    List(Vec<u32>),
}

impl Kept {
    pub(super) fn rows(&self) -> Rows<'_> {
        match self {
            &Self::Span { first, count } => Rows::Span { first, count },
            Self::List(rows) => Rows::List(rows),
        }
    }
}
