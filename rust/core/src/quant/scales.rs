//! Scales in the dtype in which they are stored, known when a loop runs and not when it is compiled.
//!
//! A loop over elements has one scale for many of them: to ask for the dtype there costs nothing, and one copy of the
//! loop serves all three.

use super::source::{Bf16, F16, F32, Float};

/// Stored scales.
#[derive(Debug, Clone, Copy)]
pub enum Scales<'a> {
    /// float32.
    F32(&'a [f32]),
    /// float16.
    F16(&'a [u16]),
    /// bfloat16.
    Bf16(&'a [u16]),
}

/// Room for scales.
#[derive(Debug)]
pub enum ScalesMut<'a> {
    /// float32.
    F32(&'a mut [f32]),
    /// float16.
    F16(&'a mut [u16]),
    /// bfloat16.
    Bf16(&'a mut [u16]),
}

impl Scales<'_> {
    /// One of them.
    #[inline(always)]
    pub(crate) fn get(self, index: usize) -> f32 {
        match self {
            Self::F32(scales) => scales[index],
            Self::F16(scales) => F16::to_f32(scales[index]),
            Self::Bf16(scales) => Bf16::to_f32(scales[index]),
        }
    }
}

impl ScalesMut<'_> {
    /// What `scale` becomes when it is stored. One beyond the dtype becomes the largest: it would decode to infinity
    /// and NaN, where the largest saturates the codes instead.
    #[inline(always)]
    pub(crate) fn round(&self, scale: f32) -> f32 {
        match self {
            Self::F32(_) => rounded::<F32>(scale),
            Self::F16(_) => rounded::<F16>(scale),
            Self::Bf16(_) => rounded::<Bf16>(scale),
        }
    }

    /// Store a scale that is rounded already, or NaN.
    #[inline(always)]
    pub(crate) fn set(&mut self, index: usize, scale: f32) {
        match self {
            Self::F32(scales) => scales[index] = scale,
            Self::F16(scales) => scales[index] = F16::from_f32(scale),
            Self::Bf16(scales) => scales[index] = Bf16::from_f32(scale),
        }
    }
}

#[inline(always)]
fn rounded<F: Float>(scale: f32) -> f32 {
    // Not `min`, which would make the largest scale of NaN.
    F::to_f32(F::from_f32(if scale > F::LARGEST { F::LARGEST } else { scale }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_stored_as_it_was_rounded() {
        let mut bits = [0; 3];
        let mut scales = ScalesMut::F16(&mut bits);
        for (index, scale) in [0.1, 1e9, f32::NAN].into_iter().enumerate() {
            let rounded = scales.round(scale);
            scales.set(index, rounded);
        }
        let read = Scales::F16(&bits);
        assert_eq!(read.get(0).to_bits(), F16::to_f32(F16::from_f32(0.1)).to_bits());
        assert_eq!(read.get(1).to_bits(), 65504_f32.to_bits());
        assert!(read.get(2).is_nan());
    }
}
