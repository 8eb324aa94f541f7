//! The volume that a few points leave of a small box in space: the innermost step of every sliced computation.
//!
//! The points are swept along the third objective; their staircase in the first two lives in a short sorted array.

/// Buffers that are used again and again.
#[derive(Default)]
pub(super) struct Corner {
    /// Third, first and second coordinate of each point.
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
    pub(super) fn push(&mut self, [x, y, z]: [f64; 3]) {
        self.points.push([z, x, y]);
    }

    /// The volume of what the points dominate below `far`; the order in which they came does not matter.
    #[inline(always)]
    pub(super) fn covered(&mut self, far: &[f64]) -> f64 {
        sort(&mut self.points);
        let stairs = &mut self.stairs;
        stairs.clear();
        stairs.push([f64::NEG_INFINITY, far[1]]);
        stairs.push([far[0], f64::NEG_INFINITY]);
        let mut volume = 0.0;
        for &[z, x, y] in &self.points {
            let first = position(stairs, x);
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
                if next > first + 1 {
                    stairs.copy_within(next.., first + 1);
                    stairs.truncate(stairs.len() - (next - first - 1));
                }
            }
            volume += area * (far[2] - z);
        }
        volume
    }
}

/// The first step whose first coordinate is `x` or more.
#[inline(always)]
fn position(stairs: &[[f64; 2]], x: f64) -> usize {
    if stairs.len() > 32 {
        return stairs.partition_point(|step| step[0] < x);
    }
    let mut position = 0;
    for step in stairs {
        position += usize::from(step[0] < x);
    }
    position
}

#[inline(always)]
fn sort(points: &mut [[f64; 3]]) {
    let before = |a: &[f64; 3], b: &[f64; 3]| a[0] < b[0] || (a[0] == b[0] && (a[1], a[2]) < (b[1], b[2]));
    if points.len() > 20 {
        points.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])).then(a[2].total_cmp(&b[2])));
        return;
    }
    for index in 1..points.len() {
        let point = points[index];
        let mut free = index;
        while free > 0 && before(&point, &points[free - 1]) {
            points[free] = points[free - 1];
            free -= 1;
        }
        points[free] = point;
    }
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
}
