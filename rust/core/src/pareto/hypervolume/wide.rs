//! The passes of `set` for AVX-512, where a comparison makes a mask in a register of its own: a third faster than what
//! the compiler makes of the general form.

#![expect(clippy::needless_range_loop, reason = "points and corners are walked in step, block by block")]

use std::arch::x86_64::{
    __m512d, _CMP_GT_OQ, _CMP_LE_OQ, _CMP_LT_OQ, _mm512_cmp_pd_mask, _mm512_mask_min_pd, _mm512_reduce_min_pd,
    _mm512_set_pd, _mm512_set1_pd,
};

use super::set::Block;

/// One load.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &Block) -> __m512d {
    let [a, b, c, d, e, f, g, h] = *block;
    _mm512_set_pd(h, g, f, e, d, c, b, a)
}

/// As `set::delimit`.
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

/// As `set::within`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn within<const D: usize>(columns: [&[Block]; D], bounds: &[f64; D], points: &mut Vec<u32>) {
    let mut far = [_mm512_set1_pd(0.0); D];
    for k in 0..D {
        far[k] = _mm512_set1_pd(bounds[k]);
    }
    for block in 0..columns[0].len() {
        let mut inside = u8::MAX;
        for k in 0..D {
            inside &= _mm512_cmp_pd_mask::<_CMP_LT_OQ>(load(&columns[k][block]), far[k]);
        }
        while inside != 0 {
            points.push(block as u32 * 8 + inside.trailing_zeros());
            inside &= inside - 1;
        }
    }
}

/// As `set::covers`.
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
