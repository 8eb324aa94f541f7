//! Searches among leaves equal comparing all pairs, and attainment surfaces what runs reach.

#![expect(clippy::float_cmp, reason = "the same operations in the same order give the same bits")]

use paretoserve_core::pareto::attainment::attainment;
use paretoserve_core::pareto::hull::hull;
use paretoserve_core::pareto::indicator::{Distance, Rows, epsilon, nearest, nearest_other};
use proptest::collection::vec;
use proptest::prelude::*;
use std::num::NonZeroUsize;

/// Two sets of rows with `d` objectives, their values coarse so that ties occur.
fn sets() -> impl Strategy<Value = (usize, Vec<f64>, Vec<f64>, Vec<bool>)> {
    (1_usize..8, 1_usize..200, 1_usize..80).prop_flat_map(|(d, n, m)| {
        let value = (0_i32..40).prop_map(|value| f64::from(value) / 8.0 - 2.0);
        (Just(d), vec(value.clone(), n * d), vec(value, m * d), vec(any::<bool>(), d))
    })
}

/// The measure of each pair, folded over points: the plain way.
fn plain(points: &[f64], references: &[f64], maximize: &[bool], measure: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let d = maximize.len();
    let pair = |point: &[f64], reference: &[f64]| {
        let signed = point.iter().zip(reference).zip(maximize);
        measure(&signed.map(|((p, r), &maximize)| if maximize { r - p } else { p - r }).collect::<Vec<_>>())
    };
    references
        .chunks(d)
        .map(|reference| points.chunks(d).map(|point| pair(point, reference)).fold(f64::INFINITY, f64::min))
        .collect()
}

fn length(differences: &[f64]) -> f64 {
    differences.iter().map(|each| each * each).sum::<f64>().sqrt()
}

proptest! {
    #[test]
    fn nearest_equals_all_pairs((d, points, references, maximize) in sets(), threads in 1_usize..4) {
        let rows = Rows { values: &points, maximize: &maximize };
        let mut out = vec![0.0; references.len() / d];
        let threads = NonZeroUsize::new(threads);
        nearest(&mut out, rows, &references, Distance::Euclidean, threads).unwrap();
        prop_assert_eq!(&out, &plain(&points, &references, &maximize, length));
        nearest(&mut out, rows, &references, Distance::Worse, threads).unwrap();
        let worse = |each: &[f64]| length(&each.iter().map(|each| each.max(0.0)).collect::<Vec<_>>());
        prop_assert_eq!(&out, &plain(&points, &references, &maximize, worse));
        nearest(&mut out, rows, &references, Distance::Better, threads).unwrap();
        let better = |each: &[f64]| length(&each.iter().map(|each| each.min(0.0)).collect::<Vec<_>>());
        prop_assert_eq!(&out, &plain(&points, &references, &maximize, better));
        let shift = |each: &[f64]| each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = plain(&points, &references, &maximize, shift);
        nearest(&mut out, rows, &references, Distance::Shift, threads).unwrap();
        prop_assert_eq!(&out, &least);
        let largest = least.into_iter().fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!(epsilon(rows, &references, false, threads).unwrap(), largest);
    }

    #[test]
    fn the_nearest_other_row_is_never_the_row_itself((d, points, _, maximize) in sets()) {
        let mut out = vec![0.0; points.len() / d];
        nearest_other(&mut out, Rows { values: &points, maximize: &maximize }, None).unwrap();
        for (index, &found) in out.iter().enumerate() {
            let own = &points[index * d..][..d];
            let others = points.chunks(d).enumerate().filter(|&(other, _)| other != index);
            let city = |row: &[f64]| row.iter().zip(own).map(|(a, b)| (a - b).abs()).sum::<f64>();
            prop_assert_eq!(found, others.map(|(_, row)| city(row)).fold(f64::INFINITY, f64::min));
        }
    }

    #[test]
    fn a_hull_is_convex_and_nothing_lies_below_it(y in vec(0_i32..50, 1..60)) {
        let x: Vec<f64> = (0..y.len()).map(|place| place as f64).collect();
        let y: Vec<f64> = y.into_iter().map(f64::from).collect();
        let corners: Vec<usize> = hull(&x, &y).unwrap().into_iter().map(|corner| corner as usize).collect();
        prop_assert_eq!((corners[0], corners[corners.len() - 1]), (0, y.len() - 1));
        for pair in corners.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            for between in a..=b {
                let line = (y[b] - y[a]) * (x[between] - x[a]) - (y[between] - y[a]) * (x[b] - x[a]);
                prop_assert!(line <= 0.0);
            }
        }
    }

    #[test]
    fn every_point_of_a_surface_is_reached_by_as_many_runs(
        rows in vec((0_i32..6, 0_i32..6, 0_i32..6, 0_u32..4), 1..30)
    ) {
        let values: Vec<f64> = rows.iter().flat_map(|row| [row.0, row.1, row.2].map(f64::from)).collect();
        let runs: Vec<u32> = rows.iter().map(|row| row.3).collect();
        for (level, surface) in attainment(&values, &runs, 3, 4, &[1, 2, 3, 4], &|| false).unwrap().iter().enumerate() {
            for point in surface.chunks(3) {
                let reached = |run: u32| {
                    let own = values.chunks(3).zip(&runs).filter(|each| *each.1 == run);
                    own.into_iter().any(|(row, _)| row.iter().zip(point).all(|(a, b)| a <= b))
                };
                prop_assert!((0..4).filter(|&run| reached(run)).count() > level);
            }
        }
    }
}
