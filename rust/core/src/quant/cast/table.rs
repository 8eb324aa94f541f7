//! Codes to numbers by tables in vector registers: two bytes per code, looked up by byte shuffles.
//!
//! Every format of at most 8 bits fits bfloat16, so a table of 256 short entries decodes to float32 as well. AVX-512
//! holds the whole table in registers. AVX2 looks 16 entries up at a time; it takes formats of fewer than 8 bits, and
//! those whose upper 128 entries are the lower ones with a sign. Of these, many need few lookups: normal numbers are
//! the sum of an entry for each half of the code, so that only the rows of subnormal and special codes are looked up
//! whole.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi8, _mm256_adds_epu8, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_or_si256, _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpacklo_epi8,
    _mm256_unpacklo_epi16, _mm256_xor_si256, _mm512_castsi512_si256, _mm512_cvtepu16_epi32, _mm512_extracti64x4_epi64,
    _mm512_mask_blend_epi8, _mm512_movepi8_mask, _mm512_permutex2var_epi8, _mm512_permutexvar_epi64, _mm512_set_epi64,
    _mm512_slli_epi32, _mm512_unpackhi_epi8, _mm512_unpacklo_epi8,
};
use std::marker::PhantomData;

use crate::quant::Float;
use crate::simd::vector::{load16, load32, load64, put32, put64};
use crate::simd::{Avx2, Avx512, Fill, Kernel, bytes_mut, prefetch_ahead, with_features};

/// Codes that are looked up together.
const STEP: usize = 64;

/// The short entries of all codes: lower bytes, upper bytes.
#[derive(Debug, Clone)]
pub(super) struct Table {
    low: [u8; 256],
    high: [u8; 256],
    bits: u32,
}

impl Table {
    /// The entries of a format of `bits` bits whose codes have these values.
    pub(super) fn new<T: Float>(bits: u32, value: impl Fn(u8) -> f32) -> Self {
        let entries: [u16; 256] = std::array::from_fn(|code| T::to_short(value(code as u8)));
        Self { low: entries.map(|entry| entry as u8), high: entries.map(|entry| (entry >> 8) as u8), bits }
    }

    /// Whether 128 entries and a sign, or fewer entries, tell everything.
    pub(super) fn is_half(&self) -> bool {
        let signed =
            |code: usize| self.low[code + 128] == self.low[code] && self.high[code + 128] == self.high[code] ^ 128;
        self.bits < 8 || (0..128).all(signed)
    }

    /// The table by halves of a code, if 128 entries and a sign tell everything and the middle rows are such sums.
    pub(super) fn rows(&self) -> Option<RowTables> {
        let at = |row: usize, column: usize| (self.low[16 * row + column], self.high[16 * row + column]);
        let lower = std::array::from_fn(|column| at(1, column).0);
        let upper = std::array::from_fn(|column| at(1, column).1.wrapping_sub(at(1, 0).1));
        let base = std::array::from_fn(|row| if (1..7).contains(&row) { at(row, 0).1 } else { 0 });
        let is_sum = |row: usize| {
            (0..16).all(|column| at(row, column) == (lower[column], base[row].wrapping_add(upper[column])))
        };
        let whole = |row: usize| (std::array::from_fn(|c| at(row, c).0), std::array::from_fn(|c| at(row, c).1));
        let sums = self.bits == 8 && self.is_half() && (1..7).all(is_sum);
        let outer = std::array::from_fn(|row| if (1..7).contains(&row) { 0 } else { 0x80 });
        sums.then(|| RowTables { lower, upper, base, outer, first: whole(0), last: whole(7) })
    }

    fn entry(&self, code: u8) -> u16 {
        u16::from_le_bytes([self.low[usize::from(code)], self.high[usize::from(code)]])
    }
}

/// How 64 codes are looked up at one level.
pub(super) trait Lookup: Copy + Sync {
    /// Write their entries to `out`, which has room for as many; `WIDE`: as the upper halves of 32 bits; `AROUND`:
    /// around the cache, if it starts at a cache line.
    fn entries<const WIDE: bool, const AROUND: bool>(self, table: &Table, codes: &[u8; STEP], out: &mut [u8]);

    /// Run a loop as compiled for the level that this needs, and for no other.
    fn run<K: Kernel<Output = ()>>(self, kernel: K);
}

/// The loop that decodes by a table.
pub(super) struct TableLoop<'a, T, L> {
    pub(super) table: &'a Table,
    pub(super) codes: &'a [u8],
    pub(super) lookup: L,
    pub(super) wide: PhantomData<T>,
}

impl<T: Float, L: Lookup> Fill<T::Bits> for TableLoop<'_, T, L> {
    #[inline(always)]
    fn fill(&self, piece: &mut [T::Bits], offset: usize) {
        let codes = &self.codes[offset..][..piece.len()];
        let done = self.steps::<false>(piece, codes);
        for (out, &code) in piece[done..].iter_mut().zip(&codes[done..]) {
            *out = T::from_short(self.table.entry(code));
        }
    }

    #[inline(always)]
    fn fill_around(&self, lines: &mut [T::Bits], offset: usize) -> usize {
        self.steps::<true>(lines, &self.codes[offset..])
    }
}

impl<T: Float, L: Lookup> TableLoop<'_, T, L> {
    /// Decode whole steps, and return how many numbers they are.
    #[inline(always)]
    fn steps<const AROUND: bool>(&self, out: &mut [T::Bits], codes: &[u8]) -> usize {
        let outs = out.as_chunks_mut::<STEP>().0;
        for (index, (out, step)) in outs.iter_mut().zip(codes.as_chunks().0).enumerate() {
            if AROUND {
                prefetch_ahead(codes, STEP * index, STEP * (index + 1));
            }
            if size_of::<T::Bits>() == 4 {
                self.lookup.entries::<true, AROUND>(self.table, step, bytes_mut(out));
            } else {
                self.lookup.entries::<false, AROUND>(self.table, step, bytes_mut(out));
            }
        }
        STEP * outs.len()
    }
}

/// With AVX-512: any format.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub(super) Avx512);

impl Lookup for Whole {
    #[inline(always)]
    fn entries<const WIDE: bool, const AROUND: bool>(self, table: &Table, codes: &[u8; STEP], out: &mut [u8]) {
        with_features!(Avx512, self.0, whole::<WIDE, AROUND>(table, codes, out));
    }

    fn run<K: Kernel<Output = ()>>(self, kernel: K) {
        self.0.run(kernel);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn whole<const WIDE: bool, const AROUND: bool>(table: &Table, codes: &[u8; STEP], out: &mut [u8]) {
    // Unpacking works within 128 bits: the eighths that must come out first go to the lower halves.
    let order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
    let codes = _mm512_permutexvar_epi64(order, load64(codes));
    let upper = _mm512_movepi8_mask(codes);
    let byte = |bytes: &[u8; 256]| {
        let quarter = |index: usize| -> __m512i { load64(&bytes.as_chunks::<STEP>().0[index]) };
        let below = _mm512_permutex2var_epi8(quarter(0), codes, quarter(1));
        let above = _mm512_permutex2var_epi8(quarter(2), codes, quarter(3));
        _mm512_mask_blend_epi8(upper, below, above)
    };
    let (low, high) = (byte(&table.low), byte(&table.high));
    let shorts = [_mm512_unpacklo_epi8(low, high), _mm512_unpackhi_epi8(low, high)];
    let (vectors, _) = out.as_chunks_mut::<64>();
    if WIDE {
        let wide = |half| _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half));
        for (pair, short) in vectors.chunks_exact_mut(2).zip(shorts) {
            put64(&mut pair[0], wide(_mm512_castsi512_si256(short)), AROUND);
            put64(&mut pair[1], wide(_mm512_extracti64x4_epi64::<1>(short)), AROUND);
        }
    } else {
        for (vector, short) in vectors.iter_mut().zip(shorts) {
            put64(vector, short, AROUND);
        }
    }
}

/// With AVX2: a format of at most `SIXTEENS` times 16 codes, or of 128 and a sign.
#[derive(Clone, Copy)]
pub(super) struct Sixteens<const SIXTEENS: usize>(pub(super) Avx2);

impl<const SIXTEENS: usize> Lookup for Sixteens<SIXTEENS> {
    #[inline(always)]
    fn entries<const WIDE: bool, const AROUND: bool>(self, table: &Table, codes: &[u8; STEP], out: &mut [u8]) {
        let half = out.len() / 2;
        for (codes, out) in codes.as_chunks::<32>().0.iter().zip(out.chunks_exact_mut(half)) {
            with_features!(Avx2, self.0, sixteens::<SIXTEENS, WIDE, AROUND>(table, codes, out));
        }
    }

    fn run<K: Kernel<Output = ()>>(self, kernel: K) {
        self.0.run(kernel);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn sixteens<const SIXTEENS: usize, const WIDE: bool, const AROUND: bool>(
    table: &Table,
    codes: &[u8; 32],
    out: &mut [u8],
) {
    let all = |byte: u8| _mm256_set1_epi8(byte as i8);
    // As above: quarters.
    let codes = _mm256_permute4x64_epi64::<0b11_01_10_00>(load32(codes));
    let index = _mm256_and_si256(codes, all((16 * SIXTEENS - 1) as u8));
    let sign = _mm256_and_si256(codes, all(if table.bits == 8 { 0x80 } else { 0 }));
    let (mut low, mut high) = (_mm256_setzero_si256(), sign);
    for sixteen in 0..SIXTEENS {
        let entries =
            |bytes: &[u8; 256]| -> __m256i { _mm256_broadcastsi128_si256(load16(&bytes.as_chunks().0[sixteen])) };
        // Only where the upper half of an index is that of these entries does its top bit stay clear; else 0 comes out.
        let mine = _mm256_adds_epu8(_mm256_xor_si256(index, all((sixteen << 4) as u8)), all(0x70));
        low = _mm256_or_si256(low, _mm256_shuffle_epi8(entries(&table.low), mine));
        high = _mm256_or_si256(high, _mm256_shuffle_epi8(entries(&table.high), mine));
    }
    interleave::<WIDE, AROUND>(out, low, high);
}

/// A table of 8 rows of 16 codes by the halves of a code.
#[derive(Debug, Clone)]
pub(super) struct RowTables {
    /// By column, in the middle rows: lower byte, and what is added to the upper byte.
    lower: [u8; 16],
    upper: [u8; 16],
    /// By row: the upper byte of the first column, 0 in the outer rows; the top bit, only in the outer rows.
    base: [u8; 16],
    outer: [u8; 16],
    /// The outer rows: lower bytes, upper bytes.
    first: ([u8; 16], [u8; 16]),
    last: ([u8; 16], [u8; 16]),
}

/// With AVX2: a format that has [`RowTables`].
#[derive(Clone, Copy)]
pub(super) struct Rows<'a>(pub(super) Avx2, pub(super) &'a RowTables);

impl Lookup for Rows<'_> {
    #[inline(always)]
    fn entries<const WIDE: bool, const AROUND: bool>(self, _: &Table, codes: &[u8; STEP], out: &mut [u8]) {
        let half = out.len() / 2;
        for (codes, out) in codes.as_chunks::<32>().0.iter().zip(out.chunks_exact_mut(half)) {
            with_features!(Avx2, self.0, rows::<WIDE, AROUND>(self.1, codes, out));
        }
    }

    fn run<K: Kernel<Output = ()>>(self, kernel: K) {
        self.0.run(kernel);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn rows<const WIDE: bool, const AROUND: bool>(tables: &RowTables, codes: &[u8; 32], out: &mut [u8]) {
    let all = |byte: u8| _mm256_set1_epi8(byte as i8);
    let entry = |table: &[u8; 16], index| _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load16(table)), index);
    let or = |a, b| _mm256_or_si256(a, b);
    let codes = _mm256_permute4x64_epi64::<0b11_01_10_00>(load32(codes));
    let magnitude = _mm256_and_si256(codes, all(0x7F));
    let sign = _mm256_and_si256(codes, all(0x80));
    let row = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), all(7));
    // An index whose top bit is set gives 0: each entry comes from the sum or from one of the outer rows.
    let column = or(_mm256_and_si256(codes, all(15)), entry(&tables.outer, row));
    let first = _mm256_adds_epu8(magnitude, all(0x70));
    let last = _mm256_adds_epu8(_mm256_xor_si256(magnitude, all(0x70)), all(0x70));
    let outer_low = or(entry(&tables.first.0, first), entry(&tables.last.0, last));
    let outer_high = or(entry(&tables.first.1, first), entry(&tables.last.1, last));
    let low = or(entry(&tables.lower, column), outer_low);
    let sum = _mm256_add_epi8(entry(&tables.base, row), entry(&tables.upper, column));
    let high = or(or(sum, outer_high), sign);
    interleave::<WIDE, AROUND>(out, low, high);
}

/// Write pairs of bytes, joined within 128 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn interleave<const WIDE: bool, const AROUND: bool>(out: &mut [u8], low: __m256i, high: __m256i) {
    let shorts = [_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)];
    let (lines, _) = out.as_chunks_mut();
    if WIDE {
        let zero = _mm256_setzero_si256();
        for (line, short) in lines.iter_mut().zip(shorts) {
            let (a, b) = (_mm256_unpacklo_epi16(zero, short), _mm256_unpackhi_epi16(zero, short));
            let (first, second) = (_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b));
            put32(line, first, second, AROUND);
        }
    } else if let [line] = lines {
        put32(line, shorts[0], shorts[1], AROUND);
    }
}
