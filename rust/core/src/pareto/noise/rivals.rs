//! Who can dominate whom in any draw: the rivals of a row, and the rows that are not beaten in every draw.
//!
//! The range of a row's values over all draws is known before the first one (`ranges`). A row that another one
//! dominates whatever both do is on no front and decides nothing, so it is never drawn. The others are compared with
//! those only that can dominate them in some draw, the most probable ones first, several draws at once.

use super::Draws;
use super::choose::Choose;
use super::lanes::LANES;
use super::possible::{columns, possible, strong};
use super::ranges::Ranges;
use super::strike::Grid;
use super::together::Together;
use crate::simd::{dispatch, level};

/// Fewer draws are searched as they are.
const FEW_DRAWS: usize = 4;
/// In groups of more rows fronts are searched for draw by draw: choosing rivals is quadratic.
const MOST_ROWS: usize = 4096;
/// Between these is the number of rivals that are chosen at most; where a row has more, its front is searched for.
const LEAST_RIVALS: usize = 64;
const MOST_RIVALS: usize = 1024;

/// The rows that can be on a front, each with its rivals.
#[derive(Default)]
pub(super) struct Rivals {
    /// Rows of the draws; neighbors in the first objective are neighbors here.
    pub(super) rows: Vec<u32>,
    /// Each row and its position among `rows`, in the order of the rows: they are drawn as they lie in memory.
    pub(super) drawn: Vec<(u32, u32)>,
    /// Per objective how values become cells; empty if no rivals were chosen.
    pub(super) grids: Vec<Grid>,
    /// Per group where its rows end.
    pub(super) groups: Vec<usize>,
    /// Positions among `rows` of some that dominate many others, if there is one group without rivals.
    pub(super) strong: Vec<u32>,
    /// Positions among `rows` of the rivals of each row, and where those of a row end.
    lists: Vec<u32>,
    ends: Vec<usize>,
    /// Whether these are all rivals of a row.
    pub(super) complete: Vec<bool>,
}

impl Rivals {
    /// Rivals within each group of rows, unless choosing them would take longer than it spares.
    pub(super) fn new(draws: &Draws<'_>, groups: &[Vec<u32>]) -> Self {
        if draws.num_draws < FEW_DRAWS || draws.num_rows == 0 {
            return Self::unknown(groups);
        }
        let ranges = Ranges::new(draws);
        let groups: Vec<Vec<u32>> = groups.iter().map(|rows| possible(draws, &ranges, rows)).collect();
        let mut unknown = Self::unknown(&groups);
        if groups.iter().any(|rows| rows.len() > MOST_ROWS.min(draws.num_draws * 4)) {
            if let [rows] = &groups[..] {
                unknown.strong = strong(draws, &ranges, rows);
            }
            return unknown;
        }
        // Searching compares with the front; more rivals than that would take longer.
        let mut on_front = 0;
        Together::new(draws, &unknown).fronts(0, |_, _| on_front += 1);
        let most = (2 * on_front / groups.len()).clamp(LEAST_RIVALS, MOST_RIVALS);
        let mut own = Self { grids: ranges.grids(draws, &groups), ..Self::default() };
        for rows in groups {
            own.add(draws, &ranges, rows, most);
        }
        own.order()
    }

    /// Rows whose rivals nobody knows.
    fn unknown(groups: &[Vec<u32>]) -> Self {
        let mut own = Self::default();
        for rows in groups {
            own.rows.extend(rows);
            own.groups.push(own.rows.len());
        }
        own.complete = vec![false; own.rows.len()];
        own.order()
    }

    /// Take up the rows of a group with up to `most` rivals each.
    fn add(&mut self, draws: &Draws<'_>, ranges: &Ranges, mut rows: Vec<u32>, most: usize) {
        rows.sort_unstable_by(|&a, &b| ranges.middle[a as usize].total_cmp(&ranges.middle[b as usize]).then(a.cmp(&b)));
        let n = draws.num_rows;
        let middle = columns(&ranges.middle, n, &rows);
        let (best, worst) = (columns(&ranges.best, n, &rows), columns(&ranges.worst, n, &rows));
        dispatch(level(), Choose { into: self, count: rows.len(), most, best, worst, middle });
        self.rows.extend(rows);
        self.groups.push(self.rows.len());
    }

    fn order(mut self) -> Self {
        self.drawn = self.rows.iter().zip(0..).map(|(&row, position)| (row, position)).collect();
        self.drawn.sort_unstable();
        self
    }

    /// Take up the next row with its rivals, and whether these are all.
    #[inline(always)]
    pub(super) fn push(&mut self, rivals: impl Iterator<Item = u32>, complete: bool) {
        self.lists.extend(rivals);
        self.ends.push(self.lists.len());
        self.complete.push(complete);
    }

    /// Draws that are looked at at once.
    pub(super) fn at_once(&self) -> usize {
        if self.grids.is_empty() { 1 } else { LANES }
    }

    /// The positions of the rivals of the row at `position`.
    #[inline(always)]
    pub(super) fn of(&self, position: usize) -> &[u32] {
        let from = if position == 0 { 0 } else { self.ends[position - 1] };
        &self.lists[from..self.ends[position]]
    }
}
