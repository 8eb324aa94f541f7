//! Who can dominate whom in any draw: the rivals of a row, and the rows that are not beaten in every draw.
//!
//! The range of a row's values over all draws is known before the first one (`ranges`). A row that another one
//! dominates whatever both do is on no front and decides nothing, so it is never drawn. The others are compared with
//! those only that can dominate them in some draw, the most probable ones first, several draws at once.

use super::super::Keep;
use super::super::filter::front_of_keys;
use super::super::keys::{Key, key};
use super::Draws;
use super::beaten::Beaten;
use super::lanes::LANES;
use super::ranges::Ranges;
use super::strike::Grid;
use crate::simd::{Kernel, dispatch, level};

/// Fewer draws are searched as they are.
const FEW_DRAWS: usize = 4;
/// In groups of more rows fronts are searched for draw by draw: choosing rivals is quadratic.
const MOST_ROWS: usize = 4096;
/// Most rivals of a row; where there are more, its place on a front is searched for.
const MOST_RIVALS: usize = 1024;
/// So many rivals are in the order of their chances.
const SORTED: usize = 16;
/// Rows that are looked at at once for rivals.
const CHOSEN_AT_ONCE: usize = 16;

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
    /// Positions among `rows` of the rivals of each row, and where those of a row end.
    rivals: Vec<u32>,
    ends: Vec<usize>,
    /// Whether these are all rivals of a row.
    pub(super) complete: Vec<bool>,
}

impl Rivals {
    /// Rivals within each group of rows, unless choosing them would take longer than it spares.
    pub(super) fn new(draws: &Draws<'_>, groups: &[Vec<u32>]) -> Self {
        let mut own = Self::default();
        if draws.num_draws < FEW_DRAWS || draws.num_rows == 0 {
            groups.iter().for_each(|rows| own.add_unknown(rows));
        } else {
            let ranges = Ranges::new(draws);
            let groups: Vec<Vec<u32>> = groups.iter().map(|rows| possible(draws, &ranges, rows)).collect();
            if groups.iter().all(|rows| rows.len() <= MOST_ROWS.min(draws.num_draws * 8)) {
                own.grids = ranges.grids(draws, &groups);
                groups.into_iter().for_each(|rows| own.add(draws, &ranges, rows));
            } else {
                groups.iter().for_each(|rows| own.add_unknown(rows));
            }
        }
        own.drawn = own.rows.iter().zip(0..).map(|(&row, position)| (row, position)).collect();
        own.drawn.sort_unstable();
        own
    }

    /// Draws that are looked at at once.
    pub(super) fn at_once(&self) -> usize {
        if self.grids.is_empty() { 1 } else { LANES }
    }

    /// Take up the rows of a group, whose rivals nobody knows.
    fn add_unknown(&mut self, rows: &[u32]) {
        self.rows.extend(rows);
        self.groups.push(self.rows.len());
        self.complete.resize(self.rows.len(), false);
    }

    /// Take up the rows of a group.
    fn add(&mut self, draws: &Draws<'_>, ranges: &Ranges, mut rows: Vec<u32>) {
        rows.sort_unstable_by(|&a, &b| ranges.middle[a as usize].total_cmp(&ranges.middle[b as usize]).then(a.cmp(&b)));
        let n = draws.num_rows;
        let middle = columns(&ranges.middle, n, &rows);
        let (best, worst) = (columns(&ranges.best, n, &rows), columns(&ranges.worst, n, &rows));
        dispatch(level(), Choose { into: self, count: rows.len(), best, worst, middle });
        self.rows.extend(rows);
        self.groups.push(self.rows.len());
    }

    /// The positions of the rivals of the row at `position`.
    #[inline(always)]
    pub(super) fn of(&self, position: usize) -> &[u32] {
        let from = if position == 0 { 0 } else { self.ends[position - 1] };
        &self.rivals[from..self.ends[position]]
    }
}

/// The values of some rows, objective by objective.
fn columns<T: Copy>(values: &[T], n: usize, rows: &[u32]) -> Vec<Vec<T>> {
    values.chunks_exact(n).map(|column| rows.iter().map(|&row| column[row as usize]).collect()).collect()
}

/// The rows of a group that no other one dominates whatever both do.
fn possible(draws: &Draws<'_>, ranges: &Ranges, rows: &[u32]) -> Vec<u32> {
    if rows.is_empty() {
        return Vec::new();
    }
    let worst = columns(&ranges.worst, draws.num_rows, rows);
    let front = front_of_keys(&worst.iter().map(Vec::as_slice).collect::<Vec<_>>(), Keep::First, 1);
    let strong: Vec<i64> = front.iter().flat_map(|&at| worst.iter().map(move |column| column[at as usize])).collect();
    let best = columns(&ranges.best, draws.num_rows, rows).concat();
    let mut left = Vec::new();
    dispatch(level(), Beaten { keys: &best, d: draws.d(), strong: &strong, left: &mut left });
    left.iter().map(|&at| rows[at as usize]).collect()
}

/// Appends the rivals of the rows of a group among each other; all columns objective by objective.
struct Choose<'a> {
    into: &'a mut Rivals,
    count: usize,
    best: Vec<Vec<i64>>,
    worst: Vec<Vec<i64>>,
    middle: Vec<Vec<f64>>,
}

impl Kernel for Choose<'_> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let n = self.count;
        let first = self.into.rows.len() as u32;
        for (best, middle) in self.best.iter_mut().zip(&mut self.middle) {
            // Empty lanes are never better than anyone.
            best.resize(n.next_multiple_of(CHOSEN_AT_ONCE), i64::NAN);
            middle.resize(n.next_multiple_of(CHOSEN_AT_ONCE), 0.0);
        }
        // The place of a rival behind a key of how far it is ahead: the smallest is the most probable one.
        let mut found: Vec<i64> = Vec::new();
        for own in 0..n {
            found.clear();
            for start in (0..n).step_by(CHOSEN_AT_ONCE) {
                let (mut possible, mut better) = ([-1_i64; CHOSEN_AT_ONCE], [0_i64; CHOSEN_AT_ONCE]);
                // How far a rival is ahead in the objective in which it is ahead least; all of these must be ahead.
                let mut ahead = [f64::INFINITY; CHOSEN_AT_ONCE];
                for ((best, worst), middle) in self.best.iter().zip(&self.worst).zip(&self.middle) {
                    let (best, others) = (&best[start..][..CHOSEN_AT_ONCE], &middle[start..][..CHOSEN_AT_ONCE]);
                    let (worst, middle) = (worst[own], middle[own]);
                    for lane in 0..CHOSEN_AT_ONCE {
                        possible[lane] &= -i64::from(best[lane] <= worst);
                        better[lane] |= -i64::from(best[lane] < worst);
                        let margin = middle - others[lane];
                        ahead[lane] = if margin < ahead[lane] { margin } else { ahead[lane] };
                    }
                }
                for (possible, better) in possible.iter_mut().zip(better) {
                    *possible &= better;
                }
                if possible.iter().fold(0, |any, flag| any | flag) != 0 {
                    let lanes = (0..CHOSEN_AT_ONCE.min(n - start)).filter(|&lane| possible[lane] != 0);
                    let lanes = lanes.filter(|&lane| start + lane != own);
                    found.extend(lanes.map(|lane| {
                        let ahead: i32 = key(ahead[lane] as f32, true);
                        i64::from(ahead) << 32 | i64::from(first + (start + lane) as u32)
                    }));
                }
            }
            self.into.complete.push(found.len() <= MOST_RIVALS);
            for limit in [MOST_RIVALS, SORTED] {
                if found.len() > limit {
                    found.select_nth_unstable(limit);
                }
                found.truncate(MOST_RIVALS);
            }
            let sorted = found.len().min(SORTED);
            found[..sorted].sort_unstable();
            self.into.rivals.extend(found.iter().map(|&found| found as u32));
            self.into.ends.push(self.into.rivals.len());
        }
    }
}
