//! What the CPU can do, found once, and the only `unsafe` of this crate: calls of functions compiled for more than the
//! baseline, and stores that go around the cache.
//!
//! A loop that the compiler vectorizes implements [`Kernel`] and runs through [`dispatch`]: one body, compiled for each
//! level. Hand-written intrinsics live in `#[target_feature]` functions that [`with_features!`] calls.
//!
//! The file is long because no other of this crate may have `unsafe`.

use std::sync::OnceLock;

/// What a loop may be compiled for, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every CPU of the target has.
    Baseline,
    /// AVX2, BMI1, BMI2, F16C, FMA, LZCNT, POPCNT: x86 servers since 2015.
    Avx2,
    /// That and AVX-512 F, BW, CD, DQ, VL, VBMI: Ice Lake and Zen 4 on.
    Avx512,
}

/// The highest level of this CPU, or the one that `PARETOSERVE_SIMD` (`baseline`, `avx2`, `avx512`) limits it to.
///
/// Read once, at the first call. Results never depend on it.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let limit = match std::env::var("PARETOSERVE_SIMD").as_deref() {
            Ok("baseline") => Level::Baseline,
            Ok("avx2") => Level::Avx2,
            _ => Level::Avx512,
        };
        limit.min(detected())
    })
}

/// The levels that this CPU has, lowest first: what a test loops over.
pub fn levels() -> Vec<Level> {
    [Level::Baseline, Level::Avx2, Level::Avx512].into_iter().filter(|&each| each <= detected()).collect()
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Level {
    macro_rules! has { ($($feature:tt),*) => { $(std::arch::is_x86_feature_detected!($feature))&&* } }
    static DETECTED: OnceLock<Level> = OnceLock::new();
    *DETECTED.get_or_init(|| {
        if !has!("avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "popcnt") {
            Level::Baseline
        } else if !has!("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512vbmi") {
            Level::Avx2
        } else {
            Level::Avx512
        }
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> Level {
    Level::Baseline
}

/// A loop with its arguments; `run` is marked `#[inline(always)]`, and so is what it calls in its hot part.
pub trait Kernel {
    /// Whether a copy for AVX-512 pays; one for AVX2 runs there otherwise.
    const AVX512: bool = true;
    /// What the loop returns.
    type Output;
    /// Run the loop.
    fn run(self) -> Self::Output;
}

/// Run `kernel` as compiled for `level`, or for what the CPU has if that is less.
pub fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match level.min(detected()) {
        Level::Baseline => kernel.run(),
        // SAFETY: `detected` found every feature that the function enables.
        Level::Avx512 if K::AVX512 => unsafe { run_avx512(kernel) },
        // SAFETY: as above.
        Level::Avx2 | Level::Avx512 => unsafe { run_avx2(kernel) },
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = level;
        kernel.run()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi"
)]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Proof that the CPU has [`Level::Avx2`].
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

/// Proof that the CPU has [`Level::Avx512`].
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

impl Avx2 {
    /// The proof, if `level` and the CPU allow it.
    pub fn at(level: Level) -> Option<Self> {
        (level >= Level::Avx2 && detected() >= Level::Avx2).then_some(Self(()))
    }

    /// As [`dispatch`], of a loop with hand-written intrinsics: compiled for this level only.
    #[cfg(target_arch = "x86_64")]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        with_features!(Avx2, self, run_avx2(kernel))
    }
}

impl Avx512 {
    /// The proof, if `level` and the CPU allow it.
    pub fn at(level: Level) -> Option<Self> {
        (level >= Level::Avx512 && detected() >= Level::Avx512).then_some(Self(()))
    }

    /// As [`Avx2::run`].
    #[cfg(target_arch = "x86_64")]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        with_features!(Avx512, self, run_avx512(kernel))
    }
}

/// Call a `#[target_feature]` function whose features are among those of the level that the proof is for:
/// `with_features!(Avx2, proof, function(arguments))`.
#[allow(unused_macros, reason = "used on x86 only")]
macro_rules! with_features {
    ($level:ident, $proof:expr, $($function:ident)::+($($argument:expr),* $(,)?)) => {{
        let _proof: $crate::simd::$level = $proof;
        // SAFETY: the proof exists only where the CPU has all features of its level.
        unsafe { $($function)::+($($argument),*) }
    }};
    ($level:ident, $proof:expr, $function:ident::<$($generic:tt),*>($($argument:expr),* $(,)?)) => {{
        let _proof: $crate::simd::$level = $proof;
        // SAFETY: as above.
        unsafe { $function::<$($generic),*>($($argument),*) }
    }};
}
#[allow(unused_imports, reason = "used on x86 only")]
pub(crate) use with_features;

/// Loads and stores of whole vectors through array references, for code with hand-written intrinsics.
#[cfg(target_arch = "x86_64")]
pub(crate) mod vector {
    use std::arch::x86_64::{
        __m128i, __m256, __m256i, __m512i, _mm_stream_ps, _mm_stream_si128, _mm256_castps256_ps128,
        _mm256_castsi256_si128, _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_stream_ps, _mm256_stream_si256,
        _mm512_stream_si512,
    };
    use std::mem::transmute;

    macro_rules! access {
        ($feature:literal, $vector:ty, $bytes:literal, $load:ident, $store:ident) => {
            #[inline]
            #[target_feature(enable = $feature)]
            pub(crate) fn $load(from: &[u8; $bytes]) -> $vector {
                // SAFETY: vectors and bytes have the same size, and every pattern of bits is a value of both.
                unsafe { transmute::<[u8; $bytes], $vector>(*from) }
            }

            #[inline]
            #[target_feature(enable = $feature)]
            pub(crate) fn $store(to: &mut [u8; $bytes], value: $vector) {
                // SAFETY: as above.
                *to = unsafe { transmute::<$vector, [u8; $bytes]>(value) };
            }
        };
    }
    access!("sse2", __m128i, 16, load16, store16);
    access!("avx", __m256i, 32, load32, store32);
    access!("avx512f", __m512i, 64, load64, store64);

    /// Write 64 bytes; around the cache if asked to and if they start at a multiple of 16 bytes, best of 64.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(crate) fn put32(to: &mut [u8; 64], low: __m256i, high: __m256i, around_cache: bool) {
        if around_cache && to.as_ptr().addr().is_multiple_of(64) {
            #[expect(clippy::cast_ptr_alignment, reason = "checked above")]
            let halves = to.as_mut_ptr().cast::<__m256i>();
            // SAFETY: two vectors fill the 64 bytes, which are aligned.
            unsafe {
                _mm256_stream_si256(halves, low);
                _mm256_stream_si256(halves.add(1), high);
            }
        } else if around_cache && to.as_ptr().addr().is_multiple_of(16) {
            #[expect(clippy::cast_ptr_alignment, reason = "checked above")]
            let quarters = to.as_mut_ptr().cast::<__m128i>();
            // SAFETY: four vectors fill the 64 bytes, which are aligned as they must be.
            unsafe {
                _mm_stream_si128(quarters, _mm256_castsi256_si128(low));
                _mm_stream_si128(quarters.add(1), _mm256_extracti128_si256::<1>(low));
                _mm_stream_si128(quarters.add(2), _mm256_castsi256_si128(high));
                _mm_stream_si128(quarters.add(3), _mm256_extracti128_si256::<1>(high));
            }
        } else {
            // SAFETY: as for `store32`.
            *to = unsafe { transmute::<[__m256i; 2], [u8; 64]>([low, high]) };
        }
    }

    /// As [`put32`], of one vector.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn put64(to: &mut [u8; 64], value: __m512i, around_cache: bool) {
        if around_cache && to.as_ptr().addr().is_multiple_of(64) {
            #[expect(clippy::cast_ptr_alignment, reason = "checked above")]
            let line = to.as_mut_ptr().cast::<__m512i>();
            // SAFETY: the vector fills the 64 bytes, which are aligned.
            unsafe { _mm512_stream_si512(line, value) }
        } else {
            store64(to, value);
        }
    }

    /// Load eight numbers.
    #[inline]
    #[target_feature(enable = "avx")]
    pub(crate) fn load_f32(from: &[f32; 8]) -> __m256 {
        // SAFETY: vector and array have the same size, and every pattern of bits is a value of both.
        unsafe { transmute::<[f32; 8], __m256>(*from) }
    }

    /// Store eight numbers; around the cache if asked to and if they start at a multiple of 16 bytes.
    #[inline]
    #[target_feature(enable = "avx")]
    pub(crate) fn put_f32(to: &mut [f32; 8], value: __m256, around_cache: bool) {
        if around_cache && to.as_ptr().addr().is_multiple_of(32) {
            // SAFETY: the vector fills the array, which is aligned.
            unsafe { _mm256_stream_ps(to.as_mut_ptr(), value) }
        } else if around_cache && to.as_ptr().addr().is_multiple_of(16) {
            // SAFETY: two vectors of 16 bytes fill the array, and both are aligned.
            unsafe {
                _mm_stream_ps(to.as_mut_ptr(), _mm256_castps256_ps128(value));
                _mm_stream_ps(to.as_mut_ptr().add(4), _mm256_extractf128_ps(value, 1));
            }
        } else {
            // SAFETY: vector and array have the same size, and every pattern of bits is a value of both.
            *to = unsafe { transmute::<__m256, [f32; 8]>(value) };
        }
    }
}

/// Numbers that are nothing but their bytes.
pub trait Plain: Copy + Default + private::Sealed {}

mod private {
    pub trait Sealed {}
}

macro_rules! plain { ($($type:ty),*) => { $(impl private::Sealed for $type {} impl Plain for $type {})* } }
plain!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// The bytes of numbers.
#[inline(always)]
pub(crate) fn bytes<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: plain numbers have no padding, and bytes no alignment; the lifetime is that of the numbers.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast::<u8>(), size_of_val(numbers)) }
}

/// The bytes of numbers, to be written.
#[inline(always)]
pub(crate) fn bytes_mut<T: Plain>(numbers: &mut [T]) -> &mut [u8] {
    // SAFETY: as above, and every pattern of bits is a number.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast::<u8>(), size_of_val(numbers)) }
}

/// Outputs from this size on are written around the cache: they would only push out what is needed.
pub const STREAM_FROM_BYTES: usize = 4 << 20;

/// Bytes that are stored around the cache together.
const LINE: usize = 64;

/// A loop that can fill any part of its output; `fill` is marked `#[inline(always)]`.
pub trait Fill<T> {
    /// As [`Kernel::AVX512`].
    const AVX512: bool = true;

    /// Fill `piece`, the part of the output that starts at element `offset`.
    fn fill(&self, piece: &mut [T], offset: usize);

    /// Fill the start of `lines`, which starts a cache line, by stores around the cache, and return how much of it,
    /// in whole lines: nothing where a loop cannot. Spares the way through a buffer.
    #[inline(always)]
    fn fill_around(&self, lines: &mut [T], offset: usize) -> usize {
        let _ = (lines, offset);
        0
    }
}

/// Bytes that are made in the first-level cache before they are stored around it.
///
/// A few lines are best: while they are stored, the loads of the next ones are already under way. With whole pages
/// reading and writing would take turns, at half the speed.
const PIECE_BYTES: usize = 512;

/// Fill `out` inside a [`Kernel`]; a large one around the cache.
#[inline(always)]
pub fn fill_streamed<T: Plain>(out: &mut [T], loops: &impl Fill<T>) {
    #[repr(align(64))]
    struct Lines<T>([T; PIECE_BYTES]);
    let length = PIECE_BYTES / size_of::<T>();
    let large = size_of_val(out) >= STREAM_FROM_BYTES;
    let mut lines = Lines([T::default(); PIECE_BYTES]);
    let lines = &mut lines.0[..length];
    // First what lies before the first whole line.
    let mut next = if large { out.as_ptr().align_offset(LINE) } else { out.len() }.min(out.len());
    let (mut start, mut aligned) = (0, !large);
    while start < out.len() {
        let piece = &mut out[start..next];
        if large && piece.len() == length {
            loops.fill(lines, start);
            store_around(piece, lines);
        } else {
            loops.fill(piece, start);
        }
        start = next;
        if !aligned {
            start += loops.fill_around(&mut out[next..], next);
            aligned = true;
        }
        next = (start + length).min(out.len());
    }
    fence();
}

/// Copy `source` to `out` with stores that go around the cache, where the CPU has such.
///
/// Worth it for results larger than the last-level cache. Ends with a fence, so that other threads see the stores.
///
/// # Panics
/// If the lengths differ.
pub fn stream<T: Plain>(out: &mut [T], source: &[T]) {
    stream_piece(out, source);
    fence();
}

/// As [`stream`], for one of many pieces. A [`fence`] must follow the last; it waits for memory, so none between.
pub(crate) fn stream_piece<T: Plain>(out: &mut [T], source: &[T]) {
    assert_eq!(out.len(), source.len());
    let head = out.as_ptr().align_offset(LINE).min(out.len());
    let lines = (out.len() - head) * size_of::<T>() / LINE * LINE / size_of::<T>();
    out[..head].copy_from_slice(&source[..head]);
    store_around(&mut out[head..head + lines], &source[head..head + lines]);
    out[head + lines..].copy_from_slice(&source[head + lines..]);
}

/// Copy `source`, whole lines, to `out`, the start of one, around the cache. A [`fence`] must follow.
///
/// The widest stores are the fastest: a whole line at once is a sixth faster than four quarters.
#[inline(always)]
pub(crate) fn store_around<T: Plain>(out: &mut [T], source: &[T]) {
    assert_eq!(out.len(), source.len());
    #[cfg(target_arch = "x86_64")]
    if out.as_ptr().addr().is_multiple_of(LINE) && size_of_val(out).is_multiple_of(LINE) {
        let (lines, from) = (bytes_mut(out).as_chunks_mut().0, bytes(source).as_chunks().0);
        // SAFETY: the lines are aligned, and `level` found the features that the functions enable; SSE2 is part of
        // x86-64.
        unsafe {
            match level() {
                Level::Avx512 => around::by_64(lines, from),
                Level::Avx2 => around::by_32(lines, from),
                Level::Baseline => around::by_16(lines, from),
            }
        }
        return;
    }
    out.copy_from_slice(source);
}

/// Copies of lines around the cache, by vectors of different sizes.
#[cfg(target_arch = "x86_64")]
mod around {
    use std::arch::x86_64::{__m128i, __m256i, __m512i, _mm_stream_si128, _mm256_stream_si256, _mm512_stream_si512};

    macro_rules! by {
        ($name:ident, $feature:literal, $vector:ty, $store:ident) => {
            /// # Safety
            /// The lines of `out` are aligned.
            #[inline]
            #[target_feature(enable = $feature)]
            // SAFETY: as said above.
            pub(super) unsafe fn $name(out: &mut [[u8; super::LINE]], source: &[[u8; super::LINE]]) {
                for (out, source) in out.iter_mut().zip(source) {
                    #[expect(clippy::cast_ptr_alignment, reason = "writes go to whole lines, reads need none")]
                    let (to, from) = (out.as_mut_ptr().cast::<$vector>(), source.as_ptr().cast::<$vector>());
                    for part in 0..super::LINE / size_of::<$vector>() {
                        // SAFETY: the vectors fill a line, which is aligned where it is stored.
                        unsafe { $store(to.add(part), from.add(part).read_unaligned()) };
                    }
                }
            }
        };
    }
    by!(by_16, "sse2", __m128i, _mm_stream_si128);
    by!(by_32, "avx", __m256i, _mm256_stream_si256);
    by!(by_64, "avx512f", __m512i, _mm512_stream_si512);
}

/// Ask for `slice` to be in the second-level cache soon.
#[inline(always)]
pub(crate) fn prefetch<T: Plain>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        let (lines, rest) = bytes(slice).as_chunks::<LINE>();
        for byte in lines.iter().map(|line| &line[0]).chain(rest.first()) {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            // SAFETY: a prefetch never faults, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(byte).cast()) }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

/// How far before their use bytes that are read from front to back are asked for.
///
/// Stores around the cache fill the queues of the memory; a read that waits behind them must be under way early.
const AHEAD_BYTES: usize = 2048;

/// Ask for the bytes that a loop reads after those of `from..to`.
#[inline(always)]
pub(crate) fn prefetch_ahead(bytes: &[u8], from: usize, to: usize) {
    for at in (from..to).step_by(LINE) {
        prefetch_line(bytes, at + AHEAD_BYTES);
    }
}

/// Ask for the cache line of byte `at`, if there is such a byte.
#[inline(always)]
pub(crate) fn prefetch_line(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint about an address that is valid.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}

/// Make stores around the cache visible to other threads before what follows.
#[inline(always)]
pub(crate) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Fill `out` piece by piece: `fill(piece, offset)`. Large outputs are filled in the first-level cache and streamed.
///
/// For loops that are no single [`Kernel`]; [`fill_streamed`] is faster.
pub fn streamed<T: Plain, const N: usize>(out: &mut [T], mut fill: impl FnMut(&mut [T], usize)) {
    if size_of_val(out) < STREAM_FROM_BYTES {
        for (index, piece) in out.chunks_mut(N).enumerate() {
            fill(piece, index * N);
        }
        return;
    }
    let mut buffer = [T::default(); N];
    for (index, piece) in out.chunks_mut(N).enumerate() {
        let part = &mut buffer[..piece.len()];
        fill(part, index * N);
        stream_piece(piece, part);
    }
    fence();
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum<'a>(&'a [u32]);

    impl Kernel for Sum<'_> {
        type Output = u32;
        #[inline(always)]
        fn run(self) -> u32 {
            self.0.iter().fold(0, |sum, &each| sum.wrapping_add(each))
        }
    }

    #[test]
    fn a_kernel_gives_the_same_at_every_level() {
        let values: Vec<u32> = (0..1000).collect();
        for level in levels() {
            assert_eq!(dispatch(level, Sum(&values)), 499_500);
        }
    }

    #[test]
    fn streaming_copies_every_byte_at_every_offset() {
        let source: Vec<u8> = (0..1000).map(|each| (each % 251) as u8).collect();
        for (from, len) in [(0, 0), (0, 1), (1, 15), (3, 64), (5, 700), (63, 937)] {
            let mut out = vec![0; from + len];
            stream(&mut out[from..], &source[..len]);
            assert_eq!(out[from..], source[..len]);
        }
    }

    #[test]
    fn streamed_fills_large_and_small_outputs_alike() {
        for len in [0_usize, 1, 100, STREAM_FROM_BYTES / 4 + 17] {
            let mut out = vec![0_u32; len];
            streamed::<_, 1024>(&mut out, |piece, offset| {
                for (index, each) in piece.iter_mut().enumerate() {
                    *each = (offset + index) as u32;
                }
            });
            assert!(out.iter().enumerate().all(|(index, &each)| each == index as u32));
        }
    }
}
