//! The exact front: sweeps for up to three objectives; for more, rows sorted by the sum of their ranks are tested
//! against the front so far, sixteen at a time.
//!
//! Dense ranks make the sum exact, so a dominating row always comes first and a row once on the front stays there
//! (sort-filter-skyline, Chomicki et al. 2003). O(n d log n) plus, at worst, n times the size of the front.

use super::Keep;
use super::keyed::{Keyed, push_kept};
use super::keys::Key;
use super::sweep;

/// Front rows compared at once; a block is stored objective by objective so that the comparison becomes vector code.
const LANES: usize = 16;

/// The front, as blocks of `d` times `LANES` ranks.
struct Blocks {
    ranks: Vec<[i32; LANES]>,
    num_rows: usize,
    d: usize,
}

impl Blocks {
    /// Whether a row of the front is nowhere worse than `row`.
    fn dominate(&self, row: &[i32]) -> bool {
        self.ranks.chunks_exact(self.d).any(|block| {
            let mut not_worse = [-1_i32; LANES];
            for (ranks, &own) in block.iter().zip(row) {
                for (flag, &rank) in not_worse.iter_mut().zip(ranks) {
                    *flag &= -i32::from(rank <= own);
                }
                if not_worse.iter().fold(0, |any, flag| any | flag) == 0 {
                    return false;
                }
            }
            true
        })
    }

    fn push(&mut self, row: &[i32]) {
        let lane = self.num_rows % LANES;
        if lane == 0 {
            // An empty lane is worse than any rank, so it never dominates.
            self.ranks.resize(self.ranks.len() + self.d, [i32::MAX; LANES]);
        }
        let start = self.ranks.len() - self.d;
        for (ranks, &own) in self.ranks[start..].iter_mut().zip(row) {
            ranks[lane] = own;
        }
        self.num_rows += 1;
    }
}

/// The positions of the rows that no other row dominates, rising; `columns` holds their keys, one slice per objective.
///
/// For algorithms that have keys already: no prefilter, any number of rows.
pub(super) fn front_of_keys<K: Key + Into<i64>>(columns: &[&[K]], keep: Keep, _threads: usize) -> Vec<u32> {
    let n = columns.first().map_or(0, |column| column.len());
    let mut keyed = Keyed { rows: (0..n as u32).collect(), keys: Vec::with_capacity(n * columns.len()) };
    for row in 0..n {
        keyed.keys.extend(columns.iter().map(|column| column[row].into()));
    }
    let mut front = exact(&keyed, columns.len(), keep);
    front.sort_unstable();
    front
}

/// The exact front of rows with their keys, by the algorithm for that many objectives.
pub(super) fn exact(keyed: &Keyed, d: usize, keep: Keep) -> Vec<u32> {
    match d {
        1 => sweep::minimum(keyed, keep),
        2 => sweep::plane(keyed, keep),
        3 => sweep::space(keyed, keep),
        _ => blocks(keyed, d, keep),
    }
}

/// The rows of the front.
fn blocks(keyed: &Keyed, d: usize, keep: Keep) -> Vec<u32> {
    let ranks = dense_ranks(&keyed.keys, keyed.rows.len(), d);
    let row = |position: u32| &ranks[position as usize * d..][..d];
    let mut sorted: Vec<(i64, u32)> = (0..keyed.rows.len() as u32)
        .map(|position| (row(position).iter().map(|&rank| i64::from(rank)).sum(), position))
        .collect();
    sorted.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| row(a.1).cmp(row(b.1)))
            .then_with(|| keyed.rows[a.1 as usize].cmp(&keyed.rows[b.1 as usize]))
    });
    let mut blocks = Blocks { ranks: Vec::new(), num_rows: 0, d };
    let mut front = Vec::new();
    for run in sorted.chunk_by(|a, b| a.0 == b.0 && row(a.1) == row(b.1)) {
        let own = row(run[0].1);
        if !blocks.dominate(own) {
            blocks.push(own);
            push_kept(&mut front, run.iter().map(|(_, position)| keyed.rows[*position as usize]), keep);
        }
    }
    front
}

/// The rank of each key in its column; equal keys share one.
fn dense_ranks(keys: &[i64], n: usize, d: usize) -> Vec<i32> {
    let mut ranks = vec![0_i32; n * d];
    let mut column: Vec<(i64, u32)> = Vec::with_capacity(n);
    for k in 0..d {
        column.clear();
        column.extend((0..n).map(|position| (keys[position * d + k], position as u32)));
        column.sort_unstable();
        let mut rank = -1;
        let mut previous = None;
        for &(key, position) in &column {
            rank += i32::from(previous != Some(key));
            previous = Some(key);
            ranks[position as usize * d + k] = rank;
        }
    }
    ranks
}
