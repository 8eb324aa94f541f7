//! The largest magnitude of a tensor, and whether all of it is finite. Maxima of integers: exact in any order.

use super::{Nan, Options, split};
use crate::quant::source::Float;
use crate::simd::{Kernel, dispatch};
use crate::{Result, parallel};

const INFINITY: u32 = 0x7F80_0000;

struct Largest<'a, S: Float> {
    x: &'a [S::Bits],
    /// Magnitudes from this on are left out.
    below: u32,
}

impl<S: Float> Kernel for Largest<'_, S> {
    type Output = u32;
    #[inline(always)]
    fn run(self) -> u32 {
        self.x.iter().fold(0, |most, &bits| {
            let magnitude = S::to_f32(bits).to_bits() & 0x7FFF_FFFF;
            most.max(if magnitude < self.below { magnitude } else { 0 })
        })
    }
}

fn largest<S: Float>(x: &[S::Bits], below: u32, options: &Options) -> u32 {
    let part = split(x.len(), options.threads, size_of_val(x));
    let each = parallel::each(x.chunks(part).collect(), |x| dispatch(options.level, Largest::<S> { x, below }));
    each.into_iter().max().unwrap_or(0)
}

/// The largest finite magnitude of `x`; under [`Nan::Zero`] infinity counts as the largest finite number.
pub fn amax<S: Float>(x: &[S::Bits], options: &Options) -> f32 {
    let finite = f32::from_bits(largest::<S>(x, INFINITY, options));
    if options.nan == Nan::Zero && finite < S::LARGEST && has_infinity::<S>(x, options) { S::LARGEST } else { finite }
}

fn has_infinity<S: Float>(x: &[S::Bits], options: &Options) -> bool {
    largest::<S>(x, INFINITY + 1, options) == INFINITY
}

/// The error about the first element that is not finite, if there is one.
pub fn check_finite<S: Float>(x: &[S::Bits], options: &Options) -> Result<()> {
    if largest::<S>(x, u32::MAX, options) < INFINITY {
        return Ok(());
    }
    let first = x.iter().position(|&bits| !S::to_f32(bits).is_finite());
    first.map_or(Ok(()), |at| Err(options.not_finite(at, S::to_f32(x[at]))))
}
