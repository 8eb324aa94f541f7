//! The fronts of some draws: rows are struck by their rivals, and where these are not known a front is searched for.

use std::borrow::Cow;

use super::super::filter::front_of_keys;
use super::super::keys::{Key, key};
use super::super::{Keep, NanPolicy};
use super::Draws;
use super::beaten::Beaten;
use super::draws::{Scratch, Source, Statistic};
use super::lanes::{self, Cells, LANES};
use super::resample::Means;
use super::rivals::Rivals;
use super::strike::{Grid, Strike};
use crate::simd::{Kernel, dispatch, level};

/// Up to this many pairs of rows are compared, of more a front is searched for.
const FEW_PAIRS: usize = 160 * 160;

/// Values that become cells at once.
const AT_ONCE: usize = 64;

/// Some draws, and the rows on their fronts.
pub(super) struct Together<'a> {
    draws: &'a Draws<'a>,
    rivals: &'a Rivals,
    scratch: Scratch,
    /// Draw after draw, objective by objective.
    keys: Vec<i64>,
    /// The objectives of row after row; empty if there are no rivals.
    cells: Vec<Cells>,
    /// Per row a bit for each of the draws on whose front it may be.
    open: Vec<u32>,
}

impl<'a> Together<'a> {
    pub(super) fn new(draws: &'a Draws<'a>, rivals: &'a Rivals) -> Self {
        let (n, d) = (rivals.rows.len(), draws.d());
        let keys = vec![0; rivals.at_once() * n * d];
        let cells = vec![[0; LANES]; if rivals.at_once() == 1 { 0 } else { n * d }];
        Self { draws, rivals, scratch: Scratch::default(), keys, cells, open: vec![0; n] }
    }

    /// Call `on_front` with each of the draws of turn `turn` and each of the rows of its front.
    pub(super) fn fronts(&mut self, turn: usize, mut on_front: impl FnMut(usize, u32)) {
        let first = turn * self.rivals.at_once();
        let count = self.rivals.at_once().min(self.draws.num_draws - first);
        self.read(first, count);
        if !self.cells.is_empty() {
            let (rivals, cells, keys) = (self.rivals, &self.cells, &self.keys);
            lanes::run(Strike { rivals, cells, keys, d: self.draws.d(), open: &mut self.open });
        }
        if self.rivals.complete.contains(&false) {
            (0..count).for_each(|lane| self.search(lane));
        }
        for (&row, &open) in self.rivals.rows.iter().zip(&self.open) {
            let mut open = open;
            while open != 0 {
                on_front(first + open.trailing_zeros() as usize, row);
                open &= open - 1;
            }
        }
    }

    fn read(&mut self, first: usize, count: usize) {
        let (n, d, grids) = (self.draws.num_rows, self.draws.d(), &self.rivals.grids);
        let (rows, drawn) = (&self.rivals.rows, &self.rivals.drawn);
        let (cells, keys) = (&mut self.cells, &mut self.keys);
        self.open.fill(u32::MAX >> (LANES - count));
        if let Source::Measured { values, offsets, statistic: Statistic::Mean, seed } = self.draws.source
            && !cells.is_empty()
        {
            let (draws, rivals, measured) = (self.draws, self.rivals, (values, offsets, seed));
            return dispatch(level(), Means { draws, rivals, measured, first, count, keys, cells });
        }
        for (lane, keys) in keys.chunks_exact_mut((rows.len() * d).max(1)).take(count).enumerate() {
            let of = drawn.iter().map(|&(row, position)| (row as usize, position as usize));
            self.draws.source.draw(first + lane, n, d, of, &mut self.scratch, |position, k, value| {
                keys[k * rows.len() + position] = value.to_bits().cast_signed();
            });
            for (k, column) in keys.chunks_exact_mut(rows.len().max(1)).enumerate() {
                let cells = grids.get(k).map(|&grid| (grid, &mut cells[k..]));
                dispatch(level(), ToKeys { column, maximize: self.draws.maximize[k], cells, d, lane });
            }
            if self.draws.nan == NanPolicy::Drop {
                for (position, open) in self.open.iter_mut().enumerate() {
                    if (0..d).any(|k| keys[k * rows.len() + position] == i64::NAN) {
                        // It dominates nobody.
                        (0..d).for_each(|k| keys[k * rows.len() + position] = i64::NAN);
                        cells.iter_mut().skip(position * d).take(d).for_each(|cells| cells[lane] = i16::MAX);
                        *open &= !(1 << lane);
                    }
                }
            }
        }
    }

    /// Find out about the rows that may have rivals which are not listed: whoever is dominated at all is dominated by
    /// one that is still open.
    fn search(&mut self, lane: usize) {
        let (n, d) = (self.rivals.rows.len(), self.draws.d());
        let keys = &self.keys[lane * n * d..][..n * d];
        let columns = keys.chunks_exact(n.max(1));
        let mut start = 0;
        for &end in &self.rivals.groups {
            if !self.rivals.strong.is_empty() {
                let strong = self.rivals.strong.iter();
                let strong: Vec<i64> =
                    strong.flat_map(|&at| columns.clone().map(move |column| column[at as usize])).collect();
                let mut left = Vec::new();
                dispatch(level(), Beaten { keys, d, strong: &strong, left: &mut left });
                let mut open = vec![0; n];
                for at in left {
                    open[at as usize] = self.open[at as usize];
                }
                self.open = open;
            }
            let open: Vec<usize> = (start..end).filter(|&at| self.open[at] >> lane & 1 != 0).collect();
            let doubtful: Vec<usize> = open.iter().copied().filter(|&at| !self.rivals.complete[at]).collect();
            start = end;
            if doubtful.is_empty() {
                continue;
            }
            let of = |rows: &[usize]| -> Vec<i64> {
                columns.clone().flat_map(|column| rows.iter().map(|&at| column[at])).collect()
            };
            let mut left = Vec::new();
            let rows = if doubtful.len() * open.len() <= FEW_PAIRS {
                let strong: Vec<i64> =
                    open.iter().flat_map(|&at| columns.clone().map(move |column| column[at])).collect();
                dispatch(level(), Beaten { keys: &of(&doubtful), d, strong: &strong, left: &mut left });
                doubtful
            } else {
                let keys = if open.len() == n { Cow::Borrowed(keys) } else { Cow::Owned(of(&open)) };
                left = front_of_keys(&keys.chunks_exact(open.len()).collect::<Vec<_>>(), Keep::All, 1);
                open
            };
            for &at in &rows {
                self.open[at] &= !(1 << lane);
            }
            for at in left {
                self.open[rows[at as usize]] |= 1 << lane;
            }
        }
    }
}

/// Makes keys of the bits of values, and their cells if asked for.
struct ToKeys<'a> {
    column: &'a mut [i64],
    maximize: bool,
    /// Every `d`-th of the cells.
    cells: Option<(Grid, &'a mut [Cells])>,
    d: usize,
    lane: usize,
}

impl Kernel for ToKeys<'_> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        for (index, keys) in self.column.chunks_mut(AT_ONCE).enumerate() {
            if let Some((grid, cells)) = &mut self.cells {
                let mut own = [0; AT_ONCE];
                for (cell, &bits) in own.iter_mut().zip(&*keys) {
                    *cell = grid.cell(f64::from_bits(bits.cast_unsigned()));
                }
                let places = cells[index * AT_ONCE * self.d..].iter_mut().step_by(self.d);
                for ((place, &cell), _) in places.zip(&own).zip(&*keys) {
                    place[self.lane] = cell;
                }
            }
            for bits in keys {
                *bits = key(f64::from_bits(bits.cast_unsigned()), self.maximize);
            }
        }
    }
}
