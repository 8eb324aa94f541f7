//! One row of cells against 64 others at once: the only test of the filter that has instructions of its own.
//!
//! Compilers do not see that 64 comparisons make a 64-bit mask, so the two x86 levels say so by hand. Cells of a byte
//! are for many rows, cells of two bytes for a few.

#[cfg(target_arch = "x86_64")]
mod x86;

use crate::simd::Kernel;

/// Rows that are compared at once.
pub(super) const LANES: usize = 64;

/// Cells of 64 rows, of one objective.
pub(super) type Cells = [u8; LANES];

/// Finer cells of 64 rows, of one objective.
pub(super) type FineCells = [i16; LANES];

/// Some of 512 rows, eight in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(super) struct Set(pub(super) [u8; 64]);

/// An objective of 512 rows: its cells in steps, and for each step the rows that are in it or below.
#[derive(Clone)]
pub(super) struct Steps {
    pub(super) of_cell: [u8; 256],
    pub(super) sets: [Set; STEPS],
}

/// Most steps of an objective.
pub(super) const STEPS: usize = 64;

/// After so many objectives it is seen whether any row of a cut is left; nearly always there is none.
const BEFORE_LOOK: usize = 16;

/// A way to compare, found once per call.
pub(super) trait Compare: Copy + Send + Sync {
    /// Bit `l` is set if `columns[k][l] >= row[k]` for every objective `k`.
    fn not_below(self, columns: &[Cells], row: &[u8]) -> u64;
    /// The rows that are not above row `lane` of `columns` in any objective, by the steps of their cells; none if there
    /// surely are none.
    fn cut(self, objectives: &[Steps], columns: &[Cells], lane: usize) -> Option<Set>;
    /// The first of the chunks from `from` on, each a column per objective, with a row whose finer cells are nowhere
    /// above those of `row`, and a bit for each such row.
    fn find_not_above(self, columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)>;
}

/// Work that is compiled for each way to compare.
pub(super) trait Comparing {
    /// What it returns.
    type Output;
    /// Do it; marked `#[inline(always)]`.
    fn run<C: Compare>(self, compare: C) -> Self::Output;
}

/// Without instructions of its own.
#[derive(Clone, Copy)]
struct Plain;

impl Compare for Plain {
    #[inline(always)]
    fn not_below(self, columns: &[Cells], row: &[u8]) -> u64 {
        let mut all = [0xFF_u8; LANES];
        for (column, &own) in columns.iter().zip(row) {
            for (flag, &cell) in all.iter_mut().zip(column) {
                *flag &= if cell >= own { 0xFF } else { 0 };
            }
        }
        bits(&all)
    }

    #[inline(always)]
    fn cut(self, objectives: &[Steps], columns: &[Cells], lane: usize) -> Option<Set> {
        let mut all = [0xFF_u8; 64];
        for (steps, column) in objectives.iter().zip(columns) {
            for (all, set) in all.iter_mut().zip(&step(steps, column, lane).0) {
                *all &= set;
            }
        }
        (all != [0; 64]).then_some(Set(all))
    }

    #[inline(always)]
    fn find_not_above(self, columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
        for (chunk, columns) in columns.chunks_exact(row.len()).enumerate().skip(from) {
            let mut all = [-1_i16; LANES];
            for (column, &own) in columns.iter().zip(row) {
                for (flag, &cell) in all.iter_mut().zip(column) {
                    *flag &= -i16::from(cell <= own);
                }
            }
            let mask = bits(&all.map(|flag| flag as u8));
            if mask != 0 {
                return Some((chunk, mask));
            }
        }
        None
    }
}

/// The set of the step in which the cell of row `lane` is.
#[inline(always)]
fn step<'a>(steps: &'a Steps, column: &Cells, lane: usize) -> &'a Set {
    &steps.sets[usize::from(steps.of_cell[usize::from(column[lane % LANES])]) % STEPS]
}

/// Take the lowest bit of a mask.
#[inline(always)]
pub(super) fn next_bit(mask: &mut u64) -> Option<usize> {
    let bit = mask.trailing_zeros() as usize;
    (*mask != 0).then(|| {
        *mask &= *mask - 1;
        bit
    })
}

/// The lowest bit of each of 64 bytes.
#[inline(always)]
fn bits(flags: &[u8; LANES]) -> u64 {
    // The product gathers the lowest bits of eight bytes in the topmost one.
    let (words, _) = flags.as_chunks::<8>();
    words.iter().rev().fold(0, |mask, &word| {
        let bits = u64::from_le_bytes(word) & 0x0101_0101_0101_0101;
        mask << 8 | bits.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// A [`Comparing`] with its way, as a kernel.
struct Compiled<W, C> {
    work: W,
    compare: C,
}

impl<W: Comparing, C: Compare> Kernel for Compiled<W, C> {
    type Output = W::Output;
    #[inline(always)]
    fn run(self) -> W::Output {
        self.work.run(self.compare)
    }
}

/// Do `work` in the best way that the CPU has.
pub(super) fn run<W: Comparing>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        let level = crate::simd::level();
        if let Some(proof) = crate::simd::Avx512::at(level) {
            return crate::simd::dispatch(level, Compiled { work, compare: x86::By512(proof) });
        }
        if let Some(proof) = crate::simd::Avx2::at(level) {
            return crate::simd::dispatch(level, Compiled { work, compare: x86::By256(proof) });
        }
    }
    Compiled { work, compare: Plain }.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One<'a>(&'a [Cells], &'a [u8]);

    impl Comparing for One<'_> {
        type Output = [u64; 2];
        #[inline(always)]
        fn run<C: Compare>(self, compare: C) -> [u64; 2] {
            // Fine cells in the same order, some of them negative.
            let fine = |cell: u8| (i16::from(cell) - 128) * 200;
            let columns: Vec<FineCells> = self.0.iter().map(|column| column.map(fine)).collect();
            let row: Vec<i16> = self.1.iter().map(|&cell| fine(cell)).collect();
            let found = compare.find_not_above(&columns, &row, 0).map_or(0, |(_, mask)| mask);
            [compare.not_below(self.0, self.1), found]
        }
    }

    #[test]
    fn every_way_gives_the_same_mask() {
        for d in 1..12_usize {
            let columns: Vec<Cells> = (0..d).map(|k| std::array::from_fn(|l| (l * 37 + k * 101) as u8)).collect();
            let row: Vec<u8> = (0..d).map(|k| 255 - 9 * k as u8).collect();
            let mask = |l: usize, set: bool| u64::from(set) << l;
            let above = (0..LANES).map(|l| mask(l, (0..d).all(|k| columns[k][l] >= row[k]))).sum();
            let below = (0..LANES).map(|l| mask(l, (0..d).all(|k| columns[k][l] <= row[k]))).sum();
            let expected: [u64; 2] = [above, below];
            assert_eq!(One(&columns, &row).run(Plain), expected);
            assert_eq!(run(One(&columns, &row)), expected);
            #[cfg(target_arch = "x86_64")]
            if let Some(proof) = crate::simd::Avx2::at(crate::simd::Level::Avx2) {
                assert_eq!(One(&columns, &row).run(x86::By256(proof)), expected);
            }
        }
    }
}
