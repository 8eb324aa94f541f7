//! Normal random numbers keyed by seed and index: Philox words through the transform of Box and Muller (1958).
//!
//! Logarithm, sine and cosine are plain arithmetic without a library, so that every platform and vector width computes
//! the same bits, and the compiler makes vectors of them. A word has 32 bits: no number is beyond 6.8.

#![expect(clippy::needless_range_loop, reason = "lanes of several arrays, which become vectors")]

use crate::simd::{Kernel, dispatch, level};

/// Blocks of four words that are computed side by side.
const LANES: usize = 16;

/// The words of `LANES` Philox blocks with these counters: `words[i][lane]` is word `i` of a block.
#[inline(always)]
pub(super) fn philox_lanes(seed: u64, counter: impl Fn(usize) -> u64) -> [[u32; LANES]; 4] {
    let (mut key0, mut key1) = (seed as u32, (seed >> 32) as u32);
    let mut block = [[0_u32; LANES]; 4];
    for lane in 0..LANES {
        let counter = counter(lane);
        block[0][lane] = counter as u32;
        block[1][lane] = (counter >> 32) as u32;
    }
    for _ in 0..10 {
        let [a, b, c, d] = block;
        for lane in 0..LANES {
            let (product0, product1) = (u64::from(a[lane]) * 0xD251_1F53, u64::from(c[lane]) * 0xCD9E_8D57);
            block[0][lane] = (product1 >> 32) as u32 ^ b[lane] ^ key0;
            block[1][lane] = product1 as u32;
            block[2][lane] = (product0 >> 32) as u32 ^ d[lane] ^ key1;
            block[3][lane] = product0 as u32;
        }
        key0 = key0.wrapping_add(0x9E37_79B9);
        key1 = key1.wrapping_add(0xBB67_AE85);
    }
    block
}

/// A whole number below 2^52 as a float.
#[inline(always)]
fn float(number: u64) -> f64 {
    f64::from_bits(0x4330_0000_0000_0000 | number) - 4_503_599_627_370_496.0
}

/// The middle of the interval of (0, 1) that a word stands for.
#[inline(always)]
fn unit(word: u32) -> f64 {
    (float(u64::from(word)) + 0.5) * (1.0 / 4_294_967_296.0)
}

/// The natural logarithm of a positive normal number.
#[inline(always)]
fn logarithm(x: f64) -> f64 {
    // x = m 2^e with m in [0.7, 1.4].
    let bits = x.to_bits() + (0x3FF0_0000_0000_0000 - 0x3FE6_A09E_667F_3BCD);
    let exponent = float(bits >> 52) - 1023.0;
    let m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + 0x3FE6_A09E_667F_3BCD);
    let f = (m - 1.0) / (m + 1.0);
    let s = f * f;
    let mut sum = 1.0 / 23.0;
    for odd in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * s + 1.0 / odd;
    }
    exponent * std::f64::consts::LN_2 + 2.0 * f * sum
}

/// Sine and cosine of a turn's share in [0, 1).
#[inline(always)]
fn sine_cosine(share: f64) -> (f64, f64) {
    let quarters = share * 4.0;
    let quadrant = (quarters + 0.5).floor();
    let x = (quarters - quadrant) * std::f64::consts::FRAC_PI_2;
    let s = x * x;
    let (mut sine, mut cosine) = (1.0, 1.0);
    for step in [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0] {
        sine = 1.0 - sine * s * (1.0 / (2.0 * step * (2.0 * step + 1.0)));
        cosine = 1.0 - cosine * s * (1.0 / (2.0 * step * (2.0 * step - 1.0)));
    }
    sine *= x;
    // Quadrants 0 to 4 are whole numbers.
    let from_two = (quadrant - 2.0).abs();
    let odd = from_two > 0.5 && from_two < 1.5;
    let (a, b) = if odd { (cosine, sine) } else { (sine, cosine) };
    let a = if quadrant > 1.5 && quadrant < 3.5 { -a } else { a };
    let b = if quadrant > 0.5 && quadrant < 2.5 { -b } else { b };
    (a, b)
}

struct Fill<'a> {
    out: &'a mut [f64],
    seed: u64,
    first: u64,
}

impl Kernel for Fill<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (group, out) in self.out.chunks_mut(4 * LANES).enumerate() {
            let first = self.first.wrapping_add((group * LANES) as u64);
            let words = philox_lanes(self.seed, |lane| first.wrapping_add(lane as u64));
            let mut normals = [[0.0_f64; LANES]; 4];
            for half in 0..2 {
                for lane in 0..LANES {
                    let radius = (-2.0 * logarithm(unit(words[2 * half][lane]))).sqrt();
                    let (sine, cosine) = sine_cosine(unit(words[2 * half + 1][lane]));
                    normals[2 * half][lane] = radius * cosine;
                    normals[2 * half + 1][lane] = radius * sine;
                }
            }
            for (lane, four) in out.chunks_mut(4).enumerate() {
                for (out, normals) in four.iter_mut().zip(&normals) {
                    *out = normals[lane];
                }
            }
        }
    }
}

/// Fill `out` with standard normal numbers: those of the Philox blocks from `first` on, four of each.
pub(super) fn normals(out: &mut [f64], seed: u64, first: u64) {
    dispatch(level(), Fill { out, seed, first });
}

struct Words<'a> {
    out: &'a mut [u32],
    seed: u64,
    first: u64,
}

impl Kernel for Words<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (group, out) in self.out.chunks_mut(4 * LANES).enumerate() {
            let first = self.first.wrapping_add((group * LANES) as u64);
            let words = philox_lanes(self.seed, |lane| first.wrapping_add(lane as u64));
            for (lane, four) in out.chunks_mut(4).enumerate() {
                for (out, words) in four.iter_mut().zip(&words) {
                    *out = words[lane];
                }
            }
        }
    }
}

/// Fill `out` with the words of the Philox blocks from `first` on.
pub(super) fn words(out: &mut [u32], seed: u64, first: u64) {
    dispatch(level(), Words { out, seed, first });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox;
    use crate::simd::levels;

    #[test]
    fn words_are_those_of_philox_at_every_level() {
        for level in levels() {
            let mut out = [0; 150];
            dispatch(level, Words { out: &mut out, seed: 11, first: (1 << 32) - 3 });
            for (index, &word) in out.iter().enumerate() {
                assert_eq!(word, philox(11, (1 << 32) - 3 + index as u64 / 4)[index % 4]);
            }
        }
    }

    #[test]
    fn normals_are_those_of_box_and_muller_and_the_same_at_every_level() {
        let mut expected = vec![0.0; 1000];
        normals(&mut expected, 3, 5);
        for (index, &z) in expected.iter().enumerate() {
            let block = philox(3, 5 + index as u64 / 4);
            let pair = index % 4 / 2;
            let unit = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
            let radius = (-2.0 * unit(block[2 * pair]).ln()).sqrt();
            let angle = std::f64::consts::TAU * unit(block[2 * pair + 1]);
            let own = radius * if index % 2 == 0 { angle.cos() } else { angle.sin() };
            assert!((z - own).abs() < 1e-14, "{index}: {z} {own}");
        }
        for level in levels() {
            let mut out = vec![0.0; 1000];
            dispatch(level, Fill { out: &mut out, seed: 3, first: 5 });
            assert!(out.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
