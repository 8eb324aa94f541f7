//! Empirical attainment surfaces: what at least so many of several runs reach (Fonseca, Guerreiro, López-Ibáñez and
//! Paquete 2011).
//!
//! Two objectives: a sweep along the first, with the best second objective of each run so far, in order; the t-th of
//! them is the surface of level t. Three: a sweep along the third; what comes new to a run changes its own staircase,
//! and the surfaces are swept again only then.

use super::watch::Stop;
use crate::error::{Error, Result};

/// A point with its run; the coordinates are minimized.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: [f64; 3],
    run: u32,
}

/// The surfaces of `levels` (numbers of runs, 1 or more) of `num_runs` runs: for each the coordinates of its points.
///
/// `rows` are finite, `d` (1 to 3) numbers each, to be minimized; `runs` tells the run of each. A surface is sorted by
/// its coordinates, the last one first for three. O(n log n + n (runs + levels)) for two objectives, and for three that
/// once per point, over the points of the staircases.
///
/// # Errors
/// If a length does not fit, `d` is none of 1, 2, 3, a run or level is out of range, or `stop`, asked now and then,
/// says true.
pub fn attainment(
    rows: &[f64],
    runs: &[u32],
    d: usize,
    num_runs: usize,
    levels: &[u32],
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Vec<f64>>> {
    if !(1..=3).contains(&d) || rows.len() != runs.len() * d {
        return Err(Error::shape(
            "sets",
            format!("({}, d) with d of 1 to 3", runs.len()),
            format!("({},)", rows.len()),
        ));
    }
    if let Some(bad) = runs.iter().find(|run| **run as usize >= num_runs) {
        return Err(Error::value("sets", format!("runs below {num_runs}"), bad));
    }
    if let Some(bad) = levels.iter().find(|level| !(1..=num_runs).contains(&(**level as usize))) {
        return Err(Error::value("levels", format!("from 1 to {num_runs}"), bad));
    }
    let mut points: Vec<Point> = rows
        .chunks_exact(d)
        .zip(runs)
        .map(|(row, &run)| {
            let mut at = [0.0; 3];
            at[..d].copy_from_slice(row);
            Point { at, run }
        })
        .collect();
    points.sort_by(|a, b| a.at[0].total_cmp(&b.at[0]).then(a.at[1].total_cmp(&b.at[1])));
    let stop = Stop::new(stop);
    let mut surfaces = if d == 3 { space(points, num_runs, levels, &stop) } else { plane(&points, num_runs, levels) };
    stop.check()?;
    for surface in &mut surfaces {
        *surface = surface.chunks_exact(3).flat_map(|point| point[..d].to_vec()).collect();
    }
    Ok(surfaces)
}

/// The surfaces in the first two coordinates of points that are sorted by the first; three numbers per point.
///
/// Sorted values that do not fall are equal.
fn plane(points: &[Point], num_runs: usize, levels: &[u32]) -> Vec<Vec<f64>> {
    let mut best = vec![f64::INFINITY; num_runs];
    let mut ordered = best.clone();
    let mut reached = vec![f64::INFINITY; levels.len()];
    let mut surfaces = vec![Vec::new(); levels.len()];
    for column in points.chunk_by(|a, b| a.at[0] >= b.at[0]) {
        for point in column {
            lower(&mut ordered, &mut best[point.run as usize], point.at[1]);
        }
        for ((surface, reached), &level) in surfaces.iter_mut().zip(&mut reached).zip(levels) {
            let y = ordered[level as usize - 1];
            if y < *reached {
                *reached = y;
                surface.extend([column[0].at[0], y, 0.0]);
            }
        }
    }
    surfaces
}

/// Lower one run's best to `value`, if that is lower, also where it stands among all of them in order.
fn lower(ordered: &mut [f64], best: &mut f64, value: f64) {
    if value >= *best {
        return;
    }
    let from = ordered.partition_point(|each| each < best);
    let to = ordered.partition_point(|each| *each <= value);
    ordered.copy_within(to..from, to + 1);
    ordered[to] = value;
    *best = value;
}

/// The surfaces of points in three objectives.
fn space(mut points: Vec<Point>, num_runs: usize, levels: &[u32], stop: &Stop<'_>) -> Vec<Vec<f64>> {
    points.sort_by(|a, b| a.at[2].total_cmp(&b.at[2]));
    let mut surfaces = vec![Vec::new(); levels.len()];
    let mut before: Vec<Vec<f64>> = surfaces.clone();
    let mut staircases: Vec<Point> = Vec::new();
    let mut watch = stop.watch();
    for layer in points.chunk_by(|a, b| a.at[2] >= b.at[2]).take_while(|_| !watch.stops()) {
        let changed = layer.iter().filter(|point| climb(&mut staircases, point)).count();
        if changed == 0 {
            continue;
        }
        let now = plane(&staircases, num_runs, levels);
        for ((surface, before), now) in surfaces.iter_mut().zip(&before).zip(&now) {
            surface.extend(new_points(before, now, layer[0].at[2]));
        }
        before = now;
    }
    surfaces
}

/// Add a point to the staircases of all runs, sorted by the first coordinate, unless its own run reaches it already;
/// points of its run that it reaches go.
fn climb(staircases: &mut Vec<Point>, point: &Point) -> bool {
    let [x, y, _] = point.at;
    let reaches = |a: &Point, b: &Point| a.run == b.run && a.at[0] <= b.at[0] && a.at[1] <= b.at[1];
    let place = staircases.partition_point(|each| each.at[0] <= x);
    // The last step of the run up to here is its lowest.
    if staircases[..place].iter().rev().find(|each| each.run == point.run).is_some_and(|each| each.at[1] <= y) {
        return false;
    }
    staircases.retain(|each| !reaches(point, each));
    let place = staircases.partition_point(|each| each.at[0] <= x);
    staircases.insert(place, *point);
    true
}

/// The points of a staircase that an earlier one lacks, at height `z`. Both are sorted by the first coordinate.
fn new_points(before: &[f64], now: &[f64], z: f64) -> Vec<f64> {
    let mut old = before.chunks_exact(3).peekable();
    let mut new = Vec::new();
    for point in now.chunks_exact(3) {
        while old.next_if(|each| each[0] < point[0]).is_some() {}
        if old.peek().is_none_or(|each| each[..2] != point[..2]) {
            new.extend([point[0], point[1], z]);
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_have_a_best_and_a_worst_surface() {
        let rows = [0.0, 2.0, 2.0, 0.0, 1.0, 1.0];
        let surfaces = attainment(&rows, &[0, 0, 1], 2, 2, &[1, 2], &|| false).unwrap();
        assert_eq!(surfaces[0], [0.0, 2.0, 1.0, 1.0, 2.0, 0.0]);
        assert_eq!(surfaces[1], [1.0, 2.0, 2.0, 1.0]);
    }

    #[test]
    fn in_space_a_point_belongs_to_the_height_where_it_is_first_reached() {
        let rows = [0.0, 0.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0];
        let surfaces = attainment(&rows, &[0, 1, 1], 3, 2, &[1, 2], &|| false).unwrap();
        assert_eq!(surfaces[0], [1.0, 1.0, 1.0, 0.0, 0.0, 2.0]);
        assert_eq!(surfaces[1], [1.0, 1.0, 2.0]);
    }

    #[test]
    fn levels_and_runs_are_checked() {
        assert!(attainment(&[1.0], &[0], 1, 1, &[0], &|| false).is_err());
        assert!(attainment(&[1.0], &[0], 1, 1, &[2], &|| false).is_err());
        assert!(attainment(&[1.0], &[1], 1, 1, &[1], &|| false).is_err());
        assert!(attainment(&[1.0; 4], &[0], 4, 1, &[1], &|| false).is_err());
        assert_eq!(attainment(&[], &[], 2, 3, &[1, 3], &|| false).unwrap(), [vec![], vec![]] as [Vec<f64>; 2]);
    }
}
