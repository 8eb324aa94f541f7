//! Four objectives: points join a tower in the order of their fourth, and each adds what it alone dominates there times
//! its distance to the end (HV4D+: Guerreiro, Fonseca and Paquete 2021).

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch, which vector code must not have")]
#![expect(clippy::needless_range_loop, reason = "several arrays are walked in step, lane by lane")]

use super::order::sort;
use super::set::{Block, LANES, Set};
use super::tower::Tower;
use crate::simd::{Kernel, Level, dispatch};

/// Most points that are counted rather than sorted.
const FEW: usize = 64;

/// Buffers that are used again and again.
pub(super) struct Four {
    level: Level,
    tower: Tower,
    sorted: Vec<(f64, u32)>,
    /// Points in the order of their third or fourth objective.
    order: Vec<u32>,
    /// The place of each point in the tower.
    places: Vec<u32>,
}

impl Four {
    /// Buffers for passes on `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { level, tower: Tower::new(level), sorted: Vec::new(), order: Vec::new(), places: Vec::new() }
    }

    /// What `points` dominate below `far`, where none has a fourth objective below `least` and many may have just that.
    pub(super) fn volume(&mut self, points: &Set, least: f64, far: &[f64]) -> f64 {
        let Some(&far) = far.first_chunk::<4>() else { return 0.0 };
        dispatch(self.level, Volume { four: self, points, least, far })
    }

    /// The same in three objectives.
    pub(super) fn in_space(&mut self, points: &Set, far: &[f64]) -> f64 {
        let Some(&far) = far.first_chunk::<3>() else { return 0.0 };
        dispatch(self.level, InSpace { four: self, points, far })
    }
}

struct Volume<'a> {
    four: &'a mut Four,
    points: &'a Set,
    least: f64,
    far: [f64; 4],
}

impl Kernel for Volume<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { four: Four { tower, sorted, order, places, .. }, points, least, far } = self;
        let (count, far_in_space) = (points.len(), [far[0], far[1], far[2]]);
        let [xs, ys, zs, lasts] = [0, 1, 2, 3].map(|k| &points.column(k).as_flattened()[..count]);
        tower.clear(count);
        places.resize(places.len().max(count), 0);
        sort_points(points.column(2), count, order, sorted);
        for (place, &point) in order.iter().enumerate() {
            let point = point as usize;
            places[point] = place as u32;
            tower.prepare(place, ys[point], zs[point]);
            if lasts[point] <= least {
                tower.start(place, [xs[point], ys[point], zs[point]], far_in_space);
            }
        }
        let mut total = tower.corner.covered(far_in_space) * (far[3] - least);
        sort_points(points.column(3), count, order, sorted);
        for (index, &point) in order.iter().enumerate() {
            let point = point as usize;
            if lasts[point] > least {
                let (keep, place) = (index + 1 < count, places[point] as usize);
                let volume = tower.exclusive(place, [xs[point], ys[point], zs[point]], far_in_space, keep, false);
                total += volume * (far[3] - lasts[point]);
            }
        }
        total
    }
}

struct InSpace<'a> {
    four: &'a mut Four,
    points: &'a Set,
    far: [f64; 3],
}

impl Kernel for InSpace<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { four: Four { tower: Tower { corner, .. }, sorted, order, .. }, points, far } = self;
        corner.reserve(points.len());
        corner.clear();
        sort_points(points.column(2), points.len(), order, sorted);
        for &point in &*order {
            corner.push([0, 1, 2].map(|k| points.get(point as usize, k)));
        }
        corner.covered(far)
    }
}

/// Fill `order` with the places of the first `count` values in rising order, equal ones as they come.
#[inline(always)]
fn sort_points(values: &[Block], count: usize, order: &mut Vec<u32>, sorted: &mut Vec<(f64, u32)>) {
    order.clear();
    if count > FEW {
        sorted.clear();
        sorted.extend(values.as_flattened()[..count].iter().copied().zip(0..));
        sort(sorted);
        order.extend(sorted.iter().map(|&(_, point)| point));
        return;
    }
    order.resize(values.len() * LANES, 0);
    for (block, own) in values.iter().enumerate() {
        let (mut lanes, mut ranks) = ([0_u64; LANES], [0_u64; LANES]);
        for lane in 0..LANES {
            lanes[lane] = (block * LANES + lane) as u64;
        }
        for (index, &other) in values.as_flattened().iter().enumerate() {
            for lane in 0..LANES {
                let before = (other < own[lane]) | ((other == own[lane]) & ((index as u64) < lanes[lane]));
                ranks[lane] += u64::from(before);
            }
        }
        for lane in 0..LANES {
            order[ranks[lane] as usize] = lanes[lane] as u32;
        }
    }
    order.truncate(count);
}

/// Points that get places in a tower at once, if they are more than what it holds by then.
const BATCH: usize = 128;

/// What each point of a whole table adds to those before it, in the order of their fourth objectives.
///
/// A tower has places for what is left of the points so far and for about as many of the next ones, so that passes stay
/// short.
pub(super) struct Climb<'a> {
    level: Level,
    tower: Tower,
    /// The points in that order, row after row.
    rows: &'a [[f64; 4]],
    /// How many points are below each one in the third objective.
    ranks: &'a [u32],
    far: [f64; 4],
    /// The point of each place of the tower.
    members: Vec<u32>,
    /// The points from `first` on that have a place, and these.
    first: usize,
    places: Vec<u32>,
}

impl<'a> Climb<'a> {
    /// Nothing has joined yet.
    pub(super) fn new(level: Level, rows: &'a [[f64; 4]], ranks: &'a [u32], far: [f64; 4]) -> Self {
        Self { level, tower: Tower::new(level), rows, ranks, far, members: Vec::new(), first: 0, places: Vec::new() }
    }

    /// Let the next point join; with `skip` its volume is not computed.
    pub(super) fn next(&mut self, item: usize, skip: bool) -> f64 {
        if item >= self.first + self.places.len() {
            self.extend(item);
        }
        dispatch(self.level, Next { climb: self, item, skip })
    }

    /// Give places to the points from `item` on.
    fn extend(&mut self, item: usize) {
        let mut places = 0..;
        self.members.retain(|_| places.next().is_some_and(|place| self.tower.holds(place)));
        let end = self.rows.len().min(item + self.members.len().max(BATCH));
        self.members.extend(item as u32..end as u32);
        self.members.sort_unstable_by_key(|&member| self.ranks[member as usize]);
        self.first = item;
        self.places.resize(end - item, 0);
        self.tower.clear(self.members.len());
        for (place, &member) in self.members.iter().enumerate() {
            let [x, y, z, _] = self.rows[member as usize];
            self.tower.prepare(place, y, z);
            match (member as usize).checked_sub(item) {
                Some(ahead) => self.places[ahead] = place as u32,
                None => self.tower.join(place, x),
            }
        }
    }
}

struct Next<'a, 'b> {
    climb: &'a mut Climb<'b>,
    item: usize,
    skip: bool,
}

impl Kernel for Next<'_, '_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { climb: Climb { tower, rows, first, places, far, .. }, item, skip } = self;
        let [x, y, z, last] = rows[item];
        let place = places[item - *first] as usize;
        tower.exclusive(place, [x, y, z], [far[0], far[1], far[2]], true, skip) * (far[3] - last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    /// Points on a grid of six values per objective, by their fourth.
    fn grid(count: u64) -> Vec<[f64; 4]> {
        let hashed = (1..=count).map(|index| index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 7);
        let mut rows: Vec<_> = hashed.map(|bits| [0, 9, 18, 27].map(|shift| ((bits >> shift) % 6) as f64)).collect();
        rows.sort_by(|a, b| a[3].total_cmp(&b[3]));
        rows
    }

    /// How many cells the points dominate below 6 in every objective.
    fn cells(rows: &[[f64; 4]]) -> f64 {
        let cell = |index: u32| [0, 1, 2, 3].map(|k| f64::from(index / 6_u32.pow(k) % 6));
        let dominated = |cell: [f64; 4]| rows.iter().any(|row| (0..4).all(|k| row[k] <= cell[k]));
        f64::from((0..6_u32.pow(4)).map(cell).map(|cell| u32::from(dominated(cell))).sum::<u32>())
    }

    #[test]
    fn volumes_count_cells() {
        for level in levels() {
            let mut four = Four::new(level);
            for count in [1, 2, 8, 20, 64, 65, 150] {
                // Few rows stay as far from the origin as these.
                let rows: Vec<_> = grid(count).into_iter().map(|row| row.map(|value| (value + 2.0).min(5.0))).collect();
                let mut points = Set::new(level);
                points.clear(4);
                for row in &rows {
                    points.push(row);
                }
                assert_eq!(four.volume(&points, 2.0, &[6.0; 4]), cells(&rows), "{count}");
            }
        }
    }

    #[test]
    fn a_table_of_several_batches_counts_cells() {
        for level in levels() {
            for count in [1, 127, 128, 129, 700] {
                let rows: Vec<_> = grid(count).into_iter().filter(|row| row.iter().sum::<f64>() >= 10.0).collect();
                let mut order: Vec<usize> = (0..rows.len()).collect();
                order.sort_by(|&a, &b| rows[a][2].total_cmp(&rows[b][2]));
                let mut ranks = vec![0; rows.len()];
                for (rank, item) in order.into_iter().enumerate() {
                    ranks[item] = rank as u32;
                }
                let mut climb = Climb::new(level, &rows, &ranks, [6.0; 4]);
                let mut other = Climb::new(level, &rows, &ranks, [6.0; 4]);
                let mut total = 0.0;
                for item in 0..rows.len() {
                    let added = climb.next(item, false);
                    // As when threads take turns.
                    let shared = other.next(item, item % 3 > 0);
                    assert!(shared == added || item % 3 > 0);
                    total += added;
                }
                assert_eq!(total, cells(&rows), "{count}");
            }
        }
    }
}
