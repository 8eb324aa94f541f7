//! Layers, counts and dominators against brute force over all pairs, with ties, groups, bounds and threads.

use paretoserve_core::Error;
use paretoserve_core::pareto::{Keep, NanPolicy, Options, RankOptions, Table, counts, dominators, ranks};
use proptest::prelude::*;
use std::num::NonZeroUsize;

fn beats(points: &[f64], d: usize, i: usize, j: usize) -> bool {
    let (a, b) = (&points[i * d..][..d], &points[j * d..][..d]);
    a != b && a.iter().zip(b).all(|(x, y)| x <= y)
}

proptest! {
    #[test]
    fn equal_brute_force(
        (d, values) in (1_usize..8).prop_flat_map(|d| (Just(d), prop::collection::vec(-2_i32..3, d * 40))),
        groups in prop::collection::vec(0_u32..3, 40),
        allowed in prop::collection::vec(0_u8..2, 40),
        threads in 1_usize..4,
    ) {
        let points: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let table = Table::of_matrix(&points, 40, d).unwrap();
        let shared = Options {
            keep: Keep::All,
            nan: NanPolicy::Raise,
            eps: None,
            groups: Some(&groups),
            num_groups: 3,
            allowed: Some(&allowed),
            threads: NonZeroUsize::new(threads),
        };
        let options = RankOptions {
            nan: NanPolicy::Raise,
            groups: shared.groups,
            num_groups: 3,
            allowed: shared.allowed,
            stop_after: None,
            num_fronts: None,
            threads: shared.threads,
        };
        let compared = |i: usize, j: usize| groups[i] == groups[j] && allowed[i] == 1 && allowed[j] == 1;
        let above = |j: usize| (0..40).filter(|&i| compared(i, j) && beats(&points, d, i, j)).collect::<Vec<_>>();
        let below = |i: usize| (0..40).filter(|&j| compared(i, j) && beats(&points, d, i, j)).count() as i64;

        let mut layers = [7; 40];
        ranks(&mut layers, &table, &options, &|| false).unwrap();
        let (mut dominated_by, mut dominates) = ([7; 40], [7; 40]);
        counts(&mut dominated_by, &mut dominates, &table, &shared, &|| false).unwrap();
        for row in 0..40 {
            if allowed[row] == 0 {
                prop_assert_eq!((layers[row], dominated_by[row], dominates[row]), (-1, -1, -1));
                continue;
            }
            let expected = above(row);
            prop_assert_eq!(layers[row], expected.iter().map(|&i| layers[i] + 1).max().unwrap_or(0));
            prop_assert_eq!((dominated_by[row], dominates[row]), (expected.len() as i64, below(row)));
            let mut found = [7; 40];
            prop_assert!(dominators(&mut found, &table, row, &shared).unwrap());
            prop_assert_eq!((0..40).filter(|&i| found[i] == 1).collect::<Vec<_>>(), expected);
        }
    }
}

/// All rows, layers and threads.
const PLAIN: RankOptions<'_> = RankOptions {
    nan: NanPolicy::Raise,
    groups: None,
    num_groups: 0,
    allowed: None,
    stop_after: None,
    num_fronts: None,
    threads: None,
};

#[test]
fn wrong_sizes_are_refused() {
    let table = Table::of_matrix(&[1.0, 2.0], 2, 1).unwrap();
    assert!(ranks(&mut [0; 3], &table, &PLAIN, &|| false).is_err());
    let far = RankOptions { groups: Some(&[0, 5]), num_groups: 1, ..PLAIN };
    assert!(ranks(&mut [0; 2], &table, &far, &|| false).is_err());
}

#[test]
fn long_calls_end_when_the_caller_wants_it() {
    let n = 100_000;
    let points: Vec<f64> = (0..4 * n as u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 4)).collect();
    let table = Table::of_matrix(&points, n, 4).unwrap();
    assert_eq!(ranks(&mut vec![0; n], &table, &PLAIN, &|| true), Err(Error::Interrupted));
    let options = Options {
        keep: Keep::All,
        nan: NanPolicy::Raise,
        eps: None,
        groups: None,
        num_groups: 0,
        allowed: None,
        threads: None,
    };
    assert_eq!(counts(&mut vec![0; n], &mut vec![0; n], &table, &options, &|| true), Err(Error::Interrupted));
}
