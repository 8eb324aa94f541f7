//! Rivals of a row: the few others that most probably dominate it in a draw.
//!
//! They are chosen once, at the mean of some draws, by how far they are ahead in units of the noise. In a draw they
//! dominate most of the rows that are dominated at all, which is seen sooner than found by a search. The choice decides
//! the speed, never the answer: only rows that are truly dominated go.

/// Rivals per row.
const RIVALS: usize = 8;
/// Of more rows it takes too long to choose rivals.
pub(super) const MOST_ROWS: usize = 4096;
/// Rows compared at once.
const LANES: usize = 16;
/// A round goes on to the next rivals if it strikes one of so many rows.
const WORTH: usize = 32;

/// Per row the positions of its rivals, the most probable one first; a row that has fewer is a rival of itself.
#[derive(Default)]
pub(super) struct Rivals(Vec<[u32; RIVALS]>);

impl Rivals {
    /// Rivals of the rows at `chosen` among each other, of `n` in all. `columns` holds a value of each of the chosen
    /// per objective, in units of its noise, where smaller is better.
    pub(super) fn new(n: usize, chosen: &[u32], mut columns: Vec<Vec<f64>>) -> Self {
        let mut rivals: Vec<[u32; RIVALS]> = (0..n as u32).map(|row| [row; RIVALS]).collect();
        for column in &mut columns {
            // Nobody is behind an empty lane.
            column.resize(chosen.len().next_multiple_of(LANES), f64::INFINITY);
        }
        choose(chosen, &columns, &mut rivals);
        Self(rivals)
    }

    /// Remove from `left` the rows that a rival dominates; `keys` of all rows, objective by objective.
    pub(super) fn strike(&self, keys: &[i64], left: &mut Vec<u32>) {
        let n = self.0.len();
        for round in 0..if n == 0 { 0 } else { RIVALS } {
            let before = left.len();
            let mut kept = 0;
            for place in 0..before {
                let row = left[place] as usize;
                let rival = self.0[row][round] as usize;
                let (mut not_worse, mut better) = (true, false);
                for column in keys.chunks_exact(n) {
                    not_worse &= column[rival] <= column[row];
                    better |= column[rival] < column[row];
                }
                // Without a branch, which nobody could predict.
                left[kept] = row as u32;
                kept += usize::from(!(not_worse & better));
            }
            left.truncate(kept);
            if (before - kept) * WORTH < before {
                break;
            }
        }
    }
}

/// Fill `rivals` of the rows `chosen`, which are full of themselves as yet.
fn choose(chosen: &[u32], columns: &[Vec<f64>], rivals: &mut [[u32; RIVALS]]) {
    for (own, &row) in chosen.iter().enumerate() {
        // How far each rival is ahead in the objective in which it is ahead least; all of these must be ahead.
        let mut ahead = [0.0; RIVALS];
        let rivals = &mut rivals[row as usize];
        for start in (0..chosen.len()).step_by(LANES) {
            let mut margins = [f64::INFINITY; LANES];
            for column in columns {
                let others: &[f64; LANES] = column[start..].first_chunk().expect("columns hold whole vectors");
                let own = column[own];
                for (margin, &other) in margins.iter_mut().zip(others) {
                    let ahead = own - other;
                    *margin = if ahead < *margin { ahead } else { *margin };
                }
            }
            for (&margin, &other) in margins.iter().zip(&chosen[start..]) {
                if margin > ahead[RIVALS - 1] {
                    let place = ahead.iter().position(|&least| margin > least).unwrap_or(RIVALS - 1);
                    ahead[place..].rotate_right(1);
                    rivals[place..].rotate_right(1);
                    (ahead[place], rivals[place]) = (margin, other);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dominated_rows_go() {
        // Two objectives on a grid of 7 x 7 with equal rows; in the draw the second one is turned round.
        let place = |i: usize| (i * 5 % 7, i * 3 / 7 % 7);
        let n = 100;
        let chosen: Vec<u32> = (0..n as u32).filter(|row| row % 10 != 3).collect();
        let column = |value: &dyn Fn(usize) -> usize| chosen.iter().map(|&row| value(row as usize) as f64).collect();
        let rivals = Rivals::new(n, &chosen, vec![column(&|i| place(i).0), column(&|i| place(i).1)]);
        for turned in [false, true] {
            let second = |i: usize| if turned { 6 - place(i).1 } else { place(i).1 };
            let keys: Vec<i64> = (0..n).map(|i| place(i).0).chain((0..n).map(second)).map(|key| key as i64).collect();
            let row = |i: usize| (keys[i], keys[n + i]);
            let dominated = |i: usize| {
                (0..n).any(|other| row(other).0 <= row(i).0 && row(other).1 <= row(i).1 && row(other) != row(i))
            };
            let mut left: Vec<u32> = (0..n as u32).collect();
            rivals.strike(&keys, &mut left);
            let front: Vec<u32> = (0..n as u32).filter(|&i| !dominated(i as usize)).collect();
            assert!(front.iter().all(|row| left.contains(row)));
            if !turned {
                assert!(left.len() < n);
                // At the mean itself who is ahead in everything is seen.
                let beaten = |i: u32| {
                    let own = row(i as usize);
                    chosen.iter().map(|&other| row(other as usize)).any(|other| other.0 < own.0 && other.1 < own.1)
                };
                assert!(left.iter().all(|&row| !chosen.contains(&row) || !beaten(row)));
            }
        }
    }
}
