//! Points in leaves of a k-d tree, each with the box around it, laid out for vectors.
//!
//! Only the leaves are kept: a search asks all boxes first, eight at a time, and then few leaves (Bentley 1975).

/// Points or boxes side by side.
pub(super) const LANES: usize = 8;
/// Points of a leaf.
pub(super) const LEAF: usize = 64;
/// Rows of a node that are looked at to find its widest objective.
const SAMPLE: usize = 32;

/// Numbers side by side.
pub(super) type Vector = [f64; LANES];

/// The points, leaf by leaf.
pub(super) struct Leaves {
    /// Of each `LANES` points the first objective, then the second, and so on; the last point fills the last vector up.
    points: Vec<Vector>,
    /// The least value of each box, of each `LANES` boxes objective by objective.
    pub(super) low: Vec<Vector>,
    /// The largest value, likewise.
    pub(super) high: Vec<Vector>,
    /// The row that each point was.
    pub(super) order: Vec<u32>,
    pub(super) d: usize,
}

impl Leaves {
    /// From rows; `negate` tells per objective whether to turn the sign, `sorted` whether many searches will follow.
    pub(super) fn of_rows(rows: &[f64], d: usize, negate: &[bool], sorted: bool) -> Self {
        let num_rows = rows.len() / d;
        let mut order: Vec<u32> = (0..num_rows as u32).collect();
        if sorted {
            divide(&mut order, rows, d);
        }
        let mut points = vec![[0.0; LANES]; num_rows.div_ceil(LANES) * d];
        for (lanes, vectors) in order.chunks(LANES).zip(points.chunks_exact_mut(d)) {
            for lane in 0..LANES {
                let row = &rows[lanes[lane.min(lanes.len() - 1)] as usize * d..][..d];
                for ((vector, &value), &negate) in vectors.iter_mut().zip(row).zip(negate) {
                    vector[lane] = if negate { -value } else { value };
                }
            }
        }
        let num_boxes = num_rows.div_ceil(LEAF).next_multiple_of(LANES);
        let mut low = vec![[f64::INFINITY; LANES]; num_boxes / LANES * d];
        let mut high = vec![[f64::NEG_INFINITY; LANES]; num_boxes / LANES * d];
        for (leaf, vectors) in points.chunks(LEAF / LANES * d).enumerate() {
            for (index, vector) in vectors.iter().enumerate() {
                let (at, lane) = (leaf / LANES * d + index % d, leaf % LANES);
                low[at][lane] = vector.iter().copied().fold(low[at][lane], f64::min);
                high[at][lane] = vector.iter().copied().fold(high[at][lane], f64::max);
            }
        }
        Self { points, low, high, order, d }
    }

    pub(super) fn num_leaves(&self) -> usize {
        self.order.len().div_ceil(LEAF)
    }

    /// The vectors of a leaf.
    #[inline(always)]
    pub(super) fn leaf(&self, index: usize) -> &[Vector] {
        let width = LEAF / LANES * self.d;
        let start = index * width;
        &self.points[start..(start + width).min(self.points.len())]
    }
}

/// Order rows so that every run of `LEAF` of them lies close together.
fn divide(order: &mut [u32], rows: &[f64], d: usize) {
    if order.len() <= LEAF {
        return;
    }
    let value = |row: u32, k: usize| rows[row as usize * d + k];
    let spread = |k: usize| {
        let sample = order.iter().step_by(order.len().div_ceil(SAMPLE)).map(|&row| value(row, k));
        let (least, most) = sample.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), each| (a.min(each), b.max(each)));
        most - least
    };
    let spreads: Vec<f64> = (0..d).map(spread).collect();
    let widest = (0..d).fold(0, |best, k| if spreads[k] > spreads[best] { k } else { best });
    // Whole leaves on the left, so that only the last leaf of all is not full.
    let middle = (order.len() / 2).next_multiple_of(LEAF).min(order.len() - 1);
    order.select_nth_unstable_by(middle, |&a, &b| value(a, widest).total_cmp(&value(b, widest)).then(a.cmp(&b)));
    let (left, right) = order.split_at_mut(middle);
    divide(left, rows, d);
    divide(right, rows, d);
}
