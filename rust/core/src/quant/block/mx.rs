//! MX formats: 32 numbers share a power of two (OCP Microscaling Formats 1.0, and integers of arXiv 2510.25602).
//!
//! The largest magnitude of a block gives the scale by a [`Rule`]; numbers are divided by it, which is exact, and
//! rounded to the element, saturating.

use super::mx_loop::{FromBlocks, ToBlocks};
use super::nibbles::FromNibbles;
use super::peer::{self, Peer};
use super::scale::{self, Rule, Shared};
use super::{Element, Nan, Options, amax, check_sizes, finite, lane, pack, split};
use crate::quant::Rounding;
use crate::quant::cast::Decoder;
use crate::quant::format::E2M1;
use crate::quant::source::Float;
use crate::random;
use crate::simd::dispatch;
use crate::{Error, Result, parallel};
#[cfg(target_arch = "x86_64")]
use {super::mx_loop::from_bytes, crate::quant::cast::half::ByHalf, crate::simd::Avx2};

/// Numbers that share a scale.
pub const BLOCK: usize = 32;

/// Quantize `x`, a matrix in C order whose rows are whole blocks.
///
/// # Errors
/// If sizes do not fit, for a peer of another element than e2m1, or for a number that is not finite under
/// [`Nan::Raise`].
pub fn quantize<S: Float>(
    codes: &mut [u8],
    scales: &mut [u8],
    x: &[S::Bits],
    element: Element,
    rule: Rule,
    peer: Option<Peer>,
    options: &Options,
) -> Result<()> {
    let per_block = BLOCK * element.bits() as usize / 8;
    check_sizes(x.len(), options.columns, BLOCK, (codes.len(), per_block), scales.len())?;
    if peer.is_some() && element != Element::Float(E2M1) {
        return Err(Error::value("rule", "paretoserve for formats other than mxfp4", "that of a peer"));
    }
    if options.nan == Nan::Raise {
        amax::check_finite::<S>(x, options)?;
    }
    let blocks = split(scales.len(), options.threads, size_of_val(x));
    let parts: Vec<_> = codes
        .chunks_mut(blocks * per_block)
        .zip(scales.chunks_mut(blocks))
        .zip(x.chunks(blocks * BLOCK))
        .enumerate()
        .map(|(part, ((codes, scales), x))| (codes, scales, x, part * blocks * BLOCK))
        .collect();
    let shared = Shared::new(rule, &element);
    parallel::each(parts, |(codes, scales, x, first)| {
        let slow = |codes: &mut [u8], x: &[S::Bits], index: usize| {
            block::<S>(codes, x, element, shared, peer, options, first + index * BLOCK)
        };
        if options.rounding != Rounding::NearestEven || peer.is_some() {
            let blocks = codes.chunks_exact_mut(per_block).zip(scales).zip(x.chunks_exact(BLOCK));
            for (index, ((codes, scale), x)) in blocks.enumerate() {
                *scale = slow(codes, x, index);
            }
            return;
        }
        let bits = element.bits();
        match element {
            Element::Float(format) => {
                let lane = lane::ToFloat::new(&format);
                ToBlocks { shared, lane, bits, level: options.level }.run::<S>(codes, scales, x, slow);
            }
            Element::Int { .. } => {
                let lane = lane::ToInteger::new(&element);
                ToBlocks { shared, lane, bits, level: options.level }.run::<S>(codes, scales, x, slow);
            }
        }
    });
    Ok(())
}

/// Quantize one block whose first element is at `first`; returns its scale. Slow and obvious.
#[inline(never)]
pub(super) fn block<S: Float>(
    codes: &mut [u8],
    x: &[S::Bits],
    element: Element,
    shared: Shared,
    peer: Option<Peer>,
    options: &Options,
    first: usize,
) -> u8 {
    let mut values = [0.0_f32; BLOCK];
    for (value, &bits) in values.iter_mut().zip(x) {
        *value = S::to_f32(bits);
    }
    if values.iter().any(|value| !value.is_finite()) {
        if options.nan == Nan::Scale {
            codes.fill(0);
            return scale::NAN;
        }
        values = values.map(finite::<S>);
    }
    let magnitude = values.iter().fold(0, |most, value| most.max(value.to_bits() & 0x7FFF_FFFF));
    let byte = shared.byte(magnitude);
    let mut block = [0; BLOCK];
    for (at, (code, &value)) in block.iter_mut().zip(&values).enumerate() {
        let word = match options.rounding {
            Rounding::Stochastic => random::word(options.seed, options.key(first + at)),
            _ => 0,
        };
        let quotient = scale::unscale(value, byte);
        *code = match peer {
            Some(peer) => peer::encode(peer, quotient),
            None => element.encode(quotient, options.rounding, word),
        };
    }
    pack(codes, &block, element.bits());
    byte
}

/// The numbers that codes and scales stand for, exact in float32, else rounded to the nearest.
///
/// # Errors
/// If sizes do not fit.
pub fn dequantize<S: Float>(
    out: &mut [S::Bits],
    codes: &[u8],
    scales: &[u8],
    element: Element,
    options: &Options,
) -> Result<()> {
    let per_block = BLOCK * element.bits() as usize / 8;
    check_sizes(out.len(), options.columns, BLOCK, (codes.len(), per_block), scales.len())?;
    let blocks = split(scales.len(), options.threads, size_of_val(out));
    let parts: Vec<_> =
        out.chunks_mut(blocks * BLOCK).zip(codes.chunks(blocks * per_block)).zip(scales.chunks(blocks)).collect();
    let bits = element.bits();
    parallel::each(parts, |((out, codes), scales)| match element {
        _ if bits == 4 => {
            FromNibbles::new(&element, scale::value, 1.0, BLOCK, options.level).run::<S>(out, codes, scales);
        }
        Element::Float(format) => {
            #[cfg(target_arch = "x86_64")]
            if let (Some(by), Some(proof)) = (ByHalf::new(&format), Avx2::at(options.level)) {
                return from_bytes::<S>(out, codes, scales, by, proof);
            }
            let lane = Decoder::new(&format);
            dispatch(options.level, FromBlocks::<S, _> { out, codes, scales, lane, bits });
        }
        Element::Int { .. } => {
            let lane = lane::FromInteger::new(&element);
            dispatch(options.level, FromBlocks::<S, _> { out, codes, scales, lane, bits });
        }
    });
    Ok(())
}
