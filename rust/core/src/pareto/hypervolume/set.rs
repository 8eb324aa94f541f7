//! Points stored objective by objective in blocks of eight, and the passes over them that the compiler turns into
//! vector code.

#![expect(clippy::needless_range_loop, reason = "points and corners are walked in step, lane by lane")]

use crate::simd::{Avx512, Level};
#[cfg(target_arch = "x86_64")]
use {
    super::wide::{covers as wide_covers, delimit as wide_delimit, within as wide_within},
    crate::simd::with_features,
};

/// Points compared at once.
pub(super) const LANES: usize = 8;
/// One value of each point of a block.
pub(super) type Block = [f64; LANES];

/// Points; lanes behind the last one hold infinity, which is worse than anything.
#[derive(Default)]
pub(super) struct Set {
    /// Proof that the passes of `wide` may run.
    wide: Option<Avx512>,
    d: usize,
    len: usize,
    /// Blocks that a column has room for.
    room: usize,
    blocks: Vec<Block>,
}

impl Set {
    /// An empty set whose passes run on `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { wide: Avx512::at(level), ..Self::default() }
    }

    /// Forget all points and take points of `d` objectives.
    pub(super) fn clear(&mut self, d: usize) {
        (self.d, self.len) = (d, 0);
        self.room = self.blocks.len() / d;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn d(&self) -> usize {
        self.d
    }

    /// Objective `k` in blocks.
    #[inline(always)]
    pub(super) fn column(&self, k: usize) -> &[Block] {
        &self.blocks[k * self.room..][..self.len.div_ceil(LANES)]
    }

    #[inline(always)]
    pub(super) fn get(&self, point: usize, k: usize) -> f64 {
        self.blocks[k * self.room + point / LANES][point % LANES]
    }

    #[inline(always)]
    pub(super) fn push(&mut self, values: &[f64]) {
        let (block, lane) = (self.len / LANES, self.len % LANES);
        if block == self.room {
            self.grow();
        }
        for (k, &value) in values.iter().enumerate() {
            let own = &mut self.blocks[k * self.room + block];
            if lane == 0 {
                *own = [f64::INFINITY; LANES];
            }
            own[lane] = value;
        }
        self.len += 1;
    }

    /// Put the last point in the place of `point`.
    pub(super) fn swap_remove(&mut self, point: usize) {
        self.len -= 1;
        for k in 0..self.d {
            let column = k * self.room;
            let last = &mut self.blocks[column + self.len / LANES][self.len % LANES];
            let value = std::mem::replace(last, f64::INFINITY);
            if point < self.len {
                self.blocks[column + point / LANES][point % LANES] = value;
            }
        }
    }

    /// Give `point` other values.
    pub(super) fn put(&mut self, point: usize, values: &[f64]) {
        for (k, &value) in values.iter().enumerate() {
            self.blocks[k * self.room + point / LANES][point % LANES] = value;
        }
    }

    /// Exchange two objectives.
    pub(super) fn swap_columns(&mut self, a: usize, b: usize) {
        for block in 0..if a == b { 0 } else { self.len.div_ceil(LANES) } {
            self.blocks.swap(a * self.room + block, b * self.room + block);
        }
    }

    fn grow(&mut self) {
        let room = (self.room * 2).max(4);
        let mut blocks = vec![[f64::INFINITY; LANES]; room * self.d];
        for k in 0..self.d {
            blocks[k * room..][..self.room].copy_from_slice(&self.blocks[k * self.room..][..self.room]);
        }
        (self.blocks, self.room) = (blocks, room);
    }
}

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
    by_objectives!(set.d, delimit_fixed, delimit_any, (set, corner, bounds))
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

/// The points of `set` that are better than `bounds` everywhere.
#[inline(always)]
pub(super) fn within(set: &Set, bounds: &[f64], points: &mut Vec<u32>) {
    points.clear();
    by_objectives!(set.d, within_fixed, within_any, (set, bounds, points));
}

#[inline(always)]
fn within_any(set: &Set, bounds: &[f64], points: &mut Vec<u32>) {
    for block in 0..set.column(0).len() {
        let mut beyond = [0_u64; LANES];
        for (k, &bound) in bounds.iter().enumerate() {
            let values = &set.column(k)[block];
            for lane in 0..LANES {
                beyond[lane] |= u64::from(values[lane] >= bound);
            }
        }
        push_zeros(&beyond, block, points);
    }
}

#[inline(always)]
fn within_fixed<const D: usize>(set: &Set, bounds: &[f64], points: &mut Vec<u32>) {
    let Some(bounds) = bounds.first_chunk::<D>() else { return };
    let columns = columns::<D>(set);
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = set.wide {
        return with_features!(Avx512, proof, wide_within::<D>(columns, bounds, points));
    }
    for block in 0..columns[0].len() {
        let mut beyond = [0_u64; LANES];
        for k in 0..D {
            for lane in 0..LANES {
                beyond[lane] |= u64::from(columns[k][block][lane] >= bounds[k]);
            }
        }
        push_zeros(&beyond, block, points);
    }
}

#[inline(always)]
fn push_zeros(flags: &[u64; LANES], block: usize, points: &mut Vec<u32>) {
    let mut any = false;
    for &flag in flags {
        any |= flag == 0;
    }
    if !any {
        return;
    }
    let mut own = [0_u64; LANES];
    for lane in 0..LANES {
        own[lane] = u64::from(flags[lane] == 0) << lane;
    }
    let mut bits = 0;
    for lane in 0..LANES {
        bits |= own[lane];
    }
    while bits != 0 {
        points.push((block * LANES) as u32 + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// Whether a point of `set` is nowhere worse than `point`.
#[inline(always)]
pub(super) fn covers(set: &Set, point: &[f64]) -> bool {
    by_objectives!(set.d, covers_fixed, covers_any, (set, point))
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
