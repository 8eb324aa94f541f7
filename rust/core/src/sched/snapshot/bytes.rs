//! Numbers as bytes and back: seven bits per byte, the sign in the lowest bit, so that small numbers take one byte.
//!
//! A record lists its fields once, in [`saved!`]; a field that is missing there does not compile.

use crate::order::sort_by;
use crate::{Error, Result};

/// The bytes that are still to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

/// The error about a snapshot that makes no sense.
pub(super) fn broken(expected: &str) -> Error {
    Error::value("snapshot", expected, "other contents")
}

/// What can be written and read again.
pub(super) trait Saved: Sized {
    fn save(&self, out: &mut Vec<u8>);
    fn load(input: &mut Reader<'_>) -> Result<Self>;
}

/// Implements [`Saved`] for a record whose fields are, in this order.
macro_rules! saved {
    ($kind:ident { $($field:ident),* $(,)? }) => {
        impl Saved for $kind {
            fn save(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.save(out);)*
            }

            fn load(input: &mut Reader<'_>) -> Result<Self> {
                $(let $field = Saved::load(input)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(super) use saved;

impl Saved for u64 {
    fn save(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest > 127 {
            out.push(rest as u8 | 128);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = input.0.split_first().ok_or_else(|| broken("complete"))?;
            input.0 = rest;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(broken("numbers of at most 64 bits"))
    }
}

impl Saved for i64 {
    fn save(&self, out: &mut Vec<u8>) {
        (((*self << 1) ^ (*self >> 63)) as u64).save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        let folded = u64::load(input)?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

macro_rules! saved_as {
    ($($kind:ty as $wide:ty),*) => {$(
        impl Saved for $kind {
            fn save(&self, out: &mut Vec<u8>) {
                <$wide>::from(*self).save(out);
            }

            fn load(input: &mut Reader<'_>) -> Result<Self> {
                Self::try_from(<$wide>::load(input)?).map_err(|_| broken("numbers of their width"))
            }
        }
    )*};
}
saved_as!(u8 as u64, u32 as u64, i32 as i64);

impl Saved for bool {
    fn save(&self, out: &mut Vec<u8>) {
        u64::from(*self).save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        match u64::load(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(broken("flags of 0 or 1")),
        }
    }
}

impl<A: Saved, B: Saved> Saved for (A, B) {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
        self.1.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        Ok((A::load(input)?, B::load(input)?))
    }
}

impl<T: Saved> Saved for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        if bool::load(input)? { T::load(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Saved> Saved for Vec<T> {
    fn save(&self, out: &mut Vec<u8>) {
        (self.len() as u64).save(out);
        for value in self {
            value.save(out);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        let len = u64::load(input)?;
        // An element takes a byte at least, so a wrong length cannot ask for much memory.
        if len > input.0.len() as u64 {
            return Err(broken("complete"));
        }
        (0..len).map(|_| T::load(input)).collect()
    }
}

impl<T: Saved + Copy + Default, const N: usize> Saved for [T; N] {
    fn save(&self, out: &mut Vec<u8>) {
        for value in self {
            value.save(out);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::load(input)?;
        }
        Ok(values)
    }
}

/// Names in order, so that equal schedulers give equal bytes.
pub(super) fn in_order<T: Copy>(names: impl IntoIterator<Item = (i64, T)>) -> Vec<(i64, T)> {
    let mut names: Vec<(i64, T)> = names.into_iter().collect();
    sort_by(&mut names, &|a, b| a.0.cmp(&b.0));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut out = Vec::new();
        let signed = [0, 1, -1, 63, -64, 64, i64::MIN, i64::MAX];
        let unsigned = vec![0, 127, 128, u64::MAX];
        signed.save(&mut out);
        (unsigned.clone(), Some(true)).save(&mut out);
        let mut input = Reader(&out);
        assert_eq!(<[i64; 8]>::load(&mut input), Ok(signed));
        assert_eq!(<(Vec<u64>, Option<bool>)>::load(&mut input), Ok((unsigned, Some(true))));
        assert!(input.0.is_empty());
    }

    #[test]
    fn what_is_cut_or_too_wide_is_refused() {
        assert!(u64::load(&mut Reader(&[128])).is_err());
        assert!(u64::load(&mut Reader(&[255; 11])).is_err());
        assert!(u8::load(&mut Reader(&[128, 2])).is_err());
        assert!(bool::load(&mut Reader(&[2])).is_err());
        assert!(<Vec<u64>>::load(&mut Reader(&[255, 255, 3, 0])).is_err());
    }
}
