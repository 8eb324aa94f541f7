//! Which rows can dominate a row in some draw, and which of them do most probably.

use super::super::keys::{Key, key};
use super::rivals::Rivals;
use crate::simd::Kernel;

/// So many rivals are in the order of their chances.
const SORTED: usize = 16;
/// Rows that are looked at at once.
const CHOSEN_AT_ONCE: usize = 16;

/// Appends the rivals of the rows of a group among each other; all columns objective by objective.
pub(super) struct Choose<'a> {
    pub(super) into: &'a mut Rivals,
    pub(super) count: usize,
    /// Rivals that are chosen at most.
    pub(super) most: usize,
    pub(super) best: Vec<Vec<i64>>,
    pub(super) worst: Vec<Vec<i64>>,
    pub(super) middle: Vec<Vec<f64>>,
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
            // Once there are many, only those that are further ahead than the last one of the best are wanted.
            let (mut complete, mut least) = (true, f64::NEG_INFINITY);
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
                for lane in 0..CHOSEN_AT_ONCE {
                    possible[lane] &= better[lane] & -i64::from(ahead[lane] >= least);
                }
                if possible.iter().fold(0, |any, flag| any | flag) != 0 {
                    let lanes = (0..CHOSEN_AT_ONCE.min(n - start)).filter(|&lane| possible[lane] != 0);
                    let lanes = lanes.filter(|&lane| start + lane != own);
                    found.extend(lanes.map(|lane| {
                        let ahead: i32 = key(ahead[lane] as f32, true);
                        i64::from(ahead) << 32 | i64::from(first + (start + lane) as u32)
                    }));
                    if found.len() >= 4 * self.most {
                        let (_, &mut last, _) = found.select_nth_unstable(self.most);
                        least = f64::from(((last >> 32) as i32).flipped().float());
                        found.truncate(self.most);
                        complete = false;
                    }
                }
            }
            complete &= found.len() <= self.most;
            for limit in [self.most, SORTED] {
                if found.len() > limit {
                    found.select_nth_unstable(limit);
                }
                found.truncate(self.most);
            }
            let sorted = found.len().min(SORTED);
            found[..sorted].sort_unstable();
            self.into.push(found.iter().map(|&found| found as u32), complete);
        }
    }
}
