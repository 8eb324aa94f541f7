//! The first look at a table of floats: what the strongest rows dominate goes before anything becomes a key.
//!
//! Most rows of most tables are gone after that, and nothing was written for them. Stronger rows that are met on the
//! way take the place of strong ones. Floats are compared as they are, so this needs a CPU that does not take the
//! smallest of them for 0, which a process may ask for.

use super::super::keys::{Key, Value};
use super::super::read::Floats;
use super::block::for_each_zero;
use super::prefilter::Listed;

/// Rows that are looked at together.
const ROWS: usize = 64;
/// Rows that are compared at once; a few vectors of every CPU.
const LANES: usize = 16;
/// Strong rows that all rows meet.
pub(super) const STRONGEST: usize = 4;

/// Columns of floats, the strongest rows with their sums, and room for some rows.
pub(super) struct Sieve<'a, K: Key> {
    columns: Vec<Floats<'a, K::Float>>,
    /// Row after row `d` values and their sum.
    strong: Vec<[K::Float; STRONGEST]>,
    values: Vec<[K::Float; ROWS]>,
}

impl<'a, K: Key> Sieve<'a, K> {
    /// For strong rows of keys and a sum each. None if there is none, if this thread takes the smallest floats for 0,
    /// or for more than four objectives: then there is more to do for every row than to make its keys.
    pub(super) fn new(columns: Vec<Floats<'a, K::Float>>, rows: &[K]) -> Option<Self> {
        let d = columns.len();
        if !(2..=4).contains(&d) || !K::floats_are_exact() {
            return None;
        }
        let mut strong = vec![[K::Float::default(); STRONGEST]; d + 1];
        let mut given = rows.chunks_exact(d + 1).cycle();
        for place in 0..STRONGEST {
            let keys = given.next()?;
            let mut sum = K::Float::default();
            for ((own, &key), column) in strong.iter_mut().zip(&keys[..d]).zip(&columns) {
                own[place] = if column.maximize() { -key.flipped().float() } else { key.float() };
                sum = sum + own[place];
            }
            strong[d][place] = sum;
        }
        let values = vec![[K::Float::default(); ROWS]; d];
        Some(Self { columns, strong, values })
    }

    /// Push the rows of a span that no strong row dominates. With `nan` a row with a NaN is counted instead.
    #[inline(always)]
    pub(super) fn strike(&mut self, span: std::ops::Range<u32>, nan: bool, left: &mut Listed) {
        for first in span.clone().step_by(ROWS) {
            let count = ROWS.min((span.end - first) as usize);
            for (column, values) in self.columns.iter().zip(&mut self.values) {
                column.read(first as usize, &mut values[..count]);
            }
            let (mut dead, holes) = match self.columns.len() {
                2 => self.dead::<2>(),
                3 => self.dead::<3>(),
                _ => self.dead::<4>(),
            };
            dead[count..].fill(1);
            if nan && holes {
                for (lane, dead) in dead[..count].iter_mut().enumerate() {
                    if self.values.iter().any(|values| Value::<K>::is_nan(values[lane])) {
                        left.missing += 1;
                        *dead = 1;
                    }
                }
            }
            for_each_zero(&dead, |lane| {
                left.rows.push(first + lane);
                self.improve(lane as usize);
            });
        }
    }

    /// Let the row at hand take the place of a strong row that it dominates: it dominates more.
    #[inline(always)]
    fn improve(&mut self, lane: usize) {
        let d = self.values.len();
        let sum = self.values[1..].iter().fold(self.values[0][lane], |sum, values| sum + values[lane]);
        for place in 0..STRONGEST {
            if sum < self.strong[d][place]
                && self.strong.iter().zip(&self.values).all(|(own, values)| values[lane] <= own[place])
            {
                for (own, values) in self.strong.iter_mut().zip(&self.values) {
                    own[place] = values[lane];
                }
                self.strong[d][place] = sum;
                break;
            }
        }
    }

    /// Flags of the rows at hand that a strong row dominates, and whether a row may have a NaN; for `D` objectives.
    #[inline(always)]
    fn dead<const D: usize>(&self) -> ([u8; ROWS], bool) {
        let values: &[[K::Float; ROWS]; D] = self.values.first_chunk().expect("there are D columns");
        let (mut dead, mut holes) = ([0; ROWS], false);
        for (part, dead) in dead.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let values: [&[K::Float; LANES]; D] = values.each_ref().map(|values| &values.as_chunks().0[part]);
            for (lane, dead) in dead.iter_mut().enumerate() {
                let sum = values[1..].iter().fold(values[0][lane], |sum, values| sum + values[lane]);
                let mut any = false;
                for strong in 0..STRONGEST {
                    // A NaN makes every comparison false, and the sum tells a row from its equals.
                    let mut worse = self.strong[D][strong] < sum;
                    for (own, values) in self.strong.iter().zip(values) {
                        worse &= own[strong] <= values[lane];
                    }
                    any |= worse;
                }
                *dead = u8::from(any);
                holes |= Value::<K>::is_nan(sum);
            }
        }
        (dead, holes)
    }
}
