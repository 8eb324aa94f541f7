//! NV formats whose scale belongs to 16 rows and 16 columns, as weights have it in training: a matrix and its transpose
//! then have the same numbers. Scales are written for every row, so that whoever reads 1 by 16 reads this.

use super::nv::{BLOCK, BYTES, Format, Global, ToNv, block};
use super::{Nan, Options, check_sizes, finite};
use crate::quant::source::Float;
use crate::simd::{Kernel, Level, dispatch};
use crate::{Error, Result, parallel};

/// Rows that share scales.
pub const ROWS: usize = 16;

const INFINITY: u32 = 0x7F80_0000;

/// Sixteen rows of a matrix.
struct Band<'a, S: Float> {
    codes: &'a mut [u8],
    scales: &'a mut [u8],
    x: &'a [S::Bits],
    /// Index of the first element in the whole tensor.
    first: usize,
}

/// Quantize `x`, matrices of `rows` rows of whole blocks one after the other; the last tiles of a matrix may be lower.
/// Returns the tensor's scale in the decoding direction.
///
/// # Errors
/// If sizes do not fit, or for a number that is not finite under [`Nan::Raise`].
pub fn quantize<S: Float>(
    codes: &mut [u8],
    scales: &mut [u8],
    x: &[S::Bits],
    format: Format,
    global: Global,
    rows: usize,
    options: &Options,
) -> Result<f32> {
    check_sizes(x.len(), options.columns, BLOCK, (codes.len(), BYTES), scales.len())?;
    let to = ToNv::new::<S>(x, format, global, None, options)?;
    if x.is_empty() {
        return Ok(to.tensor.decode);
    }
    let matrix = rows * options.columns;
    if matrix == 0 || !x.len().is_multiple_of(matrix) {
        return Err(Error::shape("x", format_args!("(matrices, {rows}, {})", options.columns), x.len()));
    }
    let mut bands = bands::<S>(codes, scales, x, matrix, options.columns);
    let each = bands.len().div_ceil(parallel::num_threads(options.threads, size_of_val(x)));
    let mut parts = Vec::new();
    while !bands.is_empty() {
        let rest = bands.split_off(each.min(bands.len()));
        parts.push(std::mem::replace(&mut bands, rest));
    }
    parallel::each(parts, |part| {
        let mut magnitudes = vec![0; options.columns / BLOCK];
        for band in part {
            one_band(&to, band, &mut magnitudes, format, options);
        }
    });
    Ok(to.tensor.decode)
}

fn bands<'a, S: Float>(
    codes: &'a mut [u8],
    scales: &'a mut [u8],
    x: &'a [S::Bits],
    matrix: usize,
    columns: usize,
) -> Vec<Band<'a, S>> {
    let (band, mut first, mut found) = (ROWS * columns, 0, Vec::new());
    let matrices = codes.chunks_mut(matrix / BLOCK * BYTES).zip(scales.chunks_mut(matrix / BLOCK));
    for ((codes, scales), x) in matrices.zip(x.chunks(matrix)) {
        let parts = codes.chunks_mut(band / BLOCK * BYTES).zip(scales.chunks_mut(band / BLOCK));
        for ((codes, scales), x) in parts.zip(x.chunks(band)) {
            found.push(Band { codes, scales, x, first });
            first += x.len();
        }
    }
    found
}

fn one_band<S: Float>(to: &ToNv<'_>, band: Band<'_, S>, magnitudes: &mut [u32], format: Format, options: &Options) {
    let Band { codes, scales, x, first } = band;
    // Sixteen numbers are one vector of AVX-512, and reducing it costs more than the rest.
    dispatch(options.level.min(Level::Avx2), Largest::<S> { x, magnitudes });
    let magnitudes = &*magnitudes;
    let slow = |codes: &mut [u8], piece: &[S::Bits], index: usize| {
        let tile = index % magnitudes.len();
        let largest = match magnitudes[tile] {
            bits if bits < INFINITY => f32::from_bits(bits),
            _ if options.nan == Nan::Scale => {
                codes.fill(0);
                return format.scale_nan();
            }
            _ => of_finite::<S>(x, tile, options.columns),
        };
        block::<S>(codes, piece, format, &to.tensor, None, options, (first + index * BLOCK, Some(largest)))
    };
    to.run::<S>(codes, scales, x, Some(magnitudes), slow);
}

/// The largest magnitude of a tile in which something is not finite, with what [`Nan::Zero`] makes of it.
#[cold]
fn of_finite<S: Float>(x: &[S::Bits], tile: usize, columns: usize) -> f32 {
    let pieces = x.chunks(columns).filter_map(|row| row.get(tile * BLOCK..(tile + 1) * BLOCK));
    pieces.flatten().fold(0.0_f32, |most, &bits| most.max(finite::<S>(S::to_f32(bits)).abs()))
}

/// The largest magnitude of each tile of a band as float32 bits; NaN counts as larger than infinity.
struct Largest<'a, S: Float> {
    x: &'a [S::Bits],
    magnitudes: &'a mut [u32],
}

impl<S: Float> Kernel for Largest<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.magnitudes.fill(0);
        for row in self.x.chunks_exact(self.magnitudes.len() * BLOCK) {
            for (most, x) in self.magnitudes.iter_mut().zip(row.as_chunks::<BLOCK>().0) {
                *most = (*most).max(S::largest_magnitude(x));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mx_tests;
    use super::*;
    use crate::quant::source::F32;
    use crate::simd::levels;

    #[test]
    fn a_tile_is_what_one_block_of_it_is_under_its_largest_number() {
        let (rows, columns) = (40, 48);
        let x: Vec<f32> = (0..2 * rows * columns).map(|at| ((at * 7919) % 1000) as f32 - 500.0).collect();
        let format = Format::named("nvfp4").unwrap();
        for level in levels() {
            let options = Options { columns, logical_columns: columns, ..mx_tests::options(level) };
            let (mut codes, mut scales) = (vec![0; x.len() / 2], vec![0; x.len() / BLOCK]);
            let decode =
                quantize::<F32>(&mut codes, &mut scales, &x, format, Global::Find, rows, &options).expect("fits");
            let to = ToNv::new::<F32>(&x, format, Global::Find, None, &options).expect("finite");
            assert_eq!(decode.to_bits(), to.tensor.decode.to_bits());
            let across = columns / BLOCK;
            for (index, &stored) in scales.iter().enumerate() {
                let (row, tile) = (index / across, index % across);
                let top = row / rows * rows + row % rows / ROWS * ROWS;
                let bottom = (top + ROWS).min((row / rows + 1) * rows);
                let most = of_finite::<F32>(&x[top * columns..bottom * columns], tile, columns);
                let (mut expected, at) = ([0; BYTES], index * BLOCK);
                let one = &x[at..at + BLOCK];
                let scale = block::<F32>(&mut expected, one, format, &to.tensor, None, &options, (at, Some(most)));
                assert_eq!((scale, &expected[..]), (stored, &codes[at / 2..at / 2 + BYTES]), "{level:?} {index}");
            }
        }
    }
}
