//! Volumes against a count of cells, and contributions and improvements against differences of volumes.

#![expect(clippy::float_cmp, reason = "volumes of whole cells are whole numbers")]

use paretoserve_core::pareto::NanPolicy;
use paretoserve_core::pareto::hypervolume::{
    Method, Options, Sampling, contributions, hypervolume, improvements, subset,
};
use proptest::prelude::*;
use std::num::NonZeroUsize;

const SAMPLING: Sampling = Sampling { rel_err: 1e-3, seed: 0 };

fn options(maximize: &[bool], threads: usize) -> Options<'_> {
    Options { maximize, nan: NanPolicy::Raise, threads: NonZeroUsize::new(threads), stop: &|| false }
}

fn volume(points: &[f64], reference: &[f64]) -> f64 {
    let maximize = vec![false; reference.len()];
    hypervolume(points, reference, Method::Exact, SAMPLING, &options(&maximize, 1)).unwrap().value
}

/// Cells of the integer grid below `side` whose corner some point dominates.
fn cells(points: &[f64], d: usize, side: u32) -> f64 {
    let dominated = |cell: u32| {
        points.chunks_exact(d).any(|row| (0..d as u32).all(|k| row[k as usize] <= f64::from(cell / side.pow(k) % side)))
    };
    (0..side.pow(d as u32)).filter(|&cell| dominated(cell)).count() as f64
}

fn tables() -> impl Strategy<Value = (usize, Vec<f64>)> {
    (1_usize..7, 0_usize..12)
        .prop_flat_map(|(d, n)| (Just(d), prop::collection::vec((0_u32..5).prop_map(f64::from), d * n)))
}

proptest! {
    #[test]
    fn volumes_are_counts_of_cells((d, points) in tables(), threads in 1_usize..4, flip in any::<bool>()) {
        let expected = cells(&points, d, 4);
        prop_assert_eq!(volume(&points, &vec![4.0; d]), expected);
        let flipped: Vec<f64> = points.iter().map(|value| if flip { -value } else { *value }).collect();
        let reference = vec![if flip { -4.0 } else { 4.0 }; d];
        let maximize = vec![flip; d];
        let found = hypervolume(&flipped, &reference, Method::Exact, SAMPLING, &options(&maximize, threads)).unwrap();
        prop_assert_eq!(found.value, expected);
    }

    #[test]
    fn parts_are_differences((d, points) in tables()) {
        let (reference, maximize) = (vec![4.0; d], vec![false; d]);
        let whole = cells(&points, d, 4);
        let mut out = vec![7.0; points.len() / d];
        contributions(&mut out, &points, &reference, &options(&maximize, 2)).unwrap();
        for (row, &contribution) in out.iter().enumerate() {
            let without = [&points[..row * d], &points[(row + 1) * d..]].concat();
            prop_assert_eq!(contribution, whole - cells(&without, d, 4));
        }
        let (front, candidates) = points.split_at(points.len() / d / 2 * d);
        let mut out = vec![7.0; candidates.len() / d];
        improvements(&mut out, front, candidates, &reference, &options(&maximize, 2)).unwrap();
        for (candidate, &improvement) in candidates.chunks_exact(d).zip(&out) {
            let joined = [front, candidate].concat();
            prop_assert_eq!(improvement, cells(&joined, d, 4) - cells(front, d, 4));
        }
    }

    #[test]
    fn subsets_grow_with_their_size((d, points) in tables()) {
        let (reference, maximize) = (vec![4.0; d], vec![false; d]);
        let mut last = 0.0;
        for k in 0..=points.len() / d {
            let chosen = subset(&points, &reference, k, &options(&maximize, 1)).unwrap();
            let rows: Vec<f64> = chosen.rows.iter().flat_map(|&row| &points[row as usize * d..][..d]).copied().collect();
            prop_assert!(chosen.rows.len() <= k && chosen.volume >= last);
            prop_assert_eq!(chosen.volume, cells(&rows, d, 4));
            last = chosen.volume;
        }
        prop_assert_eq!(last, cells(&points, d, 4));
    }
}

#[test]
fn wrong_sizes_and_a_stop_are_errors() {
    let plain = options(&[false; 5], 1);
    assert!(hypervolume(&[1.0; 7], &[2.0; 5], Method::Auto, SAMPLING, &plain).is_err());
    assert!(hypervolume(&[1.0; 5], &[f64::NAN; 5], Method::Auto, SAMPLING, &plain).is_err());
    assert!(contributions(&mut [], &[1.0; 5], &[2.0; 5], &plain).is_err());
    // A front of three hundred points takes seconds.
    let random = |i: u64| ((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i.pow(5)).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mut points: Vec<f64> = (0..300 * 9).map(|i| (random(i) >> 40) as f64 + 1.0).collect();
    for row in points.chunks_exact_mut(9) {
        let sum: f64 = row.iter().sum();
        for value in row {
            *value /= sum;
        }
    }
    let stopped = Options { maximize: &[false; 9], stop: &|| true, ..plain };
    assert!(hypervolume(&points, &[1.0; 9], Method::Exact, SAMPLING, &stopped).is_err());
}
