//! One row of cells against 64 others at once: the only test of the tree that has instructions of its own.
//!
//! Compilers do not see that 64 comparisons make a 64-bit mask, so the two x86 levels say so by hand.

use crate::simd::Kernel;

/// Rows that are compared at once.
pub(super) const LANES: usize = 64;

/// Cells of 64 rows, of one objective.
pub(super) type Cells = [u8; LANES];

/// A way to compare, found once per call.
pub(super) trait Compare: Copy + Send + Sync {
    /// Bit `l` is set if `columns[k][l] <= row[k]` for every objective `k`.
    fn not_above(self, columns: &[Cells], row: &[u8]) -> u64;
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
    fn not_above(self, columns: &[Cells], row: &[u8]) -> u64 {
        let mut all = [0xFF_u8; LANES];
        for (column, &own) in columns.iter().zip(row) {
            for (flag, &cell) in all.iter_mut().zip(column) {
                *flag &= if cell <= own { 0xFF } else { 0 };
            }
        }
        // Eight flags of a byte each become eight bits: the product gathers the lowest bits in the topmost byte.
        let (words, _) = all.as_chunks::<8>();
        words.iter().rev().fold(0, |mask, &word| {
            let bits = u64::from_le_bytes(word) & 0x0101_0101_0101_0101;
            mask << 8 | bits.wrapping_mul(0x0102_0408_1020_4080) >> 56
        })
    }
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set1_epi8,
        _mm512_mask_cmple_epu8_mask, _mm512_set1_epi8,
    };

    use super::{Cells, Compare};
    use crate::simd::vector::{load32, load64};
    use crate::simd::{Avx2, Avx512, with_features};

    /// Objectives between two looks at whether any lane is left: a look costs as much as a comparison.
    const BETWEEN_LOOKS: usize = 4;

    #[derive(Clone, Copy)]
    pub(super) struct By512(pub(super) Avx512);

    impl Compare for By512 {
        #[inline(always)]
        fn not_above(self, columns: &[Cells], row: &[u8]) -> u64 {
            with_features!(Avx512, self.0, not_above_512(columns, row))
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn not_above_512(columns: &[Cells], row: &[u8]) -> u64 {
        let mut mask = u64::MAX;
        for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
            for (column, &own) in columns.iter().zip(row) {
                mask = _mm512_mask_cmple_epu8_mask(mask, load64(column), _mm512_set1_epi8(own.cast_signed()));
            }
            if mask == 0 {
                break;
            }
        }
        mask
    }

    #[derive(Clone, Copy)]
    pub(super) struct By256(pub(super) Avx2);

    impl Compare for By256 {
        #[inline(always)]
        fn not_above(self, columns: &[Cells], row: &[u8]) -> u64 {
            with_features!(Avx2, self.0, not_above_256(columns, row))
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn not_above_256(columns: &[Cells], row: &[u8]) -> u64 {
        let mut halves = [_mm256_set1_epi8(-1); 2];
        for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
            for (column, &own) in columns.iter().zip(row) {
                let own = _mm256_set1_epi8(own.cast_signed());
                let (cells, _) = column.as_chunks::<32>();
                for (half, cells) in halves.iter_mut().zip(cells) {
                    let cells = load32(cells);
                    *half = _mm256_and_si256(*half, _mm256_cmpeq_epi8(_mm256_min_epu8(cells, own), cells));
                }
            }
            if bits(halves) == 0 {
                break;
            }
        }
        bits(halves)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(halves: [__m256i; 2]) -> u64 {
        let [low, high] = halves.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
        low | high << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One<'a>(&'a [Cells], &'a [u8]);

    impl Comparing for One<'_> {
        type Output = u64;
        #[inline(always)]
        fn run<C: Compare>(self, compare: C) -> u64 {
            compare.not_above(self.0, self.1)
        }
    }

    #[test]
    fn every_way_gives_the_same_mask() {
        for d in 1..12_usize {
            let columns: Vec<Cells> = (0..d).map(|k| std::array::from_fn(|l| (l * 37 + k * 101) as u8)).collect();
            let row: Vec<u8> = (0..d).map(|k| 255 - 9 * k as u8).collect();
            let expected =
                (0..LANES).filter(|&l| (0..d).all(|k| columns[k][l] <= row[k])).fold(0, |mask, l| mask | 1 << l);
            assert_eq!(Plain.not_above(&columns, &row), expected);
            assert_eq!(run(One(&columns, &row)), expected);
        }
    }
}
