//! On how many draws' fronts each row is.
//!
//! A few rows that dominate many others at the mean are tried first on every draw; what they leave over is filtered
//! exactly.

use super::super::filter::front_of_keys;
use super::super::keys::{Key, key};
use super::super::{Keep, NanPolicy};
use super::Draws;
use super::draws::Scratch;
use crate::error::{Error, Result};
use crate::parallel::each;
use crate::simd::{Kernel, dispatch, level};

/// Rows that are tried first.
const STRONG: usize = 12;
/// Rows compared at once.
const LANES: usize = 16;
/// Draws whose mean says which rows are strong.
const PROBES: usize = 8;

/// Count per row the draws on whose front it is; each group of rows has its own front.
///
/// # Errors
/// If a length does not fit, a value is not allowed, or there is no draw.
pub fn membership(counts: &mut [i64], draws: &Draws<'_>, groups: Option<(&[u32], usize)>) -> Result<()> {
    draws.check()?;
    if counts.len() != draws.num_rows {
        return Err(Error::shape("counts", format!("({},)", draws.num_rows), format!("({},)", counts.len())));
    }
    let spans = rows_of_groups(draws.num_rows, groups)?;
    let strong: Vec<Vec<u32>> = spans.iter().map(|rows| strong_rows(draws, rows)).collect();
    let threads = draws.num_threads();
    let shares: Vec<usize> = (0..threads).collect();
    let parts = each(shares, |thread| {
        let mut own = vec![0_i64; draws.num_rows];
        let mut fronts = Fronts::new(draws);
        for draw in (thread..draws.num_draws).step_by(threads) {
            fronts.read(draw);
            for (rows, strong) in spans.iter().zip(&strong) {
                fronts.front(rows, strong, |row| own[row as usize] += 1);
            }
        }
        own
    });
    counts.fill(0);
    for part in parts {
        for (count, own) in counts.iter_mut().zip(part) {
            *count += own;
        }
    }
    Ok(())
}

/// The rows of each group, rising.
fn rows_of_groups(n: usize, groups: Option<(&[u32], usize)>) -> Result<Vec<Vec<u32>>> {
    let Some((codes, num_groups)) = groups else { return Ok(vec![(0..n as u32).collect()]) };
    if codes.len() != n {
        return Err(Error::shape("groups", format!("({n},)"), format!("({},)", codes.len())));
    }
    let mut rows = vec![Vec::new(); num_groups];
    for (row, &code) in codes.iter().enumerate() {
        let expected = || Error::value("groups", format!("below {num_groups}"), code);
        rows.get_mut(code as usize).ok_or_else(expected)?.push(row as u32);
    }
    Ok(rows)
}

/// The keys of one draw, and room for its fronts.
pub(super) struct Fronts<'a> {
    draws: &'a Draws<'a>,
    scratch: Scratch,
    values: Vec<f64>,
    keys: Vec<i64>,
    left: Vec<u32>,
    columns: Vec<Vec<i64>>,
}

impl<'a> Fronts<'a> {
    pub(super) fn new(draws: &'a Draws<'a>) -> Self {
        let size = draws.num_rows * draws.d();
        Self {
            draws,
            scratch: Scratch::default(),
            values: vec![0.0; size],
            keys: vec![0; size],
            left: Vec::new(),
            columns: vec![Vec::new(); draws.d()],
        }
    }

    /// Make a draw, objective by objective.
    pub(super) fn read(&mut self, draw: usize) -> &[f64] {
        self.draws.source.fill(&mut self.values, draw, self.draws.d(), &mut self.scratch);
        self.key_values();
        &self.values
    }

    fn key_values(&mut self) {
        let n = self.draws.num_rows.max(1);
        let columns = self.keys.chunks_exact_mut(n).zip(self.values.chunks_exact(n));
        for ((keys, values), &maximize) in columns.zip(self.draws.maximize) {
            dispatch(level(), ToKeys { keys, values, maximize });
        }
    }

    /// The keys of the draw, objective by objective.
    pub(super) fn keys(&self) -> &[i64] {
        &self.keys
    }

    /// Call `on_front` for the rows among `rows` that no other of them dominates.
    pub(super) fn front(&mut self, rows: &[u32], strong: &[u32], mut on_front: impl FnMut(u32)) {
        let n = self.draws.num_rows;
        self.left.clear();
        if strong.is_empty() {
            self.left.extend_from_slice(rows);
        } else {
            dispatch(level(), Beaten { keys: &self.keys, n, rows, strong, left: &mut self.left });
        }
        if self.draws.nan == NanPolicy::Drop {
            let keys = &self.keys;
            let whole = |row: u32| keys.chunks_exact(n).all(|column| column[row as usize] != i64::NAN);
            self.left.retain(|&row| whole(row));
        }
        for (column, keys) in self.columns.iter_mut().zip(self.keys.chunks_exact(n.max(1))) {
            column.clear();
            column.extend(self.left.iter().map(|&row| keys[row as usize]));
        }
        let columns: Vec<&[i64]> = self.columns.iter().map(Vec::as_slice).collect();
        for position in front_of_keys(&columns, Keep::All, 1) {
            on_front(self.left[position as usize]);
        }
    }
}

/// The rows that dominate most at the mean of the first draws; none if they would not spare much.
pub(super) fn strong_rows(draws: &Draws<'_>, rows: &[u32]) -> Vec<u32> {
    let (n, d) = (draws.num_rows, draws.d());
    if rows.len() < 4 * STRONG || draws.nan == NanPolicy::Drop {
        return Vec::new();
    }
    let probes = draws.num_draws.min(PROBES);
    let mut fronts = Fronts::new(draws);
    let mut mean = vec![0.0; n * d];
    for draw in 0..probes {
        for (sum, value) in mean.iter_mut().zip(fronts.read(draw)) {
            *sum += value / probes as f64;
        }
    }
    fronts.values = mean;
    fronts.key_values();
    let mut candidates = Vec::new();
    fronts.front(rows, &[], |row| candidates.push(row));
    // A row's share of the others that are worse in an objective, multiplied: about the share that it dominates.
    let columns: Vec<Vec<i64>> = fronts
        .keys
        .chunks_exact(n)
        .map(|keys| {
            let mut column: Vec<i64> = rows.iter().map(|&row| keys[row as usize]).collect();
            column.sort_unstable();
            column
        })
        .collect();
    let share = |row: u32| -> f64 {
        let worse = columns.iter().zip(fronts.keys.chunks_exact(n)).map(|(column, keys)| {
            1.0 - column.partition_point(|&key| key < keys[row as usize]) as f64 / column.len() as f64
        });
        worse.product()
    };
    let mut scored: Vec<(f64, u32)> = candidates.into_iter().map(|row| (share(row), row)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let strong: Vec<u32> = scored.iter().take(STRONG).map(|&(_, row)| row).collect();
    let mut left = Vec::new();
    dispatch(level(), Beaten { keys: &fronts.keys, n, rows, strong: &strong, left: &mut left });
    if left.len() * 4 > rows.len() * 3 { Vec::new() } else { strong }
}

struct ToKeys<'a> {
    keys: &'a mut [i64],
    values: &'a [f64],
    maximize: bool,
}

impl Kernel for ToKeys<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (out, &value) in self.keys.iter_mut().zip(self.values) {
            *out = key(value, self.maximize);
        }
    }
}

/// Collects the rows that no strong row dominates.
struct Beaten<'a> {
    keys: &'a [i64],
    n: usize,
    rows: &'a [u32],
    strong: &'a [u32],
    left: &'a mut Vec<u32>,
}

impl Kernel for Beaten<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let dense = self.rows.len() == self.n;
        for chunk in self.rows.chunks(LANES) {
            let mut beaten = [0_i64; LANES];
            for &strong in self.strong {
                let (mut not_worse, mut better) = ([-1_i64; LANES], [0_i64; LANES]);
                for column in self.keys.chunks_exact(self.n) {
                    let own = column[strong as usize];
                    let mut others = [i64::MIN; LANES];
                    if dense && chunk.len() == LANES {
                        others.copy_from_slice(&column[chunk[0] as usize..][..LANES]);
                    } else {
                        for (other, &row) in others.iter_mut().zip(chunk) {
                            *other = column[row as usize];
                        }
                    }
                    for lane in 0..LANES {
                        not_worse[lane] &= -i64::from(own <= others[lane]);
                        better[lane] |= -i64::from(own < others[lane]);
                    }
                }
                for lane in 0..LANES {
                    beaten[lane] |= not_worse[lane] & better[lane];
                }
                if beaten[..chunk.len()].iter().fold(-1, |all, flag| all & flag) != 0 {
                    break;
                }
            }
            self.left.extend(chunk.iter().zip(&beaten).filter(|(_, beaten)| **beaten == 0).map(|(&row, _)| row));
        }
    }
}
