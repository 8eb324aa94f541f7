//! Numbers of a column, of any dtype and stride, as keys: loops that are compiled for each level of the CPU.

use std::ops::Neg;

use super::keys::{Half, Key, Value, key};
use super::table::{Column, Values};
use crate::simd::bytes;

impl<'a> Values<'a> {
    /// Their bytes, and how many each number has.
    #[inline(always)]
    pub(super) fn bytes(self) -> (&'a [u8], usize) {
        match self {
            Self::Bf16(values) | Self::F16(values) | Self::U16(values) => (bytes(values), 2),
            Self::F32(values) => (bytes(values), 4),
            Self::F64(values) => (bytes(values), 8),
            Self::I8(values) => (bytes(values), 1),
            Self::I16(values) => (bytes(values), 2),
            Self::I32(values) => (bytes(values), 4),
            Self::I64(values) => (bytes(values), 8),
            Self::U8(values) => (values, 1),
            Self::U32(values) => (bytes(values), 4),
            Self::U64(values) => (bytes(values), 8),
        }
    }
}

/// Call `$body` with `$number`, which makes what implements `Value` of the bytes of a number.
macro_rules! each_dtype {
    ($values:expr, $number:ident => $body:expr; $($wide:ident => $other:expr),*) => {
        match $values {
            Values::Bf16(_) => { let $number = |bytes| Half::<0x7F80>(u16::from_ne_bytes(bytes)); $body }
            Values::F16(_) => { let $number = |bytes| Half::<0x7C00>(u16::from_ne_bytes(bytes)); $body }
            Values::F32(_) => { let $number = f32::from_ne_bytes; $body }
            Values::I8(_) => { let $number = i8::from_ne_bytes; $body }
            Values::I16(_) => { let $number = i16::from_ne_bytes; $body }
            Values::I32(_) => { let $number = i32::from_ne_bytes; $body }
            Values::U8(_) => { let $number = u8::from_ne_bytes; $body }
            Values::U16(_) => { let $number = u16::from_ne_bytes; $body }
            Values::U32(_) => { let $number = u32::from_ne_bytes; $body }
            $(Values::$wide(_) => { let $number = $other; $body })*
        }
    };
}

/// Keys that a column can be read as; `i32` only if the column is narrow.
pub(super) trait ReadKeys: Key {
    /// The keys of consecutive rows from `first` on.
    fn read(column: &Column<'_>, first: usize, out: &mut [Self]);
    /// The keys of `rows`.
    fn gather(column: &Column<'_>, rows: &[u32], out: &mut [Self]);
    /// The values of a column of floats with as many bits.
    fn floats<'a>(column: &Column<'a>) -> Option<&'a [Self::Float]>;
}

/// A column of floats whose type is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats<'a, T> {
    pub(super) values: &'a [T],
    pub(super) stride: usize,
    pub(super) maximize: bool,
}

impl<T: Copy + Neg<Output = T>> Floats<'_, T> {
    /// Whether larger is better.
    pub(super) fn maximize(&self) -> bool {
        self.maximize
    }

    /// The values of consecutive rows from `first` on, their signs changed if larger is better.
    #[inline(always)]
    pub(super) fn read(&self, first: usize, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        gather_every(out, &self.values[first * self.stride..], self.stride);
        if self.maximize {
            for value in out {
                *value = -*value;
            }
        }
    }
}

macro_rules! read_keys {
    ($key:ty, $float:ident; $($wide:ident => $other:expr),*) => {
        impl ReadKeys for $key {
            #[inline(always)]
            fn read(column: &Column<'_>, first: usize, out: &mut [Self]) {
                let mut piece = [0_u8; PIECE * size_of::<u64>()];
                let rows = if column.stride == 1 { out.len() } else { PIECE };
                for (index, out) in out.chunks_mut(rows.max(1)).enumerate() {
                    let bytes = column.together(first + index * rows, &mut piece, out.len());
                    each_dtype!(column.values, number => keys(out, bytes, column.maximize, number); $($wide => $other),*);
                }
            }
            #[inline(always)]
            fn gather(column: &Column<'_>, rows: &[u32], out: &mut [Self]) {
                let Column { values, stride, maximize } = *column;
                let (bytes, _) = values.bytes();
                each_dtype!(values, number => {
                    let (numbers, _) = bytes.as_chunks();
                    for (out, &row) in out.iter_mut().zip(rows) {
                        *out = key(number(numbers[row as usize * stride]), maximize);
                    }
                }; $($wide => $other),*);
            }
            fn floats<'a>(column: &Column<'a>) -> Option<&'a [Self::Float]> {
                if let Values::$float(values) = column.values { Some(values) } else { None }
            }
        }
    };
}

/// A column that 32-bit keys cannot hold has only 64-bit ones, see [`super::table::Table::is_narrow`].
fn too_wide(_: [u8; 8]) -> u8 {
    unreachable!("a 64-bit column is read as 64-bit keys")
}

read_keys!(i32, F32; F64 => too_wide, I64 => too_wide, U64 => too_wide);
read_keys!(i64, F64; F64 => f64::from_ne_bytes, I64 => i64::from_ne_bytes, U64 => u64::from_ne_bytes);

/// Values that are moved together before they become keys.
const PIECE: usize = 64;

/// The keys of numbers of `W` bytes.
#[inline(always)]
fn keys<const W: usize, K: Key, V: Value<K>>(
    out: &mut [K],
    bytes: &[u8],
    maximize: bool,
    number: impl Fn([u8; W]) -> V,
) {
    for (out, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = key(number(bytes), maximize);
    }
}

/// Every `stride`-th value.
#[inline(always)]
fn gather_every<T: Copy>(out: &mut [T], values: &[T], stride: usize) {
    match stride {
        1 => out.copy_from_slice(&values[..out.len()]),
        2 => every::<2, _>(out, values),
        3 => every::<3, _>(out, values),
        4 => every::<4, _>(out, values),
        _ => {
            for (row, to) in out.iter_mut().enumerate() {
                *to = values[row * stride];
            }
        }
    }
}

/// The first of each `STRIDE` values: vectors are shuffled where the distance and the number of rows are known.
#[inline(always)]
fn every<const STRIDE: usize, T: Copy>(out: &mut [T], values: &[T]) {
    let (rows, rest) = values.as_chunks::<STRIDE>();
    if let ([out], []) = out.as_chunks_mut::<PIECE>()
        && let Some(rows) = rows.first_chunk::<PIECE>()
    {
        for (to, row) in out.iter_mut().zip(rows) {
            *to = row[0];
        }
        return;
    }
    let whole = rows.len().min(out.len());
    for (to, row) in out.iter_mut().zip(rows) {
        *to = row[0];
    }
    // What lies after the last value of a column may be missing.
    if let (Some(to), Some(&value)) = (out.get_mut(whole), rest.first()) {
        *to = value;
    }
}

impl Column<'_> {
    /// The bytes of `count` rows from `first` on: where they lie together, or moved together in `piece`.
    ///
    /// The loops that move them depend on the width of a number only: one for each dtype would be three times the code.
    #[inline(always)]
    fn together<'p>(&'p self, first: usize, piece: &'p mut [u8], count: usize) -> &'p [u8] {
        let (bytes, width) = self.values.bytes();
        let bytes = &bytes[first * self.stride * width..];
        if self.stride == 1 {
            return bytes;
        }
        let piece = &mut piece[..count * width];
        match width {
            1 => gather_every::<[u8; 1]>(piece.as_chunks_mut().0, bytes.as_chunks().0, self.stride),
            2 => gather_every::<[u8; 2]>(piece.as_chunks_mut().0, bytes.as_chunks().0, self.stride),
            4 => gather_every::<[u8; 4]>(piece.as_chunks_mut().0, bytes.as_chunks().0, self.stride),
            _ => gather_every::<[u8; 8]>(piece.as_chunks_mut().0, bytes.as_chunks().0, self.stride),
        }
        piece
    }
}
