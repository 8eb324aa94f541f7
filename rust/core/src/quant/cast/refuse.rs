//! Numbers that a format has no code for are found before anything is written.

use std::num::NonZeroUsize;

use super::Scalar;
use crate::error::{Error, Result};
use crate::parallel;
use crate::quant::Float;
use crate::simd::{self, Kernel, Level};

/// Elements that are looked at before it is asked whether one was found.
const PIECE: usize = 4096;

/// Refuse NaN, and negative numbers in a float without sign, where `format` has no NaN to stand for them.
///
/// # Errors
/// If there is one: the first is named by its index.
pub(super) fn refuse_nan<S: Float>(
    level: Level,
    x: &[S::Bits],
    format: Scalar,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    if format.has_nan() {
        return Ok(());
    }
    let negative = matches!(format, Scalar::Float(format) if !format.signed);
    let threads = parallel::num_threads(threads, size_of_val(x));
    let step = x.len().div_ceil(threads).max(PIECE);
    let found = parallel::each(x.chunks(step).collect(), |part| first::<S>(level, part, negative));
    let Some((part, at)) = found.into_iter().enumerate().find_map(|(part, at)| Some((part, at?))) else {
        return Ok(());
    };
    let index = part * step + at;
    let value = S::to_f32(x[index]);
    let shown = if value.is_nan() { "NaN".into() } else { value.to_string() };
    let expected = if negative { "numbers from 0 up" } else { "numbers" };
    Err(Error::value("x", format!("{expected}, for the format has no NaN"), format!("{shown} at flat index {index}")))
}

fn first<S: Float>(level: Level, x: &[S::Bits], negative: bool) -> Option<usize> {
    x.chunks(PIECE).enumerate().find_map(|(index, piece)| {
        let any = simd::dispatch(level, Any::<S> { x: piece, negative });
        let at = if any { piece.iter().position(|&x| is_refused(S::to_f32(x), negative)) } else { None };
        at.map(|at| index * PIECE + at)
    })
}

#[inline(always)]
fn is_refused(value: f32, negative: bool) -> bool {
    value.is_nan() || (negative && value < 0.0)
}

struct Any<'a, S: Float> {
    x: &'a [S::Bits],
    negative: bool,
}

impl<S: Float> Kernel for Any<'_, S> {
    type Output = bool;
    #[inline(always)]
    fn run(self) -> bool {
        self.x.iter().fold(0, |any, &x| any | u32::from(is_refused(S::to_f32(x), self.negative))) > 0
    }
}
