//! Blocks of GGUF files, little endian: scales and codes of a block lie together.
//!
//! [`legacy`] has the types with one or two float16 numbers per 32 elements, [`k`] the super-blocks of 256 with 6-bit
//! scales, [`fp4`] MXFP4 and NVFP4. Decoding computes the same float32 numbers as ggml, encoding the same bytes as its
//! reference; what ggml leaves undefined (NaN, infinity, scales beyond float16) is refused.

mod fp4;
mod k;
mod legacy;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_encode;

use std::num::NonZeroUsize;

use crate::error::{Error, Result};
use crate::parallel;
use crate::quant::{F16, Float};
use crate::simd::{self, Avx2, Kernel, Level};

/// Elements that are decoded together before they are narrowed, whole blocks of every type.
const PIECE: usize = 256;

/// Blocks that are decoded between two looks ahead.
const RUN: usize = 16;

/// A block of `B` bytes that holds `E` elements.
trait Decode<const B: usize, const E: usize> {
    fn decode(block: &[u8; B], out: &mut [f32; E]);
    /// The same by hand, stored around the cache or not.
    #[cfg(target_arch = "x86_64")]
    fn decode_avx2<const AROUND: bool>(blocks: &[[u8; B]], out: &mut [[f32; E]], proof: Avx2);
}

/// The way back; false if an element is not finite or a scale does not fit, and the block is then unspecified.
trait Encode<const B: usize, const E: usize> {
    fn encode(x: &[f32; E], block: &mut [u8; B], fast: Option<Avx2>) -> bool;
}

/// Return what the hand-written `$function` returns, where there is one.
macro_rules! by_hand {
    ($fast:expr, $function:ident($($argument:expr),*)) => {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = $fast {
            use super::x86_encode::$function;
            return with_features!(Avx2, proof, $function($($argument),*));
        }
        let _ = $fast;
    };
}
use by_hand;

/// The types that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of ggml")]
pub enum Type {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
    Mxfp4,
    Nvfp4,
}

/// Run `$body` with `$block` standing for the type's marker, `$bytes` and `$elements` for the size of its blocks.
macro_rules! by_type {
    ($kind:expr, $function:ident()) => {
        by_type!($kind, $function::<>())
    };
    ($kind:expr, $function:ident::<$($rest:ty),*>($($argument:expr),*)) => {
        match $kind {
            Type::Q4_0 => $function::<legacy::Q4_0, 18, 32, $($rest),*>($($argument),*),
            Type::Q4_1 => $function::<legacy::Q4_1, 20, 32, $($rest),*>($($argument),*),
            Type::Q5_0 => $function::<legacy::Q5_0, 22, 32, $($rest),*>($($argument),*),
            Type::Q5_1 => $function::<legacy::Q5_1, 24, 32, $($rest),*>($($argument),*),
            Type::Q8_0 => $function::<legacy::Q8_0, 34, 32, $($rest),*>($($argument),*),
            Type::Q4K => $function::<k::Q4K, 144, 256, $($rest),*>($($argument),*),
            Type::Q5K => $function::<k::Q5K, 176, 256, $($rest),*>($($argument),*),
            Type::Q6K => $function::<k::Q6K, 210, 256, $($rest),*>($($argument),*),
            Type::Mxfp4 => $function::<fp4::Mxfp4, 17, 32, $($rest),*>($($argument),*),
            Type::Nvfp4 => $function::<fp4::Nvfp4, 36, 64, $($rest),*>($($argument),*),
        }
    };
}

impl Type {
    /// The type that Python calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "q4_0" => Self::Q4_0,
            "q4_1" => Self::Q4_1,
            "q5_0" => Self::Q5_0,
            "q5_1" => Self::Q5_1,
            "q8_0" => Self::Q8_0,
            "q4_k" => Self::Q4K,
            "q5_k" => Self::Q5K,
            "q6_k" => Self::Q6K,
            "mxfp4" => Self::Mxfp4,
            "nvfp4" => Self::Nvfp4,
            _ => return None,
        })
    }

    /// Bytes and elements of a block.
    pub fn block(self) -> (usize, usize) {
        fn sizes<K: Decode<B, E>, const B: usize, const E: usize>() -> (usize, usize) {
            (B, E)
        }
        by_type!(self, sizes())
    }
}

/// Decode the blocks of `data` into `out`.
pub fn decode<S: Float>(
    out: &mut [S::Bits],
    data: &[u8],
    kind: Type,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let (bytes, elements) = kind.block();
    if !data.len().is_multiple_of(bytes) {
        return Err(Error::shape("data", format_args!("(blocks of {bytes} bytes)"), format_args!("({},)", data.len())));
    }
    let blocks = data.len() / bytes;
    if out.len() != blocks * elements {
        return Err(Error::shape("out", format_args!("({},)", blocks * elements), format_args!("({},)", out.len())));
    }
    let share = blocks.div_ceil(parallel::num_threads(threads, size_of_val(out)).max(1)).max(1);
    let parts: Vec<_> = out.chunks_mut(share * elements).zip(data.chunks(share * bytes)).collect();
    parallel::each(parts, |(out, data)| by_type!(kind, decode_part::<S>(out, data, level)));
    Ok(())
}

fn decode_part<K: Decode<B, E>, const B: usize, const E: usize, S: Float>(
    out: &mut [S::Bits],
    data: &[u8],
    level: Level,
) {
    let (blocks, _) = data.as_chunks::<B>();
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = Avx2::at(level) {
        if let Some(out) = S::floats_mut(out) {
            let around_cache = size_of_val(out) >= simd::STREAM_FROM_BYTES;
            decode_by_hand::<K, B, E>(out.as_chunks_mut::<E>().0, blocks, around_cache, proof);
            return simd::fence();
        }
        let wide = |wide: &mut [[f32; E]], blocks: &[[u8; B]]| K::decode_avx2::<false>(blocks, wide, proof);
        return proof.run(Narrow::<'_, B, E, S, _> { out, blocks, wide });
    }
    let _ = level;
    let wide = |wide: &mut [[f32; E]], blocks: &[[u8; B]]| {
        for (wide, block) in wide.iter_mut().zip(blocks) {
            K::decode(block, wide);
        }
    };
    Narrow::<'_, B, E, S, _> { out, blocks, wide }.run();
}

/// Decode to float32 by hand-written loops.
#[cfg(target_arch = "x86_64")]
fn decode_by_hand<K: Decode<B, E>, const B: usize, const E: usize>(
    out: &mut [[f32; E]],
    blocks: &[[u8; B]],
    around_cache: bool,
    proof: Avx2,
) {
    if !around_cache {
        return K::decode_avx2::<false>(blocks, out, proof);
    }
    for (index, (out, now)) in out.chunks_mut(RUN).zip(blocks.chunks(RUN)).enumerate() {
        simd::prefetch_ahead(blocks.as_flattened(), RUN * B * index, RUN * B * (index + 1));
        K::decode_avx2::<true>(now, out, proof);
    }
}

/// Decode pieces by `wide`, and round them.
struct Narrow<'a, const B: usize, const E: usize, S: Float, W> {
    out: &'a mut [S::Bits],
    blocks: &'a [[u8; B]],
    wide: W,
}

impl<const B: usize, const E: usize, S: Float, W: Fn(&mut [[f32; E]], &[[u8; B]])> Kernel for Narrow<'_, B, E, S, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut wide = [0.0; PIECE];
        for (out, blocks) in self.out.chunks_mut(PIECE).zip(self.blocks.chunks(PIECE / E)) {
            let wide = &mut wide[..out.len()];
            (self.wide)(wide.as_chunks_mut::<E>().0, blocks);
            for (out, &wide) in out.iter_mut().zip(&*wide) {
                *out = S::from_f32(wide);
            }
        }
    }
}

/// Encode rows of `columns` elements into blocks; K-quants are refused, because their bytes depend on a search that
/// every version of ggml does differently.
pub fn encode<S: Float>(
    out: &mut [u8],
    x: &[S::Bits],
    columns: usize,
    kind: Type,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let (bytes, elements) = kind.block();
    if columns == 0 || !columns.is_multiple_of(elements) || !x.len().is_multiple_of(columns) {
        return Err(Error::shape("x", format_args!("(rows, a multiple of {elements})"), format_args!("({columns},)")));
    }
    let blocks = x.len() / elements;
    if out.len() != blocks * bytes {
        return Err(Error::shape("out", format_args!("({},)", blocks * bytes), format_args!("({},)", out.len())));
    }
    let part: EncodePart<S> = match kind {
        Type::Q4_0 => encode_part::<legacy::Q4_0, 18, 32, S>,
        Type::Q4_1 => encode_part::<legacy::Q4_1, 20, 32, S>,
        Type::Q5_0 => encode_part::<legacy::Q5_0, 22, 32, S>,
        Type::Q5_1 => encode_part::<legacy::Q5_1, 24, 32, S>,
        Type::Q8_0 => encode_part::<legacy::Q8_0, 34, 32, S>,
        Type::Mxfp4 => encode_part::<fp4::Mxfp4, 17, 32, S>,
        Type::Nvfp4 => encode_part::<fp4::Nvfp4, 36, 64, S>,
        Type::Q4K | Type::Q5K | Type::Q6K => {
            return Err(Error::value("kind", "a type that can be encoded", format_args!("{kind:?}")));
        }
    };
    let share = blocks.div_ceil(parallel::num_threads(threads, size_of_val(x)).max(1)).max(1);
    let parts: Vec<_> = out.chunks_mut(share * bytes).zip(x.chunks(share * elements)).enumerate().collect();
    let bad = parallel::each(parts, |(index, (out, x))| part(out, x, level).map(|block| index * share + block));
    match bad.into_iter().flatten().next() {
        None => Ok(()),
        Some(block) => {
            let (row, column) = (block * elements / columns, block * elements % columns);
            let why = "finite, with scales that fit (float16 to 65504)";
            Err(Error::value("x", why, format_args!("a block that is not, at row {row}, columns from {column} on")))
        }
    }
}

type EncodePart<S> = fn(&mut [u8], &[<S as Float>::Bits], Level) -> Option<usize>;

/// Encode every block; the index of the first that cannot be encoded, if any.
fn encode_part<K: Encode<B, E>, const B: usize, const E: usize, S: Float>(
    out: &mut [u8],
    x: &[S::Bits],
    level: Level,
) -> Option<usize> {
    struct Loop<'a, K, const B: usize, const E: usize, S: Float> {
        out: &'a mut [u8],
        x: &'a [S::Bits],
        fast: Option<Avx2>,
        kind: std::marker::PhantomData<K>,
    }
    impl<K: Encode<B, E>, const B: usize, const E: usize, S: Float> Kernel for Loop<'_, K, B, E, S> {
        // What takes time is written by hand for AVX2.
        const AVX512: bool = false;
        type Output = Option<usize>;
        #[inline(always)]
        fn run(self) -> Option<usize> {
            let (blocks, x) = (self.out.as_chunks_mut::<B>().0, self.x.as_chunks::<E>().0);
            for (index, (block, x)) in blocks.iter_mut().zip(x).enumerate() {
                let mut wide = [0.0; E];
                for (wide, &x) in wide.iter_mut().zip(x) {
                    *wide = S::to_f32(x);
                }
                if !K::encode(&wide, block, self.fast) {
                    return Some(index);
                }
            }
            None
        }
    }
    simd::dispatch(level, Loop::<'_, K, B, E, S> { out, x, fast: Avx2::at(level), kind: std::marker::PhantomData })
}

/// The float16 number at byte `at` of `block`.
#[inline(always)]
fn half(block: &[u8], at: usize) -> f32 {
    F16::to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// Write `value` as float16 to byte `at` of `block`; false if it is not finite there.
#[inline(always)]
fn put_half(block: &mut [u8], at: usize, value: f32) -> bool {
    let bits = F16::from_f32(value);
    block[at..at + 2].copy_from_slice(&bits.to_le_bytes());
    bits & 0x7C00 != 0x7C00
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{Bf16, F32};

    const NAMES: [&str; 10] = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k", "mxfp4", "nvfp4"];

    /// Bytes whose float16 scales are finite.
    fn data(bytes: usize) -> Vec<u8> {
        (0..bytes as u32).map(|each| (each.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7B).collect()
    }

    #[test]
    fn every_level_and_number_of_threads_decodes_to_the_same_numbers() {
        for name in NAMES {
            let kind = Type::parse(name).unwrap();
            let (bytes, elements) = kind.block();
            let data = data(7 * bytes);
            let mut first = vec![0.0; 7 * elements];
            decode::<F32>(&mut first, &data, kind, None, Level::Baseline).unwrap();
            for level in simd::levels() {
                let mut again = vec![0.0; 7 * elements];
                decode::<F32>(&mut again, &data, kind, NonZeroUsize::new(3), level).unwrap();
                let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
                assert!(first.iter().zip(&again).all(same), "{name} {level:?}");
                let mut narrow = vec![0; 7 * elements];
                decode::<Bf16>(&mut narrow, &data, kind, None, level).unwrap();
                assert!(narrow.iter().zip(&first).all(|(&a, &b)| a == Bf16::from_f32(b) || b.is_nan()), "{name}");
            }
        }
    }

    #[test]
    fn every_level_and_number_of_threads_encodes_to_the_same_bytes() {
        let mut x: Vec<f32> = data(5 * 128).iter().map(|&byte| (f32::from(byte) - 50.0) / 8.0).collect();
        x[128..192].fill(-0.0);
        x[192..224].fill(0.0);
        for name in NAMES.into_iter().filter(|name| !name.ends_with('k')) {
            let kind = Type::parse(name).unwrap();
            let (bytes, elements) = kind.block();
            let mut first = vec![0; x.len() / elements * bytes];
            encode::<F32>(&mut first, &x, 128, kind, None, Level::Baseline).unwrap();
            for level in simd::levels() {
                let mut again = vec![0; first.len()];
                encode::<F32>(&mut again, &x, 128, kind, NonZeroUsize::new(2), level).unwrap();
                assert_eq!(first, again, "{name} {level:?}");
            }
        }
    }

    #[test]
    fn the_first_block_that_is_not_finite_is_named_at_every_level() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1.0; 640];
            (x[300], x[600]) = (bad, bad);
            for (name, level) in
                NAMES.into_iter().filter(|name| !name.ends_with('k')).zip(simd::levels().into_iter().cycle())
            {
                let kind = Type::parse(name).unwrap();
                let (bytes, elements) = kind.block();
                let mut out = vec![0; 640 / elements * bytes];
                let error = encode::<F32>(&mut out, &x, 128, kind, NonZeroUsize::new(3), level).unwrap_err();
                assert!(error.to_string().contains("row 2, columns from "), "{name}: {error}");
            }
        }
    }

    #[test]
    fn lengths_that_are_no_blocks_and_types_that_are_only_decoded_are_refused() {
        let (mut out, mut bytes) = ([0.0; 32], [0; 18]);
        assert!(decode::<F32>(&mut out, &[0; 17], Type::Q4_0, None, Level::Baseline).is_err());
        assert!(decode::<F32>(&mut out[1..], &[0; 18], Type::Q4_0, None, Level::Baseline).is_err());
        assert!(encode::<F32>(&mut bytes, &[0.0; 31], 31, Type::Q4_0, None, Level::Baseline).is_err());
        assert!(encode::<F32>(&mut bytes[1..], &[0.0; 32], 32, Type::Q4_0, None, Level::Baseline).is_err());
        assert!(encode::<F32>(&mut bytes, &[], 0, Type::Q4_0, None, Level::Baseline).is_err());
        let mut bytes = [0; 144];
        assert!(encode::<F32>(&mut bytes, &[0.0; 256], 256, Type::Q4K, None, Level::Baseline).is_err());
        assert_eq!(Type::parse("q3_k"), None);
    }
}
