//! The volume that a few points leave of a small box in space: the innermost step of every sliced computation.
//!
//! The points are swept along the third objective. For few of them the staircase in the first two is a height above
//! each of their sorted first coordinates, which a point lowers from its own on: vector code without a branch. For more
//! it is a sorted list.

#![expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch, which vector code must not have")]

/// Points of a block.
const LANES: usize = 8;

/// Buffers that are used again and again.
#[derive(Default)]
pub(super) struct Corner {
    /// First, second and third coordinate of each point.
    points: Vec<[f64; 3]>,
    /// The steps: first coordinates rise, second ones fall.
    stairs: Vec<[f64; 2]>,
}

impl Corner {
    pub(super) fn clear(&mut self) {
        self.points.clear();
    }

    /// Add a point, no better than the corner of the box and better than its far end.
    #[inline(always)]
    pub(super) fn push(&mut self, point: [f64; 3]) {
        self.points.push(point);
    }

    /// The volume of what the points dominate below `far`.
    #[inline(always)]
    pub(super) fn covered(&mut self, far: &[f64]) -> f64 {
        match self.points.len() {
            0..=8 => heights::<1>(&self.points, far),
            9..=16 => heights::<2>(&self.points, far),
            17..=32 => heights::<4>(&self.points, far),
            _ => self.listed(far),
        }
    }

    fn listed(&mut self, far: &[f64]) -> f64 {
        self.points.sort_by(|a, b| a[2].total_cmp(&b[2]));
        let stairs = &mut self.stairs;
        stairs.clear();
        stairs.push([f64::NEG_INFINITY, far[1]]);
        stairs.push([far[0], f64::NEG_INFINITY]);
        let mut volume = 0.0;
        for &[x, y, z] in &self.points {
            let first = stairs.partition_point(|step| step[0] < x);
            let mut top = stairs[first - 1][1];
            if top <= y || (stairs[first][0] == x && stairs[first][1] <= y) {
                continue;
            }
            let (mut next, mut left, mut area) = (first, x, 0.0);
            while stairs[next][1] >= y {
                let [right, below] = stairs[next];
                area += (right - left) * (top - y);
                (left, top) = (right, below);
                next += 1;
            }
            area += (stairs[next][0] - left) * (top - y);
            if next == first {
                stairs.insert(first, [x, y]);
            } else {
                stairs[first] = [x, y];
                stairs.drain(first + 1..next);
            }
            volume += area * (far[2] - z);
        }
        volume
    }
}

/// As `listed`, for at most eight times `B` points.
#[inline(always)]
fn heights<const B: usize>(points: &[[f64; 3]], far: &[f64]) -> f64 {
    let mut coordinates = [[[f64::INFINITY; LANES]; B]; 3];
    for (index, point) in points.iter().enumerate() {
        for k in 0..3 {
            coordinates[k][index / LANES % B][index % LANES] = point[k];
        }
    }
    let [x, y, z] = &coordinates;
    let (x_ranks, z_ranks) = (ranks(x, points.len()), ranks(z, points.len()));
    let (mut starts, mut ends) = ([[far[0]; LANES]; B], [[far[0]; LANES]; B]);
    let mut order = [[0_usize; LANES]; B];
    for (index, point) in points.iter().enumerate() {
        let rank = x_ranks[index / LANES % B][index % LANES] as usize;
        starts[rank / LANES % B][rank % LANES] = point[0];
        if let Some(before) = rank.checked_sub(1) {
            ends[before / LANES % B][before % LANES] = point[0];
        }
        let rank = z_ranks[index / LANES % B][index % LANES] as usize;
        order[rank / LANES % B][rank % LANES] = index;
    }
    let (mut tops, mut volumes) = ([[far[1]; LANES]; B], [[0.0; LANES]; B]);
    for &index in order.as_flattened().iter().take(points.len()) {
        let (block, lane) = (index / LANES % B, index % LANES);
        let (start, top, depth) = (x[block][lane], y[block][lane], far[2] - z[block][lane]);
        for block in 0..B {
            for lane in 0..LANES {
                let lower =
                    if (starts[block][lane] >= start) & (top < tops[block][lane]) { top } else { tops[block][lane] };
                let area = (tops[block][lane] - lower) * (ends[block][lane] - starts[block][lane]);
                volumes[block][lane] += area * depth;
                tops[block][lane] = lower;
            }
        }
    }
    volumes.as_flattened().iter().sum()
}

/// How many of the first `count` values come before each one, equal ones in their order.
#[inline(always)]
fn ranks<const B: usize>(values: &[[f64; LANES]; B], count: usize) -> [[u64; LANES]; B] {
    let mut ranks = [[0_u64; LANES]; B];
    for (index, &value) in values.as_flattened().iter().enumerate().take(count) {
        for block in 0..B {
            for lane in 0..LANES {
                let (other, later) = (values[block][lane], index < block * LANES + lane);
                ranks[block][lane] += u64::from((value < other) | ((value == other) & later));
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_counted_once() {
        let mut corner = Corner::default();
        assert_eq!(corner.covered(&[4.0, 4.0, 4.0]), 0.0);
        for point in [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [3.0, 3.0, 3.0], [0.0, 0.0, 3.0]] {
            corner.push(point);
        }
        assert_eq!(corner.covered(&[4.0, 4.0, 4.0]), 3.0 * (6.0 + 6.0 - 4.0) + 16.0);
    }

    #[test]
    fn few_and_many_points_are_measured_alike() {
        for count in [1_usize, 7, 8, 9, 16, 20, 32] {
            let mut corner = Corner::default();
            for index in 0..count as u64 {
                let part = |shift: u32| ((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift & 15) as f64;
                corner.push([part(20), part(30), part(40)]);
            }
            let far = [16.0, 17.0, 18.0];
            assert_eq!(corner.covered(&far), corner.listed(&far), "{count}");
        }
    }
}
