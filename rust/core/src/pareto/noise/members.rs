//! On how many draws' fronts each row is.
//!
//! A few rows that dominate many others at the mean are tried first on every draw, then those that dominate a row there
//! with the most to spare (`rivals`); what they leave over is filtered exactly: a few rows each against all, many by
//! `front_of_keys`.

use std::sync::atomic::AtomicBool;

use super::super::filter::front_of_keys;
use super::super::keys::{Key, key};
use super::super::{Keep, NanPolicy};
use super::Draws;
use super::draws::Scratch;
use super::rivals::{self, Rivals};
use crate::error::{Error, Result};
use crate::parallel::each;
use crate::simd::{Kernel, dispatch, level};

/// Rows that are tried first.
const STRONG: usize = 16;
/// Up to this many rows are compared all with all.
const FEW: usize = 160;
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
    let tried: Vec<Tried> = spans.iter().map(|rows| tried_first(draws, rows)).collect();
    let threads = draws.num_threads();
    let stopped = AtomicBool::new(false);
    let parts = each((0..threads).collect(), |thread| {
        let mut own = vec![0_i64; draws.num_rows];
        let mut fronts = Fronts::new(draws);
        for draw in draws.of_thread(thread, threads, &stopped) {
            fronts.read(draw);
            for (rows, tried) in spans.iter().zip(&tried) {
                fronts.front(rows, tried, |row| own[row as usize] += 1);
            }
        }
        own
    });
    if stopped.into_inner() {
        return Err(Error::Interrupted);
    }
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

/// What is tried on every draw before its front is searched for.
#[derive(Default)]
pub(super) struct Tried {
    /// The rows that dominate most.
    strong: Vec<u32>,
    /// For those that are left, the rows that probably dominate them.
    rivals: Rivals,
}

/// The keys of one draw, and room for its fronts.
pub(super) struct Fronts<'a> {
    draws: &'a Draws<'a>,
    scratch: Scratch,
    values: Vec<f64>,
    keys: Vec<i64>,
    room: Room,
}

/// What the search for a front needs memory for.
#[derive(Default)]
struct Room {
    /// Keys of the rows of a group, and of those that are left, objective by objective.
    group: Vec<i64>,
    rest: Vec<i64>,
    /// Keys of the rows that are tried against all, row by row.
    strong: Vec<i64>,
    left: Vec<u32>,
    on_front: Vec<u32>,
}

impl<'a> Fronts<'a> {
    pub(super) fn new(draws: &'a Draws<'a>) -> Self {
        let size = draws.num_rows * draws.d();
        let (values, keys) = (vec![0.0; size], vec![0; size]);
        Self { draws, scratch: Scratch::default(), values, keys, room: Room::default() }
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
    pub(super) fn front(&mut self, rows: &[u32], tried: &Tried, mut on_front: impl FnMut(u32)) {
        let (n, d) = (self.draws.num_rows, self.draws.d());
        let Tried { strong, rivals } = tried;
        let Room { group, rest, strong: tried, left, on_front: found } = &mut self.room;
        tried.clear();
        tried.extend(strong.iter().flat_map(|&row| self.keys.chunks_exact(n).map(move |column| column[row as usize])));
        let keys = if rows.len() == n {
            &self.keys
        } else {
            let columns = self.keys.chunks_exact(n);
            group.clear();
            group.extend(columns.flat_map(|column| rows.iter().map(|&row| column[row as usize])));
            &*group
        };
        left.clear();
        if tried.is_empty() {
            left.extend(0..rows.len() as u32);
        } else {
            dispatch(level(), Beaten { keys, d, strong: tried, left });
        }
        rivals.strike(keys, left);
        if self.draws.nan == NanPolicy::Drop {
            left.retain(|&at| keys.chunks_exact(rows.len()).all(|column| column[at as usize] != i64::NAN));
        }
        if left.is_empty() {
            return;
        }
        rest.clear();
        rest.extend(keys.chunks_exact(rows.len()).flat_map(|column| left.iter().map(|&at| column[at as usize])));
        found.clear();
        if left.len() <= FEW {
            tried.clear();
            tried.extend((0..left.len()).flat_map(|at| rest.iter().skip(at).step_by(left.len())));
            dispatch(level(), Beaten { keys: rest, d, strong: tried, left: found });
        } else {
            let columns: Vec<&[i64]> = rest.chunks_exact(left.len()).collect();
            *found = front_of_keys(&columns, Keep::All, 1);
        }
        for &position in &*found {
            on_front(rows[left[position as usize] as usize]);
        }
    }
}

/// What spares most at the mean of the first draws; nothing if it would not spare much.
pub(super) fn tried_first(draws: &Draws<'_>, rows: &[u32]) -> Tried {
    if rows.len() < 4 * STRONG || draws.nan == NanPolicy::Drop {
        return Tried::default();
    }
    let probes = draws.num_draws.min(PROBES);
    let mut fronts = Fronts::new(draws);
    let mut mean = vec![0.0; draws.num_rows * draws.d()];
    for draw in 0..probes {
        for (sum, value) in mean.iter_mut().zip(fronts.read(draw)) {
            *sum += value / probes as f64;
        }
    }
    let noise: Vec<f64> = mean.iter().zip(fronts.read(0)).map(|(mean, value)| (mean - value).abs()).collect();
    fronts.values = mean;
    fronts.key_values();
    let (strong, left) = strong_rows(&mut fronts, rows);
    let worth = rows.len() <= rivals::MOST_ROWS && left.len() <= draws.num_draws * 8;
    let rivals = if worth { rivals_of(&fronts, rows, &left, &noise) } else { Rivals::default() };
    Tried { strong, rivals }
}

/// The rows that dominate most, and the positions of those that they leave; none and all if they would not spare much.
fn strong_rows(fronts: &mut Fronts<'_>, rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (n, d) = (fronts.draws.num_rows, fronts.draws.d());
    let mut candidates = Vec::new();
    fronts.front(rows, &Tried::default(), |row| candidates.push(row));
    // A row's share of the others that are worse in an objective, multiplied: about the share that it dominates.
    let keys: Vec<i64> =
        fronts.keys.chunks_exact(n).flat_map(|column| rows.iter().map(|&row| column[row as usize])).collect();
    let mut sorted = keys.clone();
    for column in sorted.chunks_exact_mut(rows.len()) {
        column.sort_unstable();
    }
    let share = |row: u32| -> f64 {
        let worse = sorted.chunks_exact(rows.len()).zip(fronts.keys.chunks_exact(n)).map(|(column, keys)| {
            1.0 - column.partition_point(|&key| key < keys[row as usize]) as f64 / column.len() as f64
        });
        worse.product()
    };
    let mut scored: Vec<(f64, u32)> = candidates.into_iter().map(|row| (share(row), row)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let strong: Vec<u32> = scored.iter().take(STRONG).map(|&(_, row)| row).collect();
    let mut left = Vec::new();
    let tried: Vec<i64> =
        strong.iter().flat_map(|&row| fronts.keys.chunks_exact(n).map(move |column| column[row as usize])).collect();
    dispatch(level(), Beaten { keys: &keys, d, strong: &tried, left: &mut left });
    if left.len() * 4 > rows.len() * 3 { (Vec::new(), (0..rows.len() as u32).collect()) } else { (strong, left) }
}

/// Rivals of the rows at the positions `left` of `rows`; `noise` of each row, objective by objective.
fn rivals_of(fronts: &Fronts<'_>, rows: &[u32], left: &[u32], noise: &[f64]) -> Rivals {
    let n = fronts.draws.num_rows;
    let columns = fronts.values.chunks_exact(n).zip(noise.chunks_exact(n)).zip(fronts.draws.maximize);
    let columns = columns.map(|((mean, noise), &maximize)| {
        let unit = noise.iter().copied().filter(|noise| noise.is_finite()).sum::<f64>() / n as f64;
        // Where there is no noise, who is ahead stays ahead.
        let scale = unit.max(1e-100).recip() * if maximize { -1.0 } else { 1.0 };
        left.iter().map(|&at| mean[rows[at as usize] as usize] * scale).collect()
    });
    Rivals::new(rows.len(), left, columns.collect())
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

/// Collects the positions of the rows that no strong row dominates.
struct Beaten<'a> {
    /// Objective by objective.
    keys: &'a [i64],
    d: usize,
    /// Row by row.
    strong: &'a [i64],
    left: &'a mut Vec<u32>,
}

impl Kernel for Beaten<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.keys.len() / self.d;
        let mut columns = vec![[i64::MIN; LANES]; self.d];
        for start in (0..n).step_by(LANES) {
            let count = LANES.min(n - start);
            for (own, column) in columns.iter_mut().zip(self.keys.chunks_exact(n)) {
                own[..count].copy_from_slice(&column[start..start + count]);
            }
            let beaten = match self.d {
                2 => beaten_fixed::<2>(&columns, self.strong, count),
                3 => beaten_fixed::<3>(&columns, self.strong, count),
                4 => beaten_fixed::<4>(&columns, self.strong, count),
                d => beaten(&columns, self.strong.chunks_exact(d), count),
            };
            let kept = beaten[..count].iter().enumerate().filter(|(_, beaten)| **beaten == 0);
            self.left.extend(kept.map(|(lane, _)| (start + lane) as u32));
        }
    }
}

/// As [`beaten`], with the columns in registers.
#[inline(always)]
fn beaten_fixed<const D: usize>(columns: &[[i64; LANES]], strong: &[i64], count: usize) -> [i64; LANES] {
    let columns: &[[i64; LANES]; D] = columns.first_chunk().expect("as many columns as objectives");
    let columns = *columns;
    beaten(&columns, strong.as_chunks::<D>().0.iter().map(|row| &row[..]), count)
}

/// Which of the lanes a strong row dominates; stops when it is all of the first `count`.
#[inline(always)]
fn beaten<'a>(columns: &[[i64; LANES]], strong: impl Iterator<Item = &'a [i64]>, count: usize) -> [i64; LANES] {
    let mut beaten = [0_i64; LANES];
    // Unused lanes count as beaten.
    beaten[count..].fill(-1);
    for own in strong {
        let (mut not_worse, mut better) = ([-1_i64; LANES], [0_i64; LANES]);
        for (others, &own) in columns.iter().zip(own) {
            for lane in 0..LANES {
                not_worse[lane] &= -i64::from(own <= others[lane]);
                better[lane] |= -i64::from(own < others[lane]);
            }
        }
        let mut all = -1;
        for lane in 0..LANES {
            beaten[lane] |= not_worse[lane] & better[lane];
            all &= beaten[lane];
        }
        if all != 0 {
            break;
        }
    }
    beaten
}
