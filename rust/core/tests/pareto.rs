//! Masks against a brute force over all pairs, with ties, NaN, groups, bounds and covers.

use paretoserve_core::Error;
use paretoserve_core::pareto::{Boxes, Column, Grid, Keep, NanPolicy, Options, Table, Values, mask};
use proptest::prelude::*;
use std::num::NonZeroUsize;

const PLAIN: Options<'static> = Options {
    keep: Keep::All,
    nan: NanPolicy::Raise,
    eps: None,
    groups: None,
    num_groups: 0,
    allowed: None,
    threads: None,
};

fn table<'a>(values: Values<'a>, count: usize, maximize: &[bool]) -> Table<'a> {
    let column = |k: usize| {
        let values = match values {
            Values::F64(all) => Values::F64(&all[k..]),
            Values::I16(all) => Values::I16(&all[k..]),
            other => other,
        };
        Column { values, stride: maximize.len(), maximize: maximize[k] }
    };
    Table::new((0..maximize.len()).map(column).collect(), count / maximize.len()).unwrap()
}

fn marked(points: &[f64], maximize: &[bool], options: &Options<'_>) -> Vec<usize> {
    let mut out = vec![7; points.len() / maximize.len()];
    mask(&mut out, &table(Values::F64(points), points.len(), maximize), options).unwrap();
    (0..out.len()).filter(|&row| out[row] == 1).collect()
}

/// The rows that no other row of their group beats, by the definition.
fn brute_force(points: &[f64], maximize: &[bool], groups: &[u32], options: &Options<'_>) -> Vec<usize> {
    let d = maximize.len();
    let rows: Vec<Vec<f64>> = points
        .chunks_exact(d)
        .map(|row| row.iter().zip(maximize).map(|(x, &max)| if max { -x } else { *x }).collect())
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
        let maximize = &maximize[..d];
        let options = Options { keep, threads: NonZeroUsize::new(threads), ..PLAIN };
        prop_assert_eq!(marked(&points, maximize, &options), brute_force(&points, maximize, &[0; 40], &options));
        let grouped = Options { groups: Some(&groups), num_groups: 3, ..options };
        prop_assert_eq!(marked(&points, maximize, &grouped), brute_force(&points, maximize, &groups, &options));
        let covered = Options { eps: Some(Boxes { sizes: &vec![0.0; d], kind: Grid::Add }), keep: Keep::First, ..options };
        let plain = Options { keep: Keep::First, ..options };
        prop_assert_eq!(marked(&points, maximize, &covered), marked(&points, maximize, &plain));
    }

    #[test]
    fn integers_and_floats_agree(values in prop::collection::vec(any::<i16>(), 60), maximize in any::<bool>()) {
        let maximize = [maximize; 3];
        let floats: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let mut out = vec![0; 20];
        mask(&mut out, &table(Values::I16(&values), 60, &maximize), &PLAIN).unwrap();
        prop_assert_eq!(marked(&floats, &maximize, &PLAIN), (0..20).filter(|&row| out[row] == 1).collect::<Vec<_>>());
    }
}

#[test]
fn nan_is_refused_dropped_or_worst() {
    let points = [0.0, f64::NAN, 1.0, 1.0, 2.0, 2.0];
    let error = mask(&mut [0; 3], &Table::of_matrix(&points, 3, 2).unwrap(), &PLAIN).unwrap_err();
    assert!(error.to_string().contains("NaN in row 0, column 1"), "{error}");
    let both = [false, false];
    assert_eq!(marked(&points, &both, &Options { nan: NanPolicy::Drop, ..PLAIN }), [1]);
    assert_eq!(marked(&points, &both, &Options { nan: NanPolicy::Worst, ..PLAIN }), [0, 1]);
}

#[test]
fn wrong_sizes_are_refused() {
    let points = Table::of_matrix(&[0.0; 4], 2, 2).unwrap();
    let bad = |options: Options<'_>| mask(&mut [0; 2], &points, &options).unwrap_err();
    assert!(matches!(Table::of_matrix(&[0.0; 3], 2, 2), Err(Error::Shape { argument: "points", .. })));
    assert!(matches!(Table::of_matrix(&[], 0, 0), Err(Error::Shape { argument: "points", .. })));
    assert!(matches!(mask(&mut [0; 3], &points, &PLAIN), Err(Error::Shape { argument: "mask", .. })));
    assert!(matches!(
        bad(Options { eps: Some(Boxes { sizes: &[1.0], kind: Grid::Add }), ..PLAIN }),
        Error::Shape { argument: "eps", .. }
    ));
    assert!(matches!(
        bad(Options { eps: Some(Boxes { sizes: &[1.0, -1.0], kind: Grid::Add }), ..PLAIN }),
        Error::Value { .. }
    ));
    assert!(matches!(bad(Options { groups: Some(&[0, 1]), num_groups: 1, ..PLAIN }), Error::Value { .. }));
    assert!(matches!(bad(Options { groups: Some(&[0]), num_groups: 1, ..PLAIN }), Error::Shape { .. }));
    assert!(matches!(bad(Options { allowed: Some(&[1]), ..PLAIN }), Error::Shape { argument: "where", .. }));
}
