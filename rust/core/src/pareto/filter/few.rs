//! A few rows of four and more objectives: each against all of them, 64 at once.

use super::super::Keep;
use super::super::keyed::push_kept;
use super::super::keys::Key;
use super::super::source::{Rows, Source};
use crate::simd::{self, Kernel, dispatch};

/// More rows are better kept in a tree.
pub(super) const MOST_ROWS: usize = 64;

/// The front of at most [`MOST_ROWS`] rows, rising.
pub(super) fn front<K: Key>(source: &dyn Source<K>, rows: Rows<'_>, keep: Keep) -> Vec<u32> {
    dispatch(simd::level(), Few { source, rows, keep })
}

struct Few<'a, K> {
    source: &'a dyn Source<K>,
    rows: Rows<'a>,
    keep: Keep,
}

impl<K: Key> Kernel for Few<'_, K> {
    type Output = Vec<u32>;

    #[inline(always)]
    fn run(self) -> Vec<u32> {
        let mut columns = vec![[K::default(); MOST_ROWS]; self.source.num_objectives()];
        for (k, column) in columns.iter_mut().enumerate() {
            self.rows.read(self.source, k, &mut column[..self.rows.len()]);
        }
        let mut front = Vec::with_capacity(self.rows.len());
        for lane in 0..self.rows.len() {
            let not_above = not_above(&columns, lane, self.rows.len());
            let equal = |other: &usize| columns.iter().all(|column| column[*other] == column[lane]);
            let others = (0..self.rows.len()).filter(|other| not_above >> other & 1 != 0);
            // Who is nowhere worse is equal, or better somewhere. Each run of equal rows is pushed by its first.
            if not_above.is_power_of_two() {
                front.push(self.rows.at(lane));
            } else if others.clone().all(|other| equal(&other)) && not_above.trailing_zeros() as usize == lane {
                let run: Vec<u32> = others.map(|other| self.rows.at(other)).collect();
                push_kept(&mut front, run.into_iter(), self.keep);
            }
        }
        front
    }
}

/// A bit for each row that is nowhere above the row in `lane`.
#[inline(always)]
fn not_above<K: Key>(columns: &[[K; MOST_ROWS]], lane: usize, count: usize) -> u64 {
    let mut flags = [K::flag(true); MOST_ROWS];
    for column in columns {
        let own = column[lane];
        for (flag, &key) in flags.iter_mut().zip(column) {
            *flag = *flag & K::flag(key <= own);
        }
    }
    let mut bytes = [0_u8; MOST_ROWS];
    for (byte, &flag) in bytes.iter_mut().zip(&flags) {
        *byte = u8::from(flag != K::default());
    }
    let (words, _) = bytes.as_chunks::<8>();
    // The product gathers the lowest bits of eight bytes in the topmost one.
    let mask = words
        .iter()
        .rev()
        .fold(0, |mask, &word| mask << 8 | u64::from_le_bytes(word).wrapping_mul(0x0102_0408_1020_4080) >> 56);
    mask & (u64::MAX >> (MOST_ROWS - count))
}
