//! How far rays from the reference stay inside the dominated region: the inner loop of the estimate.
//!
//! With distances u to the reference, a ray towards b leaves the box of a point at the least u/b over the objectives,
//! and the region at the largest of these over the points. A block of rays goes past the points at once, in float32.
//! All its rays have b = 1 in the objective of their face, so a length is at most u there: points come by falling u,
//! and once u is no more than the shortest of the rays so far, the rest changes nothing.

use crate::simd::Kernel;

/// Rays in a vector of the compiler's choice, and such vectors in a block.
const LANES: usize = 16;
const VECTORS: usize = 2;
/// Points that make rays long before the others come by their distance.
const LARGE: usize = 8;
/// Points between two looks at the shortest ray.
const STRIDE: usize = 4;
/// Rays of a block.
pub(super) const RAYS: usize = LANES * VECTORS;
/// One value per ray.
pub(super) type Block = [[f32; LANES]; VECTORS];

/// Sums of the d-th power of the lengths of rays through points of a lattice, on the face where one objective is 1.
pub(super) struct Rays<'a> {
    /// Distances to the reference in units of the largest, point after point, large boxes first.
    pub(super) distances: &'a [f32],
    /// The points by their distance in the objective of the face, largest first.
    pub(super) order: &'a [u32],
    /// Multiplier of each coordinate of the lattice but the first, whose is 1; as many as there are other objectives.
    pub(super) multipliers: &'a [u32],
    /// A random shift per coordinate, as many as multipliers.
    pub(super) shifts: &'a [u32],
    /// The objective that is 1.
    pub(super) face: usize,
    /// Blocks of rays, from the first up to the second.
    pub(super) blocks: std::ops::Range<u32>,
}

impl Kernel for Rays<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let d = self.shifts.len() + 1;
        let mut inverse = vec![[[1.0_f32; LANES]; VECTORS]; d];
        let mut sums = [0.0_f64; RAYS];
        for block in self.blocks.clone() {
            // In the order of the reversed bits every power of two of points is a lattice; a block's differ in the
            // leading bits only.
            let first = (block * RAYS as u32).reverse_bits();
            let others = inverse.iter_mut().enumerate().filter(|(k, _)| *k != self.face).map(|(_, rays)| rays);
            for ((rays, &multiplier), &shift) in others.zip(self.multipliers).zip(self.shifts) {
                place(rays, first, multiplier, shift);
            }
            let lengths = self.lengths(&inverse);
            for (sum, &length) in sums.iter_mut().zip(lengths.as_flattened()) {
                *sum += power(f64::from(length), d);
            }
        }
        sums.iter().sum()
    }
}

/// The inverse of one coordinate of a block of rays, which is uniform in (0, 1).
#[inline(always)]
fn place(rays: &mut Block, first: u32, multiplier: u32, shift: u32) {
    let start = first.wrapping_mul(multiplier).wrapping_add(shift);
    for (vector, rays) in rays.iter_mut().enumerate() {
        for (lane, ray) in rays.iter_mut().enumerate() {
            let own = ((vector * LANES + lane) as u32).reverse_bits().wrapping_mul(multiplier);
            let shifted = start.wrapping_add(own);
            // Folded in the middle, so that what is sampled has no jump from 1 to 0; 23 bits and a half are exact.
            let folded = (shifted << 1) ^ ((shifted.cast_signed() >> 31).cast_unsigned());
            let coordinate = ((folded >> 9) as f32 + 0.5) * (0.5_f32.powi(23));
            *ray = 1.0 / coordinate;
        }
    }
}

impl Rays<'_> {
    #[inline(always)]
    fn lengths(&self, inverse: &[Block]) -> Block {
        let d = inverse.len();
        let mut longest = [[0.0_f32; LANES]; VECTORS];
        for point in self.distances.chunks_exact(d).take(LARGE) {
            lengthen(&mut longest, point, inverse);
        }
        for points in self.order.chunks(STRIDE) {
            let most = self.distances[points[0] as usize * d + self.face];
            let least = longest.as_flattened().iter().fold(f32::INFINITY, |least, &length| least.min(length));
            if most <= least {
                break;
            }
            for &point in points {
                lengthen(&mut longest, &self.distances[point as usize * d..][..d], inverse);
            }
        }
        longest
    }
}

/// Let every ray reach at least to the end of the box of `point`.
#[inline(always)]
fn lengthen(longest: &mut Block, point: &[f32], inverse: &[Block]) {
    for (vector, longest) in longest.iter_mut().enumerate() {
        let mut shortest = [f32::INFINITY; LANES];
        for (&distance, rays) in point.iter().zip(inverse) {
            for lane in 0..LANES {
                let length = distance * rays[vector][lane];
                shortest[lane] = if length < shortest[lane] { length } else { shortest[lane] };
            }
        }
        for lane in 0..LANES {
            longest[lane] = if shortest[lane] > longest[lane] { shortest[lane] } else { longest[lane] };
        }
    }
}

#[inline(always)]
fn power(value: f64, exponent: usize) -> f64 {
    let (mut result, mut square, mut left) = (1.0, value, exponent);
    while left > 0 {
        if left % 2 == 1 {
            result *= square;
        }
        square *= square;
        left /= 2;
    }
    result
}
