//! Fewer rows at a stated loss: of rows that differ by at most a step in every objective one is enough.
//!
//! A loss goes through every operator without growing (relative ones through sums of values that are not negative), so
//! the losses of the steps add up, or multiply. In the plane the fewest rows that cover the others are found by a
//! greedy walk; above, rows are put in boxes and the front of the boxes stays (Papadimitriou and Yannakakis 2000).

use super::super::Keep;
use super::super::boxes::float_box;
use super::super::filter::front_of_keys;
use super::super::keys::key;
use super::{ComposeOptions, Rows};

pub(super) struct Thin<'a> {
    /// Loss per step and objective.
    step: Option<Vec<f64>>,
    maximize: &'a [bool],
    relative: bool,
    max_rows: Option<usize>,
    /// The losses so far; of relative ones the logarithms of the factors.
    lost: Vec<f64>,
}

/// Halvings of the loss that just keeps the number of rows.
const HALVINGS: usize = 12;

impl<'a> Thin<'a> {
    pub(super) fn new(options: &ComposeOptions<'a>, num_stages: usize) -> Self {
        let steps = num_stages.saturating_sub(1).max(1) as f64;
        let share = |&eps: &f64| if options.relative { eps.ln_1p() / steps } else { eps / steps };
        let step = options.eps.map(|eps| eps.iter().map(share).collect());
        let ComposeOptions { maximize, relative, max_rows, .. } = *options;
        Self { step, maximize, relative, max_rows, lost: vec![0.0; maximize.len()] }
    }

    /// What every row may have lost by now.
    pub(super) fn bound(&self) -> Vec<f64> {
        self.lost.iter().map(|&lost| if self.relative { lost.exp_m1() } else { lost }).collect()
    }

    /// Thin the rows of a front.
    pub(super) fn apply(&mut self, rows: &mut Rows, d: usize) {
        if let Some(step) = self.step.take() {
            self.drop_to(rows, &step, d);
            self.step = Some(step);
        }
        let Some(most) = self.max_rows.filter(|&most| rows.len() > most) else { return };
        let range: Vec<f64> = (0..d).map(|k| self.range(rows, k, d)).collect();
        let steps = |share: f64| range.iter().map(|range| range * share).collect::<Vec<_>>();
        // A step beyond the range leaves one row; the least step that does is looked for on a scale of factors.
        let (mut low, mut high) = (-40.0_f64, 0.5_f64);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.kept(rows, &steps(middle.exp2()), d).len() > most {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.drop_to(rows, &steps(high.exp2()), d);
    }

    fn drop_to(&mut self, rows: &mut Rows, step: &[f64], d: usize) {
        let kept = self.kept(rows, step, d);
        if kept.len() < rows.len() {
            *rows = rows.select(kept.into_iter(), d);
            for (lost, step) in self.lost.iter_mut().zip(step) {
                *lost += step;
            }
        }
    }

    /// A value of objective `k` on the scale on which losses are differences.
    fn scaled(&self, value: f64, k: usize) -> f64 {
        if !self.relative {
            value
        } else if self.maximize[k] {
            -(-value).ln()
        } else {
            value.ln()
        }
    }

    fn range(&self, rows: &Rows, k: usize, d: usize) -> f64 {
        let finite =
            rows.values.iter().skip(k).step_by(d).map(|&value| self.scaled(value, k)).filter(|v| v.is_finite());
        let (least, most) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        (most - least).max(0.0)
    }

    /// The rows that cover all with a loss of at most `step`.
    fn kept(&self, rows: &Rows, step: &[f64], d: usize) -> Vec<usize> {
        if d == 2 { self.walk(rows, step) } else { self.boxed(rows, step, d) }
    }

    fn walk(&self, rows: &Rows, step: &[f64]) -> Vec<usize> {
        let value = |row: usize, k: usize| self.scaled(rows.values[2 * row + k], k);
        let (mut kept, mut row) = (Vec::new(), 0);
        while row < rows.len() {
            // The last row that is not too much worse in the first objective covers those up to it.
            let reach = value(row, 0) + step[0];
            while row + 1 < rows.len() && value(row + 1, 0) <= reach {
                row += 1;
            }
            kept.push(row);
            let least = value(row, 1);
            row += 1;
            while row < rows.len() && least <= value(row, 1) + step[1] {
                row += 1;
            }
        }
        kept
    }

    fn boxed(&self, rows: &Rows, step: &[f64], d: usize) -> Vec<usize> {
        let columns: Vec<Vec<i64>> = (0..d)
            .map(|k| {
                let column = || rows.values.iter().skip(k).step_by(d).map(|&value| self.scaled(value, k));
                let least = column().filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min);
                let place = |value: f64| if value.is_finite() { value - least } else { value };
                let cell = |value: f64| {
                    // A step of 0 leaves the value.
                    if step[k] > 0.0 { float_box(place(value), step[k]) } else { key(value, false) }
                };
                column().map(cell).collect()
            })
            .collect();
        let columns: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        front_of_keys(&columns, Keep::First, 1).into_iter().map(|position| position as usize).collect()
    }
}
