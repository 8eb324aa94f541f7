//! Rows against their rivals, in several draws at once.
//!
//! Values are compared by cells of 16 bits: who is in better cells throughout dominates, and only if cells are equal
//! the keys decide.

use super::lanes::{Cells, Compare, Comparing, LANES};
use super::rivals::Rivals;

/// How values become cells: the one that is in the middle, and how many cells a unit has; below 0 if larger is better.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    middle: f64,
    scale: f64,
}

impl Grid {
    /// The finest cells for values between `ends`.
    pub(super) fn new((low, high): (f64, f64), maximize: bool) -> Self {
        let scale = (65_000.0 / (high - low)).clamp(1e-300, 1e300);
        Self { middle: f64::midpoint(low, high), scale: if maximize { -scale } else { scale } }
    }

    /// A cell that never falls when a value gets worse; the worst one for NaN.
    #[inline(always)]
    pub(super) fn cell(self, value: f64) -> i16 {
        if value.is_nan() { i16::MAX } else { ((value - self.middle) * self.scale) as i16 }
    }
}

/// Clears the bits of the draws in which a rival dominates a row.
pub(super) struct Strike<'a> {
    pub(super) rivals: &'a Rivals,
    /// The objectives of row after row.
    pub(super) cells: &'a [Cells],
    /// Draw after draw, objective by objective.
    pub(super) keys: &'a [i64],
    pub(super) d: usize,
    /// Per row a bit for each draw.
    pub(super) open: &'a mut [u32],
}

impl Comparing for Strike<'_> {
    #[inline(always)]
    fn run<C: Compare>(self, compare: C) {
        match self.d {
            2 => self.rows::<2, C>(compare),
            3 => self.rows::<3, C>(compare),
            4 => self.rows::<4, C>(compare),
            d => {
                for position in 0..self.open.len() {
                    let cells = |row: usize| &self.cells[row * d..][..d];
                    self.open[position] = self.left(compare, position, cells(position), cells);
                }
            }
        }
    }
}

impl<'a> Strike<'a> {
    #[inline(always)]
    fn rows<const D: usize, C: Compare>(self, compare: C) {
        let (cells, _) = self.cells.as_chunks::<D>();
        for position in 0..self.open.len() {
            let own = cells[position];
            self.open[position] = self.left(
                compare,
                position,
                &own,
                #[inline(always)]
                |row| &cells[row][..],
            );
        }
    }

    /// The draws in which no rival dominates the row at `position`, whose cells are `own`.
    #[inline(always)]
    fn left<C: Compare>(
        &self,
        compare: C,
        position: usize,
        own: &[Cells],
        cells: impl Fn(usize) -> &'a [Cells],
    ) -> u32 {
        let mut left = self.open[position];
        for &rival in self.rivals.of(position) {
            let other = cells(rival as usize);
            let beaten = compare.not_above(own, other, left);
            if beaten != 0 {
                left &=
                    !beaten | self.not_dominated(position, rival as usize, beaten & compare.same_in_any(own, other));
                if left == 0 {
                    break;
                }
            }
        }
        left
    }

    /// The draws among `doubtful` in which the row at `rival` does not dominate the one at `position`.
    #[inline(always)]
    fn not_dominated(&self, position: usize, rival: usize, doubtful: u32) -> u32 {
        if doubtful == 0 { 0 } else { doubtful & !self.dominated(position, rival, doubtful) }
    }

    fn dominated(&self, position: usize, rival: usize, doubtful: u32) -> u32 {
        let n = self.open.len();
        let dominates = |draw: usize| {
            let mut columns = self.keys[draw * n * self.d..][..n * self.d].chunks_exact(n);
            let mut better = false;
            let not_worse = columns.all(|keys| {
                better |= keys[rival] < keys[position];
                keys[rival] <= keys[position]
            });
            not_worse && better
        };
        let draws = (0..LANES).filter(|draw| doubtful >> draw & 1 != 0);
        draws.filter(|&draw| dominates(draw)).fold(0, |bits, draw| bits | 1 << draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_value_is_never_in_a_better_cell() {
        for maximize in [false, true] {
            for ends in [(0.0, 1.0), (-3.0, -3.0), (f64::INFINITY, f64::NEG_INFINITY)] {
                let grid = Grid::new(ends, maximize);
                let mut values = vec![f64::NEG_INFINITY, -1e300, -3.0, -1e-9, 0.0, 0.3, 0.300_02, 1.0, f64::INFINITY];
                if maximize {
                    values.reverse();
                }
                values.push(f64::NAN);
                assert!(values.windows(2).all(|pair| grid.cell(pair[0]) <= grid.cell(pair[1])), "{ends:?}");
            }
        }
        let grid = Grid::new((0.0, 1.0), false);
        assert!(grid.cell(0.0) < grid.cell(0.000_02) && grid.cell(0.999_98) < grid.cell(1.0));
    }

    #[test]
    fn keys_decide_where_cells_are_equal() {
        let mut rivals = Rivals::default();
        rivals.push([1].into_iter(), true);
        rivals.push([0].into_iter(), true);
        // Two rows of two objectives: in draw 0 cells decide, in 1 the keys of the second, 2 is a tie, 3 nobody's.
        let mut cells = [[0_i16; LANES]; 4];
        let mut keys = vec![0_i64; LANES * 4];
        for (draw, (first, second)) in
            [([1, 1], [2, 2]), ([1, 5], [2, 5]), ([1, 1], [1, 1]), ([1, 4], [3, 2])].into_iter().enumerate()
        {
            for k in 0..2 {
                (cells[k][draw], cells[2 + k][draw]) = (first[k], second[k]);
                let lower = i64::from(draw == 1 && k == 1);
                keys[draw * 4 + k * 2] = i64::from(first[k]) * 10;
                keys[draw * 4 + k * 2 + 1] = i64::from(second[k]) * 10 + lower;
            }
        }
        let mut open = [0b1111, 0b1111];
        super::super::lanes::run(Strike { rivals: &rivals, cells: &cells, keys: &keys, d: 2, open: &mut open });
        assert_eq!(open, [0b1111, 0b1100]);
    }
}
