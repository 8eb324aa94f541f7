//! The passes over the points of a `set`, in loops that the compiler turns into vector code.

#![expect(clippy::needless_range_loop, reason = "points and corners are walked in step, lane by lane")]

use super::set::{Block, LANES, Set};
#[cfg(target_arch = "x86_64")]
use {
    super::wide::{clip as wide_clip, covers as wide_covers, delimit as wide_delimit},
    crate::simd::with_features,
};

/// Call `$fixed::<D>` for the usual numbers of objectives, so that loops over them are unrolled, else `$any`.
macro_rules! by_objectives {
    ($d:expr, $fixed:ident, $any:ident, $arguments:tt) => {
        match $d {

            3 => $fixed::<3> $arguments,
            4 => $fixed::<4> $arguments,
            5 => $fixed::<5> $arguments,
            6 => $fixed::<6> $arguments,
            7 => $fixed::<7> $arguments,
            8 => $fixed::<8> $arguments,
            _ => $any $arguments,
        }
    };
}

/// Lower `bounds` to where single points of `set` cut off the box above `corner`: a point that is worse than `corner`
/// in one objective only dominates everything beyond its value there. False if a point is nowhere worse.
#[inline(always)]
pub(super) fn delimit(set: &Set, corner: &[f64], bounds: &mut [f64]) -> bool {
    by_objectives!(set.d(), delimit_fixed, delimit_any, (set, corner, bounds))
}

/// The columns of points of `D` objectives.
#[inline(always)]
fn columns<const D: usize>(set: &Set) -> [&[Block]; D] {
    let mut columns: [&[Block]; D] = [&[]; D];
    let count = set.column(0).len();
    for k in 0..D {
        columns[k] = &set.column(k)[..count];
    }
    columns
}

#[inline(always)]
fn delimit_fixed<const D: usize>(set: &Set, corner: &[f64], bounds: &mut [f64]) -> bool {
    let (Some(corner), Some(bounds)) = (corner.first_chunk::<D>(), bounds.first_chunk_mut::<D>()) else { return false };
    let columns = columns::<D>(set);
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = set.wide {
        return with_features!(Avx512, proof, wide_delimit::<D>(columns, corner, bounds));
    }
    let mut least = bounds.map(|bound| [bound; LANES]);
    for block in 0..columns[0].len() {
        let mut worse = [0_u64; LANES];
        for k in 0..D {
            for lane in 0..LANES {
                worse[lane] |= u64::from(columns[k][block][lane] > corner[k]) << k;
            }
        }
        let mut dominated = false;
        for lane in 0..LANES {
            dominated |= worse[lane] == 0;
        }
        if dominated {
            return false;
        }
        for k in 0..D {
            for lane in 0..LANES {
                let cut = if worse[lane] == 1 << k { columns[k][block][lane] } else { f64::INFINITY };
                least[k][lane] = if cut < least[k][lane] { cut } else { least[k][lane] };
            }
        }
    }
    for k in 0..D {
        for lane in 0..LANES {
            bounds[k] = if least[k][lane] < bounds[k] { least[k][lane] } else { bounds[k] };
        }
    }
    true
}

/// As `delimit_fixed`, for more objectives than a word of registers holds.
#[inline(always)]
fn delimit_any(set: &Set, corner: &[f64], bounds: &mut [f64]) -> bool {
    for block in 0..set.column(0).len() {
        let (mut count, mut which) = ([0_u64; LANES], [0_u64; LANES]);
        for (k, &own) in corner.iter().enumerate() {
            let values = &set.column(k)[block];
            for lane in 0..LANES {
                let worse = u64::from(values[lane] > own);
                count[lane] += worse;
                which[lane] += worse * k as u64;
            }
        }
        for lane in 0..LANES {
            if count[lane] == 0 {
                return false;
            }
            if count[lane] == 1 {
                let k = which[lane] as usize;
                bounds[k] = bounds[k].min(set.column(k)[block][lane]);
            }
        }
    }
    true
}

/// Move the points of `set` that are better than `bounds` everywhere to where they are no better than `corner`, into
/// `moved`; `worse` becomes those that are nowhere better than it, as they are.
#[inline(always)]
pub(super) fn clip(set: &Set, bounds: &[f64], corner: &[f64], moved: &mut Set, worse: &mut Vec<u32>) {
    worse.clear();
    moved.clear(set.d());
    moved.reserve(set.len() + LANES);
    by_objectives!(set.d(), clip_fixed, clip_any, (set, bounds, corner, moved, worse));
    moved.pad();
}

#[inline(always)]
fn clip_any(set: &Set, bounds: &[f64], corner: &[f64], moved: &mut Set, worse: &mut Vec<u32>) {
    for block in 0..set.column(0).len() {
        let (mut beyond, mut better) = ([0_u64; LANES], [0_u64; LANES]);
        for (k, (&bound, &own)) in bounds.iter().zip(corner).enumerate() {
            let values = &set.column(k)[block];
            for lane in 0..LANES {
                beyond[lane] |= u64::from(values[lane] >= bound);
                better[lane] |= u64::from(values[lane] < own);
            }
        }
        append(set, block, &beyond, &better, corner, moved, worse);
    }
}

#[inline(always)]
fn clip_fixed<const D: usize>(set: &Set, bounds: &[f64], corner: &[f64], moved: &mut Set, worse: &mut Vec<u32>) {
    let (Some(bounds), Some(corner)) = (bounds.first_chunk::<D>(), corner.first_chunk::<D>()) else { return };
    let columns = columns::<D>(set);
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = set.wide {
        return with_features!(Avx512, proof, wide_clip::<D>(columns, bounds, corner, moved, worse));
    }
    for block in 0..columns[0].len() {
        let (mut beyond, mut better) = ([0_u64; LANES], [0_u64; LANES]);
        for k in 0..D {
            for lane in 0..LANES {
                beyond[lane] |= u64::from(columns[k][block][lane] >= bounds[k]);
                better[lane] |= u64::from(columns[k][block][lane] < corner[k]);
            }
        }
        append(set, block, &beyond, &better, corner, moved, worse);
    }
}

/// Append the points of a block that are not beyond the bounds.
#[inline(always)]
fn append(
    set: &Set,
    block: usize,
    beyond: &[u64; LANES],
    better: &[u64; LANES],
    corner: &[f64],
    moved: &mut Set,
    worse: &mut Vec<u32>,
) {
    let mut bits = zeros(beyond);
    let behind = bits & zeros(better);
    push_bits(behind, block, worse);
    while bits != 0 {
        let (lane, next) = (bits.trailing_zeros() as usize, moved.len());
        for (k, &own) in corner.iter().enumerate() {
            let value = set.column(k)[block][lane];
            moved.room_mut(k)[next] = if value > own { value } else { own };
        }
        moved.set_len(next + 1);
        bits &= bits - 1;
    }
}

/// One bit per flag that is 0.
#[inline(always)]
fn zeros(flags: &[u64; LANES]) -> u64 {
    let (mut own, mut bits) = ([0_u64; LANES], 0);
    for lane in 0..LANES {
        own[lane] = u64::from(flags[lane] == 0) << lane;
    }
    for lane in 0..LANES {
        bits |= own[lane];
    }
    bits
}

/// Append the points of a block whose bits are set.
#[inline(always)]
pub(super) fn push_bits(mut bits: u64, block: usize, points: &mut Vec<u32>) {
    while bits != 0 {
        points.push((block * LANES) as u32 + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// Whether a point of `set` is nowhere worse than `point`.
#[inline(always)]
pub(super) fn covers(set: &Set, point: &[f64]) -> bool {
    by_objectives!(set.d(), covers_fixed, covers_any, (set, point))
}

#[inline(always)]
fn covers_fixed<const D: usize>(set: &Set, point: &[f64]) -> bool {
    let Some(point) = point.first_chunk::<D>() else { return false };
    let columns = columns::<D>(set);
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = set.wide {
        return with_features!(Avx512, proof, wide_covers::<D>(columns, point));
    }
    for block in 0..columns[0].len() {
        let mut worse = [0_u64; LANES];
        for k in 0..D {
            for lane in 0..LANES {
                worse[lane] |= u64::from(columns[k][block][lane] > point[k]);
            }
        }
        let mut any = false;
        for lane in 0..LANES {
            any |= worse[lane] == 0;
        }
        if any {
            return true;
        }
    }
    false
}

#[inline(always)]
fn covers_any(set: &Set, point: &[f64]) -> bool {
    for block in 0..set.column(0).len() {
        let mut worse = [0_u64; LANES];
        for (k, &own) in point.iter().enumerate() {
            let values = &set.column(k)[block];
            for lane in 0..LANES {
                worse[lane] |= u64::from(values[lane] > own);
            }
        }
        if worse.contains(&0) {
            return true;
        }
    }
    false
}

/// How many points of `set` have `value` in objective `k`.
#[inline(always)]
pub(super) fn count(set: &Set, k: usize, value: f64) -> u64 {
    let mut counts = [0_u64; LANES];
    for block in set.column(k) {
        for lane in 0..LANES {
            counts[lane] += u64::from(block[lane] == value);
        }
    }
    counts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    #[test]
    fn points_within_bounds_move_to_the_corner() {
        for level in levels() {
            for d in [3, 4, 9] {
                let (mut set, mut moved, mut worse) = (Set::new(level), Set::new(level), Vec::new());
                set.clear(d);
                let row = |point: usize| (0..d).map(|k| ((point * 7 + k * 5) % 11) as f64).collect::<Vec<_>>();
                (0..50).for_each(|point| set.push(&row(point)));
                let (bounds, corner) = (vec![9.0; d], vec![3.0; d]);
                clip(&set, &bounds, &corner, &mut moved, &mut worse);
                let inside = (0..50).filter(|&point| row(point).iter().all(|&value| value < 9.0));
                let rows: Vec<Vec<f64>> =
                    inside.clone().map(|point| row(point).iter().map(|value| value.max(3.0)).collect()).collect();
                let found: Vec<Vec<f64>> =
                    (0..moved.len()).map(|point| (0..d).map(|k| moved.get(point, k)).collect()).collect();
                assert_eq!(found, rows);
                let behind = inside.filter(|&point| row(point).iter().all(|&value| value >= 3.0));
                assert_eq!(worse, behind.map(|point| point as u32).collect::<Vec<_>>());
                let padding = &moved.column(d - 1).as_flattened()[moved.len()..];
                assert!(padding.iter().all(|&value| value == f64::INFINITY));
            }
        }
    }
}
