//! The `passes` over sets and those of `tower` and `corner` for AVX-512, where a comparison makes a mask in a register
//! of its own: a third faster than what the compiler makes of the general form.

#![expect(clippy::needless_range_loop, reason = "points and corners are walked in step, block by block")]

use std::arch::x86_64::{
    __m512d, _CMP_GE_OQ, _CMP_GT_OQ, _CMP_LE_OQ, _CMP_LT_OQ, _mm512_add_pd, _mm512_castpd_si512, _mm512_cmp_pd_mask,
    _mm512_mask_cmp_pd_mask, _mm512_mask_min_pd, _mm512_mask_mov_pd, _mm512_maskz_compress_pd, _mm512_max_pd,
    _mm512_mul_pd, _mm512_reduce_min_pd, _mm512_set_pd, _mm512_set1_pd, _mm512_sub_pd,
};

use super::corner::Corner;
use super::passes::push_bits;
use super::set::{Block, LANES, Set};
use crate::simd::bytes_mut;
use crate::simd::vector::store64;

/// One load.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &Block) -> __m512d {
    let [a, b, c, d, e, f, g, h] = *block;
    _mm512_set_pd(h, g, f, e, d, c, b, a)
}

/// One store.
#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut [f64], value: __m512d) {
    if let Some(to) = bytes_mut(to).first_chunk_mut() {
        store64(to, _mm512_castpd_si512(value));
    }
}

/// As `passes::delimit`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn delimit<const D: usize>(columns: [&[Block]; D], corner: &[f64; D], bounds: &mut [f64; D]) -> bool {
    let (mut own, mut least) = ([_mm512_set1_pd(0.0); D], [_mm512_set1_pd(0.0); D]);
    for k in 0..D {
        own[k] = _mm512_set1_pd(corner[k]);
        least[k] = _mm512_set1_pd(bounds[k]);
    }
    for block in 0..columns[0].len() {
        // Worse in some objective, and in more than one.
        let (mut any, mut more, mut worse) = (0_u8, 0_u8, [0_u8; D]);
        for k in 0..D {
            worse[k] = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(load(&columns[k][block]), own[k]);
            more |= any & worse[k];
            any |= worse[k];
        }
        if any != u8::MAX {
            return false;
        }
        if more != u8::MAX {
            for k in 0..D {
                least[k] = _mm512_mask_min_pd(least[k], worse[k] & !more, least[k], load(&columns[k][block]));
            }
        }
    }
    for k in 0..D {
        bounds[k] = _mm512_reduce_min_pd(least[k]);
    }
    true
}

/// As `passes::clip`, but for the lanes behind the last point.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn clip<const D: usize>(
    columns: [&[Block]; D],
    bounds: &[f64; D],
    corner: &[f64; D],
    moved: &mut Set,
    worse: &mut Vec<u32>,
) {
    let (mut far, mut own) = ([_mm512_set1_pd(0.0); D], [_mm512_set1_pd(0.0); D]);
    for k in 0..D {
        far[k] = _mm512_set1_pd(bounds[k]);
        own[k] = _mm512_set1_pd(corner[k]);
    }
    let mut len = 0;
    for block in 0..columns[0].len() {
        let mut inside = u8::MAX;
        for k in 0..D {
            inside &= _mm512_cmp_pd_mask::<_CMP_LT_OQ>(load(&columns[k][block]), far[k]);
        }
        if inside == 0 {
            continue;
        }
        let mut behind = inside;
        for k in 0..D {
            let values = load(&columns[k][block]);
            behind &= _mm512_cmp_pd_mask::<_CMP_GE_OQ>(values, own[k]);
            let values = _mm512_maskz_compress_pd(inside, _mm512_max_pd(values, own[k]));
            store(&mut moved.room_mut(k)[len..], values);
        }
        push_bits(u64::from(behind), block, worse);
        len += inside.count_ones() as usize;
    }
    moved.set_len(len);
}

/// As `passes::covers`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn covers<const D: usize>(columns: [&[Block]; D], point: &[f64; D]) -> bool {
    let mut own = [_mm512_set1_pd(0.0); D];
    for k in 0..D {
        own[k] = _mm512_set1_pd(point[k]);
    }
    for block in 0..columns[0].len() {
        let mut covered = u8::MAX;
        for k in 0..D {
            covered &= _mm512_cmp_pd_mask::<_CMP_LE_OQ>(load(&columns[k][block]), own[k]);
        }
        if covered != 0 {
            return true;
        }
    }
    false
}

/// As `Tower::beneath`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn beneath(xs: &[Block], ys: &[Block], place: usize, [x, y]: [f64; 2], far: [f64; 2]) -> Option<[f64; 2]> {
    let (own_x, own_y) = (_mm512_set1_pd(x), _mm512_set1_pd(y));
    let (mut right, mut back, mut dominated) = (_mm512_set1_pd(far[0]), _mm512_set1_pd(far[1]), 0);
    for block in 0..xs.len() {
        let under = if block == place / LANES { (1 << (place % LANES)) - 1 } else { u8::MAX };
        let (xs, ys) = (load(&xs[block]), load(&ys[block]));
        let left = _mm512_mask_cmp_pd_mask::<_CMP_LE_OQ>(under, xs, own_x);
        let before = _mm512_mask_cmp_pd_mask::<_CMP_LE_OQ>(under, ys, own_y);
        dominated |= left & before;
        right = _mm512_mask_min_pd(right, before, right, xs);
        back = _mm512_mask_min_pd(back, left, back, ys);
    }
    (dominated == 0).then(|| [_mm512_reduce_min_pd(right), _mm512_reduce_min_pd(back)])
}

/// As `Tower::reaching`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn reaching(
    [xs, ys, zs]: [&mut [Block]; 3],
    place: usize,
    point: [f64; 3],
    far: [f64; 3],
    leave: bool,
    corner: &mut Corner,
) -> f64 {
    let [own_x, own_y, own_z] = [_mm512_set1_pd(point[0]), _mm512_set1_pd(point[1]), _mm512_set1_pd(point[2])];
    let (right, back, far_z) = (_mm512_set1_pd(far[0]), _mm512_set1_pd(far[1]), far[2]);
    let (mut top, mut ended, mut len) = (far_z, false, 0);
    for block in 0..xs.len() {
        let (x, y) = (load(&xs[block]), load(&ys[block]));
        let inside = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(x, right);
        let mut inside = _mm512_mask_cmp_pd_mask::<_CMP_LT_OQ>(inside, y, back);
        if inside == 0 {
            continue;
        }
        if block >= place / LANES {
            let above = if block == place / LANES { u8::MAX << (place % LANES) } else { u8::MAX };
            let left = _mm512_mask_cmp_pd_mask::<_CMP_LE_OQ>(inside & above, x, own_x);
            let cuts = _mm512_mask_cmp_pd_mask::<_CMP_LE_OQ>(left, y, own_y);
            if cuts != 0 {
                let lane = cuts.trailing_zeros() as usize;
                inside &= (1 << lane) - 1;
                (top, ended) = (zs[block][lane % LANES].min(far_z), true);
            }
            if leave {
                let right = _mm512_mask_cmp_pd_mask::<_CMP_GE_OQ>(inside & above, x, own_x);
                let worse = _mm512_mask_cmp_pd_mask::<_CMP_GE_OQ>(right, y, own_y);
                store(&mut xs[block], _mm512_mask_mov_pd(x, worse, _mm512_set1_pd(f64::INFINITY)));
            }
        }
        let moved = [_mm512_max_pd(x, own_x), _mm512_max_pd(y, own_y), _mm512_max_pd(load(&zs[block]), own_z)];
        for k in 0..3 {
            store(&mut corner.columns[k][len..], _mm512_maskz_compress_pd(inside, moved[k]));
        }
        len += inside.count_ones() as usize;
        if ended {
            break;
        }
    }
    corner.set_len(len);
    top
}

/// As `corner::strips`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn strips(starts: &Block, block: usize, [xs, ys, zs]: [&[f64]; 3], far: [f64; 3]) -> Block {
    let starts = load(starts);
    let (mut ends, mut tops, mut volumes) = (_mm512_set1_pd(far[0]), _mm512_set1_pd(far[1]), _mm512_set1_pd(0.0));
    for (index, ((&x, &y), &z)) in xs.iter().zip(ys).zip(zs).enumerate() {
        let (x, y, depth) = (_mm512_set1_pd(x), _mm512_set1_pd(y), _mm512_set1_pd(far[2] - z));
        let earlier = (((1_u64 << index) - 1) >> (block * LANES)) as u8;
        let lowered = _mm512_cmp_pd_mask::<_CMP_GE_OQ>(starts, x);
        let right = !lowered | _mm512_mask_cmp_pd_mask::<_CMP_LE_OQ>(earlier, starts, x);
        ends = _mm512_mask_min_pd(ends, right, ends, x);
        let lower = _mm512_mask_min_pd(tops, lowered, tops, y);
        volumes = _mm512_add_pd(volumes, _mm512_mul_pd(_mm512_sub_pd(tops, lower), depth));
        tops = lower;
    }
    let mut found = [0.0; LANES];
    store(&mut found, _mm512_mul_pd(volumes, _mm512_sub_pd(ends, starts)));
    found
}
