//! Two rows in several draws at once: in which one of them is nowhere worse.
//!
//! Compilers do not see that 32 comparisons make a 32-bit mask, so the two x86 levels say so by hand.

use crate::simd::Kernel;

/// Draws that are compared at once.
pub(super) const LANES: usize = 32;
/// A value of a row in that many draws as cells, of which a smaller one is better.
pub(super) type Cells = [i16; LANES];

/// A way to compare, found once per call.
pub(super) trait Compare: Copy {
    /// The draws among `among` in which `other` has no cell above that of `row` of the same objective.
    fn not_above(self, row: &[Cells], other: &[Cells], among: u32) -> u32;
    /// The draws in which the rows have the same cell in an objective.
    fn same_in_any(self, row: &[Cells], other: &[Cells]) -> u32;
}

/// Work that is compiled for each way to compare.
pub(super) trait Comparing {
    /// Do it; marked `#[inline(always)]`.
    fn run<C: Compare>(self, compare: C);
}

/// A [`Comparing`] with its way, as a kernel.
struct Compiled<W, C> {
    work: W,
    compare: C,
}

impl<W: Comparing, C: Compare> Kernel for Compiled<W, C> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.work.run(self.compare);
    }
}

/// Do `work` in the best way that the CPU has.
pub(super) fn run<W: Comparing>(work: W) {
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
    Compiled { work, compare: Plain }.run();
}

/// Without instructions of its own.
#[derive(Clone, Copy)]
struct Plain;

impl Compare for Plain {
    #[inline(always)]
    fn not_above(self, row: &[Cells], other: &[Cells], among: u32) -> u32 {
        let mut above = [0_i16; LANES];
        for (own, other) in row.iter().zip(other) {
            for lane in 0..LANES {
                above[lane] |= -i16::from(other[lane] > own[lane]);
            }
        }
        among & !bits(&above)
    }

    #[inline(always)]
    fn same_in_any(self, row: &[Cells], other: &[Cells]) -> u32 {
        let mut same = [0_i16; LANES];
        for (own, other) in row.iter().zip(other) {
            for lane in 0..LANES {
                same[lane] |= -i16::from(other[lane] == own[lane]);
            }
        }
        bits(&same)
    }
}

/// A bit for each flag that is set.
#[inline(always)]
fn bits(flags: &Cells) -> u32 {
    flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u32::from(flag != 0))
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi16, _mm256_cmpgt_epi16, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packs_epi16,
        _mm256_permute4x64_epi64, _mm256_setzero_si256, _mm512_cmpeq_epi16_mask, _mm512_mask_cmple_epi16_mask,
    };

    use super::{Cells, Compare};
    use crate::simd::vector::{load32, load64};
    use crate::simd::{Avx2, Avx512, bytes, with_features};

    #[derive(Clone, Copy)]
    pub(super) struct By512(pub(super) Avx512);

    impl Compare for By512 {
        #[inline(always)]
        fn not_above(self, row: &[Cells], other: &[Cells], among: u32) -> u32 {
            with_features!(Avx512, self.0, not_above_512(row, other, among))
        }
        #[inline(always)]
        fn same_in_any(self, row: &[Cells], other: &[Cells]) -> u32 {
            with_features!(Avx512, self.0, same_512(row, other))
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn not_above_512(row: &[Cells], other: &[Cells], mut among: u32) -> u32 {
        for (own, other) in row.iter().zip(other) {
            let (own, other) = (&bytes(own).as_chunks().0[0], &bytes(other).as_chunks().0[0]);
            among = _mm512_mask_cmple_epi16_mask(among, load64(other), load64(own));
        }
        among
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn same_512(row: &[Cells], other: &[Cells]) -> u32 {
        let mut same = 0;
        for (own, other) in row.iter().zip(other) {
            let (own, other) = (&bytes(own).as_chunks().0[0], &bytes(other).as_chunks().0[0]);
            same |= _mm512_cmpeq_epi16_mask(load64(other), load64(own));
        }
        same
    }

    #[derive(Clone, Copy)]
    pub(super) struct By256(pub(super) Avx2);

    impl Compare for By256 {
        #[inline(always)]
        fn not_above(self, row: &[Cells], other: &[Cells], among: u32) -> u32 {
            among & !with_features!(Avx2, self.0, above_256(row, other))
        }
        #[inline(always)]
        fn same_in_any(self, row: &[Cells], other: &[Cells]) -> u32 {
            with_features!(Avx2, self.0, same_256(row, other))
        }
    }

    macro_rules! in_any {
        ($name:ident, $compare:ident) => {
            /// The draws in which the comparison holds in an objective.
            #[inline]
            #[target_feature(enable = "avx2")]
            fn $name(row: &[Cells], other: &[Cells]) -> u32 {
                let mut found = [_mm256_setzero_si256(); 2];
                for (own, other) in row.iter().zip(other) {
                    let (own, other) = (bytes(own).as_chunks().0, bytes(other).as_chunks().0);
                    for (found, (own, other)) in found.iter_mut().zip(own.iter().zip(other)) {
                        *found = _mm256_or_si256(*found, $compare(load32(other), load32(own)));
                    }
                }
                bits(found)
            }
        };
    }
    in_any!(above_256, _mm256_cmpgt_epi16);
    in_any!(same_256, _mm256_cmpeq_epi16);

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits([low, high]: [__m256i; 2]) -> u32 {
        // Packing works in halves of the vectors, whose quarters then go back to their places.
        let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(low, high));
        _mm256_movemask_epi8(packed).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Expect<'a> {
        row: &'a [Cells],
        other: &'a [Cells],
        not_above: u32,
        same: u32,
    }

    impl Comparing for Expect<'_> {
        #[inline(always)]
        fn run<C: Compare>(self, compare: C) {
            let among = 0xFFF0_FFFF;
            assert_eq!(compare.not_above(self.row, self.other, among), self.not_above & among);
            assert_eq!(compare.same_in_any(self.row, self.other), self.same);
        }
    }

    #[test]
    fn every_way_gives_the_same_masks() {
        for d in 1..9_usize {
            let cells = |step: usize| -> Vec<Cells> {
                (0..d)
                    .map(|k| std::array::from_fn(|lane| ((lane * step + k * 5) % 11) as i16 * 3000 - 15_000))
                    .collect()
            };
            let (row, other) = (cells(7), cells(3));
            let mask = |holds: &dyn Fn(usize) -> bool| {
                (0..LANES).filter(|&lane| holds(lane)).fold(0, |mask, lane| mask | 1_u32 << lane)
            };
            let not_above = mask(&|lane| (0..d).all(|k| other[k][lane] <= row[k][lane]));
            let same = mask(&|lane| (0..d).any(|k| other[k][lane] == row[k][lane]));
            let expect = || Expect { row: &row, other: &other, not_above, same };
            expect().run(Plain);
            run(expect());
            #[cfg(target_arch = "x86_64")]
            if let Some(proof) = crate::simd::Avx2::at(crate::simd::Level::Avx2) {
                expect().run(x86::By256(proof));
            }
        }
    }
}
