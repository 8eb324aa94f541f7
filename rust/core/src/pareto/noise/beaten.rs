//! Which rows a few strong ones dominate: each of these against many rows at once.

use crate::simd::Kernel;

/// Rows compared at once.
const LANES: usize = 16;

/// Collects the positions of the rows that no strong row dominates.
pub(super) struct Beaten<'a> {
    /// Objective by objective.
    pub(super) keys: &'a [i64],
    pub(super) d: usize,
    /// Row by row.
    pub(super) strong: &'a [i64],
    pub(super) left: &'a mut Vec<u32>,
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
