//! Masks against a brute force over all pairs, with ties, NaN, groups, bounds and covers.

use paretoserve_core::Error;
use paretoserve_core::pareto::{Keep, NanPolicy, Options, mask};
use proptest::prelude::*;
use std::num::NonZeroUsize;

const PLAIN: Options<'static> = Options {
    maximize: &[],
    keep: Keep::All,
    nan: NanPolicy::Raise,
    eps: None,
    groups: None,
    num_groups: 0,
    allowed: None,
    threads: None,
};

fn marked(points: &[f64], options: &Options<'_>) -> Vec<usize> {
    let mut out = vec![7; points.len() / options.maximize.len()];
    mask(&mut out, points, options).unwrap();
    (0..out.len()).filter(|&row| out[row] == 1).collect()
}

/// The rows that no other row of their group beats, by the definition.
fn brute_force(points: &[f64], groups: &[u32], options: &Options<'_>) -> Vec<usize> {
    let d = options.maximize.len();
    let rows: Vec<Vec<f64>> = points
        .chunks_exact(d)
        .map(|row| row.iter().zip(options.maximize).map(|(x, &max)| if max { -x } else { *x }).collect())
        .collect();
    let beats = |a: &[f64], b: &[f64]| a != b && a.iter().zip(b).all(|(x, y)| x <= y);
    let same = |i: usize, j: usize| groups[i] == groups[j] && rows[i] == rows[j];
    (0..rows.len())
        .filter(|&i| !(0..rows.len()).any(|j| groups[i] == groups[j] && beats(&rows[j], &rows[i])))
        .filter(|&i| match options.keep {
            Keep::All => true,
            Keep::First => !(0..i).any(|j| same(i, j)),
            Keep::Last => !(i + 1..rows.len()).any(|j| same(i, j)),
        })
        .collect()
}

proptest! {
    #[test]
    fn equals_brute_force(
        (d, values) in (1_usize..7).prop_flat_map(|d| (Just(d), prop::collection::vec(-2_i32..3, d * 40))),
        maximize in prop::collection::vec(any::<bool>(), 7),
        keep in prop::sample::select(vec![Keep::All, Keep::First, Keep::Last]),
        groups in prop::collection::vec(0_u32..3, 40),
        threads in 1_usize..4,
    ) {
        let points: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let options = Options { maximize: &maximize[..d], keep, threads: NonZeroUsize::new(threads), ..PLAIN };
        prop_assert_eq!(marked(&points, &options), brute_force(&points, &[0; 40], &options));
        let grouped = Options { groups: Some(&groups), num_groups: 3, ..options };
        prop_assert_eq!(marked(&points, &grouped), brute_force(&points, &groups, &options));
        let covered = Options { eps: Some(&vec![0.0; d]), keep: Keep::First, ..options };
        let plain = Options { keep: Keep::First, ..options };
        prop_assert_eq!(marked(&points, &covered), marked(&points, &plain));
    }

    #[test]
    fn integers_and_floats_agree(values in prop::collection::vec(any::<i16>(), 60), maximize in any::<bool>()) {
        let options = Options { maximize: &[maximize; 3], ..PLAIN };
        let floats: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let mut out = vec![0; 20];
        mask(&mut out, &values, &options).unwrap();
        prop_assert_eq!(marked(&floats, &options), (0..20).filter(|&row| out[row] == 1).collect::<Vec<_>>());
    }
}

#[test]
fn nan_is_refused_dropped_or_worst() {
    let points = [0.0, f64::NAN, 1.0, 1.0, 2.0, 2.0];
    let options = Options { maximize: &[false, false], ..PLAIN };
    let error = mask(&mut [0; 3], &points, &options).unwrap_err();
    assert!(error.to_string().contains("NaN in row 0, column 1"), "{error}");
    assert_eq!(marked(&points, &Options { nan: NanPolicy::Drop, ..options }), [1]);
    assert_eq!(marked(&points, &Options { nan: NanPolicy::Worst, ..options }), [0, 1]);
}

#[test]
fn wrong_sizes_are_refused() {
    let bad = |options: Options<'_>, points: &[f64]| mask(&mut [0; 2], points, &options).unwrap_err();
    let options = Options { maximize: &[false, false], ..PLAIN };
    assert!(matches!(bad(options, &[0.0; 3]), Error::Shape { argument: "points", .. }));
    assert!(matches!(bad(PLAIN, &[]), Error::Shape { argument: "points", .. }));
    assert!(matches!(bad(Options { eps: Some(&[1.0]), ..options }, &[0.0; 4]), Error::Shape { argument: "eps", .. }));
    assert!(matches!(bad(Options { eps: Some(&[1.0, -1.0]), ..options }, &[0.0; 4]), Error::Value { .. }));
    assert!(matches!(bad(Options { groups: Some(&[0, 1]), num_groups: 1, ..options }, &[0.0; 4]), Error::Value { .. }));
    assert!(matches!(bad(Options { groups: Some(&[0]), num_groups: 1, ..options }, &[0.0; 4]), Error::Shape { .. }));
    assert!(matches!(
        bad(Options { allowed: Some(&[1]), ..options }, &[0.0; 4]),
        Error::Shape { argument: "where", .. }
    ));
}
