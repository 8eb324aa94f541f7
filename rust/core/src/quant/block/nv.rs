//! NV formats: 16 numbers share a small float, and the tensor has one more scale in float32.
//!
//! The order of the arithmetic is that of Transformer Engine, all of it in float32: with the largest magnitude A of the
//! tensor and R = largest scale * largest element, g = A / R decodes and G = R / A encodes; a block whose largest
//! magnitude is a has the scale s = round(a * (G * (1 / largest element))), and numbers are multiplied by
//! 1 / (s * (1 / G)). NVIDIA, "Pretraining Large Language Models with NVFP4" (arXiv 2509.25149).

use super::four_six::{self, Measure};
use super::nibbles::FromNibbles;
use super::nv_loop::ToBlocks;
use super::{Element, Nan, Options, amax, check_sizes, finite, lane, pack, split};
use crate::quant::Rounding;
use crate::quant::format::{E2M1, FloatFormat, UE4M3, UE5M3};
use crate::quant::source::Float;
use crate::random;
use crate::{Error, Result, parallel};

/// Numbers that share a scale.
pub const BLOCK: usize = 16;

/// Bytes of the codes of a block.
pub(super) const BYTES: usize = BLOCK / 2;

/// What the numbers and their scales are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The numbers: e2m1 or an integer of 4 bits with unit 1.
    pub element: Element,
    /// The scale of a block, unsigned.
    pub scale: FloatFormat,
}

impl Format {
    /// The format called `name` in Python.
    pub fn named(name: &str) -> Option<Self> {
        let int4 = Element::Int { bits: 4, implied: false };
        Some(match name {
            "nvfp4" => Self { element: Element::Float(E2M1), scale: UE4M3 },
            "nvfp4_ue5m3" => Self { element: Element::Float(E2M1), scale: UE5M3 },
            "nvint4" => Self { element: int4, scale: UE4M3 },
            _ => return None,
        })
    }

    pub(super) fn scale_nan(&self) -> u8 {
        self.scale.nan().unwrap_or(self.scale.largest())
    }
}

/// Where the tensor's scale comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Global {
    /// From the largest magnitude, which is looked for.
    Find,
    /// From this largest magnitude.
    Amax(f32),
    /// This is it, in the decoding direction.
    Scale(f32),
}

/// The scales of a tensor, in all the ways they are needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tensor {
    /// g: values are code * scale * g.
    pub(crate) decode: f32,
    /// Times the largest magnitude of a block: its scale.
    pub(crate) to_scale: f32,
    /// 1 / G.
    pub(crate) inverse: f32,
}

impl Tensor {
    pub(crate) fn new(global: Global, range: f32, largest_element: f32) -> Self {
        let (decode, encode) = match global {
            Global::Scale(scale) => (scale, 1.0 / scale),
            // Below the normal numbers G would overflow: the least scale that has a reciprocal.
            Global::Amax(amax) if amax > 0.0 && amax / range < f32::MIN_POSITIVE => {
                (f32::MIN_POSITIVE, 1.0 / f32::MIN_POSITIVE)
            }
            Global::Amax(amax) if amax > 0.0 => (amax / range, range / amax),
            _ => (1.0, 1.0),
        };
        Self { decode, to_scale: encode * (1.0 / largest_element), inverse: 1.0 / encode }
    }

    /// What numbers of a block with the scale `scale` are multiplied by.
    #[inline(always)]
    pub(crate) fn encode(&self, scale: f32) -> f32 {
        (1.0 / (scale * self.inverse)).min(f32::MAX)
    }
}

/// Quantize `x`, a matrix in C order whose rows are whole blocks; returns the tensor's scale in the decoding direction.
///
/// # Errors
/// If sizes do not fit, for a number that is not finite under [`Nan::Raise`], or for `four_six` in a format other than
/// NVFP4.
pub fn quantize<S: Float>(
    codes: &mut [u8],
    scales: &mut [u8],
    x: &[S::Bits],
    format: Format,
    global: Global,
    four_six: Option<Measure>,
    options: &Options,
) -> Result<f32> {
    check_sizes(x.len(), options.columns, BLOCK, (codes.len(), BYTES), scales.len())?;
    let to = ToNv::new::<S>(x, format, global, four_six, options)?;
    let blocks = split(scales.len(), options.threads, size_of_val(x));
    let parts: Vec<_> = codes
        .chunks_mut(blocks * BYTES)
        .zip(scales.chunks_mut(blocks))
        .zip(x.chunks(blocks * BLOCK))
        .enumerate()
        .map(|(part, ((codes, scales), x))| (codes, scales, x, part * blocks * BLOCK))
        .collect();
    parallel::each(parts, |(codes, scales, x, first)| {
        let slow = |codes: &mut [u8], x: &[S::Bits], index: usize| {
            block::<S>(codes, x, format, &to.tensor, four_six, options, (first + index * BLOCK, None))
        };
        to.run::<S>(codes, scales, x, None, slow);
    });
    Ok(to.tensor.decode)
}

/// What all blocks of a tensor are quantized with.
pub(super) struct ToNv<'a> {
    pub(super) tensor: Tensor,
    format: Format,
    /// The largest scale and element.
    largest: (f32, f32),
    four_six: Option<Measure>,
    options: &'a Options,
}

impl<'a> ToNv<'a> {
    pub(super) fn new<S: Float>(
        x: &[S::Bits],
        format: Format,
        global: Global,
        four_six: Option<Measure>,
        options: &'a Options,
    ) -> Result<Self> {
        if four_six.is_some() && format != (Format { element: Element::Float(E2M1), scale: UE4M3 }) {
            return Err(Error::value("four_over_six", "left out for formats other than nvfp4", "a measure"));
        }
        if options.nan == Nan::Raise {
            amax::check_finite::<S>(x, options)?;
        }
        let global = match global {
            Global::Find => Global::Amax(amax::amax::<S>(x, options)),
            given => given,
        };
        let largest = format.element.largest();
        let top =
            if four_six.is_some() { four_six::LARGEST_SCALE } else { format.scale.decode(format.scale.largest()) };
        let tensor = Tensor::new(global, top * largest, largest);
        Ok(Self { tensor, format, largest: (top, largest), four_six, options })
    }

    /// Quantize blocks on one thread; `slow` takes those that are not finite, and what the loops do not know.
    pub(super) fn run<S: Float>(
        &self,
        codes: &mut [u8],
        scales: &mut [u8],
        x: &[S::Bits],
        given: Option<&[u32]>,
        slow: impl Fn(&mut [u8], &[S::Bits], usize) -> u8,
    ) {
        if self.options.rounding != Rounding::NearestEven || self.four_six.is_some() {
            let blocks = codes.chunks_exact_mut(BYTES).zip(scales).zip(x.chunks_exact(BLOCK));
            for (index, ((codes, scale), x)) in blocks.enumerate() {
                *scale = slow(codes, x, index);
            }
            return;
        }
        let (tensor, largest, level) = (self.tensor, self.largest, self.options.level);
        let scale = lane::ToFloat::new(&self.format.scale);
        match self.format.element {
            Element::Float(element) => {
                let lane = lane::ToFloat::new(&element);
                ToBlocks { tensor, scale, largest, lane, level }.run::<S>(codes, scales, x, given, slow);
            }
            Element::Int { .. } => {
                let lane = lane::ToInteger::new(&self.format.element);
                ToBlocks { tensor, scale, largest, lane, level }.run::<S>(codes, scales, x, given, slow);
            }
        }
    }
}

/// Quantize one block, given the index of its first element and, if not its own, the largest magnitude of those that
/// share the scale; returns the scale. Slow and obvious.
#[inline(never)]
pub(super) fn block<S: Float>(
    codes: &mut [u8],
    x: &[S::Bits],
    format: Format,
    tensor: &Tensor,
    four_six: Option<Measure>,
    options: &Options,
    (first, shared): (usize, Option<f32>),
) -> u8 {
    let mut values = [0.0_f32; BLOCK];
    for (value, &bits) in values.iter_mut().zip(x) {
        *value = S::to_f32(bits);
    }
    if values.iter().any(|value| !value.is_finite()) {
        if options.nan == Nan::Scale {
            codes.fill(0);
            return format.scale_nan();
        }
        values = values.map(finite::<S>);
    }
    let magnitude = shared.unwrap_or_else(|| values.iter().fold(0.0_f32, |most, value| most.max(value.abs())));
    let target = magnitude * tensor.to_scale;
    let mut words = [0; BLOCK];
    if options.rounding == Rounding::Stochastic {
        for (at, word) in words.iter_mut().enumerate() {
            *word = random::word(options.seed, options.key(first + at));
        }
    }
    let attempt = |target: f32| {
        let scale = format.scale.encode(target, Rounding::NearestEven, true, 0).unwrap_or(0);
        let value = format.scale.decode(scale);
        let (by, largest) = (tensor.encode(value), format.element.largest());
        let mut codes = [0; BLOCK];
        for ((code, &number), &word) in codes.iter_mut().zip(&values).zip(&words) {
            // A scale of 0 leaves only zeros, with their sign.
            let number = if scale == 0 { number * 0.0 } else { (number * by).clamp(-largest, largest) };
            *code = format.element.encode(number, options.rounding, word);
        }
        (scale, codes)
    };
    let (scale, chosen) = match four_six {
        None => attempt(target),
        Some(measure) => {
            let (six, four) = (attempt(target), attempt(target * 1.5));
            let error = |(scale, codes): &(u8, [u8; BLOCK])| {
                let value = format.scale.decode(*scale);
                let decoded = codes.map(|code| format.element.decode(code) * value * tensor.decode);
                four_six::error(measure, &decoded, &values)
            };
            if error(&four) < error(&six) { four } else { six }
        }
    };
    pack(codes, &chosen, 4);
    scale
}

/// The numbers that codes and scales stand for: (code * scale) * `global`, in float32, rounded to the nearest.
///
/// # Errors
/// If sizes do not fit.
pub fn dequantize<S: Float>(
    out: &mut [S::Bits],
    codes: &[u8],
    scales: &[u8],
    global: f32,
    format: Format,
    options: &Options,
) -> Result<()> {
    check_sizes(out.len(), options.columns, BLOCK, (codes.len(), BYTES), scales.len())?;
    let blocks = split(scales.len(), options.threads, size_of_val(out));
    let parts: Vec<_> =
        out.chunks_mut(blocks * BLOCK).zip(codes.chunks(blocks * BYTES)).zip(scales.chunks(blocks)).collect();
    let nibbles = FromNibbles::new(&format.element, |scale| format.scale.decode(scale), global, BLOCK, options.level);
    parallel::each(parts, |((out, codes), scales)| nibbles.run::<S>(out, codes, scales));
    Ok(())
}
