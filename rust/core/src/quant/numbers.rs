//! Numbers whose format is known at run time only, for loops that work in float32 anyway: one such loop serves all
//! formats, where one that is generic over [`Float`] would be compiled for each.

use std::ops::Range;

use super::source::{Bf16, F16, F32, Float};
use crate::simd::{bytes, stream_piece};

/// Numbers of a wide format, to be read.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// IEEE binary32.
    F32(&'a [f32]),
    /// IEEE binary16.
    F16(&'a [u16]),
    /// The upper half of binary32.
    Bf16(&'a [u16]),
}

/// As [`Numbers`], to be written.
#[derive(Debug)]
pub enum NumbersMut<'a> {
    /// IEEE binary32.
    F32(&'a mut [f32]),
    /// IEEE binary16.
    F16(&'a mut [u16]),
    /// The upper half of binary32.
    Bf16(&'a mut [u16]),
}

/// Run `$body` with `$slice` standing for the bits of `$numbers` and `$float` for their format.
macro_rules! by_format {
    ($numbers:expr, $slice:ident, $float:ident => $body:expr) => {
        match $numbers {
            Self::F32($slice) => {
                type $float = F32;
                $body
            }
            Self::F16($slice) => {
                type $float = F16;
                $body
            }
            Self::Bf16($slice) => {
                type $float = Bf16;
                $body
            }
        }
    };
}

impl<'a> Numbers<'a> {
    /// How many.
    #[inline(always)]
    pub fn len(&self) -> usize {
        by_format!(self, x, S => <[<S as Float>::Bits]>::len(x))
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their largest finite value.
    #[inline(always)]
    pub fn largest(&self) -> f32 {
        by_format!(self, _x, S => S::LARGEST)
    }

    /// The one at `index`.
    #[inline(always)]
    pub fn get(&self, index: usize) -> f32 {
        by_format!(self, x, S => S::to_f32(x[index]))
    }

    /// Those of a range, as far as there are any.
    #[inline(always)]
    #[must_use]
    pub fn within(&self, range: Range<usize>) -> Self {
        let range = range.start.min(self.len())..range.end.min(self.len());
        match self {
            Self::F32(x) => Self::F32(&x[range]),
            Self::F16(x) => Self::F16(&x[range]),
            Self::Bf16(x) => Self::Bf16(&x[range]),
        }
    }

    /// Parts of `size` numbers.
    pub fn chunks(self, size: usize) -> impl Iterator<Item = Self> {
        (0..self.len()).step_by(size).map(move |from| self.within(from..from + size))
    }

    /// Their bytes.
    #[inline(always)]
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::F32(x) => bytes(x),
            Self::F16(x) | Self::Bf16(x) => bytes(x),
        }
    }

    /// Their values, in place if they are float32, else in `scratch`, which has room for them.
    #[inline(always)]
    pub(crate) fn widened<'s>(self, scratch: &'s mut [f32]) -> &'s [f32]
    where
        'a: 's,
    {
        match self {
            Self::F32(x) => x,
            Self::F16(x) => widened::<F16>(scratch, x),
            Self::Bf16(x) => widened::<Bf16>(scratch, x),
        }
    }
}

impl<'a> NumbersMut<'a> {
    /// Parts of `size` numbers.
    pub(crate) fn chunks(self, size: usize) -> Vec<NumbersMut<'a>> {
        match self {
            Self::F32(x) => x.chunks_mut(size).map(NumbersMut::F32).collect(),
            Self::F16(x) => x.chunks_mut(size).map(NumbersMut::F16).collect(),
            Self::Bf16(x) => x.chunks_mut(size).map(NumbersMut::Bf16).collect(),
        }
    }

    /// Round `values` to this format; what is too large to its largest number.
    #[inline(always)]
    pub(crate) fn round(&self, values: &mut [f32]) {
        by_format!(self, _x, S => {
            for value in values {
                // Not `min`, which would make the largest number of NaN.
                *value = S::to_f32(S::from_f32(if *value > S::LARGEST { S::LARGEST } else { *value }));
            }
        });
    }

    /// As [`Self::put`], around the cache. A [`crate::simd::fence`] must follow the last.
    #[inline(always)]
    pub(crate) fn stream(&mut self, index: usize, values: &[f32]) {
        match self {
            Self::F32(x) => stream_piece(&mut x[index..index + values.len()], values),
            Self::F16(x) => stream_narrowed::<F16>(&mut x[index..index + values.len()], values),
            Self::Bf16(x) => stream_narrowed::<Bf16>(&mut x[index..index + values.len()], values),
        }
    }

    /// Write `values` from `index` on.
    #[inline(always)]
    pub(crate) fn put(&mut self, index: usize, values: &[f32]) {
        by_format!(self, x, S => {
            for (x, &value) in x[index..].iter_mut().zip(values) {
                *x = S::from_f32(value);
            }
        });
    }
}

/// Round `values` in the first-level cache and store them around it.
#[inline(always)]
fn stream_narrowed<S: Float>(out: &mut [S::Bits], values: &[f32]) {
    let mut buffer = [S::Bits::default(); 2048];
    for (out, values) in out.chunks_mut(2048).zip(values.chunks(2048)) {
        let narrow = &mut buffer[..values.len()];
        for (narrow, &value) in narrow.iter_mut().zip(values) {
            *narrow = S::from_f32(value);
        }
        stream_piece(out, narrow);
    }
}

/// The values of `x` in `scratch`.
#[inline(always)]
fn widened<'a, S: Float>(scratch: &'a mut [f32], x: &[S::Bits]) -> &'a [f32] {
    let scratch = &mut scratch[..x.len()];
    for (value, &bits) in scratch.iter_mut().zip(x) {
        *value = S::to_f32(bits);
    }
    scratch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_and_takes_its_values() {
        let (wide, half, brain) = ([1.5, -2.0, 3.0], [0x3E00, 0xC000, 0x4200], [0x3FC0, 0xC000, 0x4040]);
        let mut scratch = [0.0; 3];
        for x in [Numbers::F32(&wide), Numbers::F16(&half), Numbers::Bf16(&brain)] {
            assert_eq!((x.len(), x.is_empty(), x.get(1)), (3, false, -2.0));
            assert_eq!(x.within(1..9).widened(&mut scratch), [-2.0, 3.0]);
            assert_eq!(x.chunks(2).map(|part| part.bytes().len()).sum::<usize>(), x.bytes().len());
            assert!(x.within(3..4).is_empty());
        }
        let mut out = [0; 2];
        let mut numbers = NumbersMut::F16(&mut out);
        let mut values = [1e9, 1.0 + 1e-5];
        numbers.round(&mut values);
        assert_eq!(values.map(f32::to_bits), [65504.0_f32, 1.0].map(f32::to_bits));
        numbers.put(1, &values[1..]);
        assert_eq!(out, [0, 0x3C00]);
    }
}
