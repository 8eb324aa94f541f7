//! One row of cells against 64 others at once: the only test of the filter that has instructions of its own.
//!
//! Compilers do not see that 64 comparisons make a 64-bit mask, so the two x86 levels say so by hand. Cells of a byte
//! are for the tree, cells of two bytes for a few rows.

use crate::simd::Kernel;

/// Rows that are compared at once.
pub(super) const LANES: usize = 64;

/// Cells of 64 rows, of one objective.
pub(super) type Cells = [u8; LANES];

/// Finer cells of 64 rows, of one objective.
pub(super) type FineCells = [i16; LANES];

/// A way to compare, found once per call.
pub(super) trait Compare: Copy + Send + Sync {
    /// Bit `l` is set if `columns[k][l] <= row[k]` for every objective `k`.
    fn not_above(self, columns: &[Cells], row: &[u8]) -> u64;
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
    fn not_above(self, columns: &[Cells], row: &[u8]) -> u64 {
        let mut all = [0xFF_u8; LANES];
        for (column, &own) in columns.iter().zip(row) {
            for (flag, &cell) in all.iter_mut().zip(column) {
                *flag &= if cell <= own { 0xFF } else { 0 };
            }
        }
        bits(&all)
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi16, _mm256_min_epu8, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_packs_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_setzero_si256, _mm512_mask_cmple_epi16_mask, _mm512_mask_cmple_epu8_mask, _mm512_set1_epi8,
        _mm512_set1_epi16,
    };

    use super::{Cells, Compare, FineCells};
    use crate::simd::vector::{load32, load64};
    use crate::simd::{Avx2, Avx512, bytes, with_features};

    /// Objectives between two looks at whether any lane is left: a look costs as much as a comparison.
    const BETWEEN_LOOKS: usize = 4;

    #[derive(Clone, Copy)]
    pub(super) struct By512(pub(super) Avx512);

    impl Compare for By512 {
        #[inline(always)]
        fn not_above(self, columns: &[Cells], row: &[u8]) -> u64 {
            with_features!(Avx512, self.0, not_above_512(columns, row))
        }

        #[inline(always)]
        fn find_not_above(self, columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
            with_features!(Avx512, self.0, find_512(columns, row, from))
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

    /// A search for each small number of objectives, with the row in registers, and one for all others.
    macro_rules! find {
        ($name:ident, $of:ident, $features:literal, $not_above:ident) => {
            #[inline]
            #[target_feature(enable = $features)]
            fn $name(columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
                match row.len() {
                    2 => $of::<2>(columns, row, from),
                    3 => $of::<3>(columns, row, from),
                    4 => $of::<4>(columns, row, from),
                    d => {
                        for (chunk, columns) in columns.chunks_exact(d).enumerate().skip(from) {
                            let mask = $not_above(columns, row);
                            if mask != 0 {
                                return Some((chunk, mask));
                            }
                        }
                        None
                    }
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn $of<const D: usize>(columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
                let row: &[i16; D] = row.first_chunk()?;
                for (chunk, columns) in columns.as_chunks::<D>().0.iter().enumerate().skip(from) {
                    let mask = $not_above(columns, row);
                    if mask != 0 {
                        return Some((chunk, mask));
                    }
                }
                None
            }
        };
    }
    find!(find_512, find_512_of, "avx512f,avx512bw", not_above_fine_512);
    find!(find_256, find_256_of, "avx2", not_above_fine_256);

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn not_above_fine_512(columns: &[FineCells], row: &[i16]) -> u64 {
        let (mut low, mut high) = (u32::MAX, u32::MAX);
        for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
            for (column, &own) in columns.iter().zip(row) {
                let own = _mm512_set1_epi16(own);
                let (cells, _) = bytes(column).as_chunks::<64>();
                low = _mm512_mask_cmple_epi16_mask(low, load64(&cells[0]), own);
                high = _mm512_mask_cmple_epi16_mask(high, load64(&cells[1]), own);
            }
            if low | high == 0 {
                break;
            }
        }
        u64::from(low) | u64::from(high) << 32
    }

    #[derive(Clone, Copy)]
    pub(super) struct By256(pub(super) Avx2);

    impl Compare for By256 {
        #[inline(always)]
        fn not_above(self, columns: &[Cells], row: &[u8]) -> u64 {
            with_features!(Avx2, self.0, not_above_256(columns, row))
        }

        #[inline(always)]
        fn find_not_above(self, columns: &[FineCells], row: &[i16], from: usize) -> Option<(usize, u64)> {
            with_features!(Avx2, self.0, find_256(columns, row, from))
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
    fn not_above_fine_256(columns: &[FineCells], row: &[i16]) -> u64 {
        let mut above = [_mm256_setzero_si256(); 4];
        let mut mask = 0;
        for (columns, row) in columns.chunks(BETWEEN_LOOKS).zip(row.chunks(BETWEEN_LOOKS)) {
            for (column, &own) in columns.iter().zip(row) {
                let own = _mm256_set1_epi16(own);
                let (cells, _) = bytes(column).as_chunks::<32>();
                for (above, cells) in above.iter_mut().zip(cells) {
                    *above = _mm256_or_si256(*above, _mm256_cmpgt_epi16(load32(cells), own));
                }
            }
            // Packing works in halves of the vectors, whose quarters then go back to their places.
            let [first, second, third, fourth] = above;
            let halves = [_mm256_packs_epi16(first, second), _mm256_packs_epi16(third, fourth)];
            mask = !bits(halves.map(|half| _mm256_permute4x64_epi64::<0b11_01_10_00>(half)));
            if mask == 0 {
                break;
            }
        }
        mask
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
        type Output = [u64; 2];
        #[inline(always)]
        fn run<C: Compare>(self, compare: C) -> [u64; 2] {
            // Fine cells in the same order, some of them negative.
            let fine = |cell: u8| (i16::from(cell) - 128) * 200;
            let columns: Vec<FineCells> = self.0.iter().map(|column| column.map(fine)).collect();
            let row: Vec<i16> = self.1.iter().map(|&cell| fine(cell)).collect();
            let found = compare.find_not_above(&columns, &row, 0);
            [compare.not_above(self.0, self.1), found.map_or(0, |(_, mask)| mask)]
        }
    }

    #[test]
    fn every_way_gives_the_same_mask() {
        for d in 1..12_usize {
            let columns: Vec<Cells> = (0..d).map(|k| std::array::from_fn(|l| (l * 37 + k * 101) as u8)).collect();
            let row: Vec<u8> = (0..d).map(|k| 255 - 9 * k as u8).collect();
            let expected =
                (0..LANES).filter(|&l| (0..d).all(|k| columns[k][l] <= row[k])).fold(0, |mask, l| mask | 1 << l);
            assert_eq!(One(&columns, &row).run(Plain), [expected; 2]);
            assert_eq!(run(One(&columns, &row)), [expected; 2]);
            #[cfg(target_arch = "x86_64")]
            if let Some(proof) = crate::simd::Avx2::at(crate::simd::Level::Avx2) {
                assert_eq!(One(&columns, &row).run(x86::By256(proof)), [expected; 2]);
            }
        }
    }
}
