//! Which rows some weights make the best: the supported front, or what is possibly optimal under ranges of weights.
//!
//! For a row the weights that favor it most solve a linear program; its dual has one equation per objective and one
//! more, however many rows there are. The simplex method on it starts feasible and asks in every step which row is best
//! for the present weights (Dantzig's rule; Bland's after many steps, against cycles).

use std::num::NonZeroUsize;

use crate::error::{Error, Result};
use crate::parallel;

/// An advantage of less than this share of the range is rounding.
pub const TOLERANCE: f64 = 1e-12;
/// After this many steps the first useful variable enters, not the most useful.
const PATIENT_STEPS: usize = 500;
/// Steps after which the answer is what the bound allows: no case is known that gets here.
const MOST_STEPS: usize = 20_000;

/// The weights that are allowed: each within its range, and together 1.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// The least weight of each objective.
    pub low: &'a [f64],
    /// The largest.
    pub high: &'a [f64],
}

/// A variable of the dual program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Variable {
    /// The common price of weight.
    Price,
    /// The share of a row in a mixture.
    Share(usize),
    /// By how much the price is above the mixture's objective.
    Above(usize),
    /// By how much it is below.
    Below(usize),
}

struct Program<'a> {
    rows: &'a [f64],
    own: usize,
    weights: Weights<'a>,
    d: usize,
}

impl Program<'_> {
    fn row(&self, index: usize) -> &[f64] {
        &self.rows[index * self.d..][..self.d]
    }

    /// The column of a variable: its part in each equation.
    fn column(&self, variable: Variable) -> Vec<f64> {
        let mut column = vec![0.0; self.d + 1];
        match variable {
            Variable::Price => column[..self.d].fill(-1.0),
            Variable::Above(k) => column[k] = 1.0,
            Variable::Below(k) => column[k] = -1.0,
            Variable::Share(index) => {
                for ((out, &other), &own) in column.iter_mut().zip(self.row(index)).zip(self.row(self.own)) {
                    *out = other - own;
                }
                column[self.d] = 1.0;
            }
        }
        column
    }

    fn cost(&self, variable: Variable) -> f64 {
        match variable {
            Variable::Price => 1.0 - self.weights.low.iter().sum::<f64>(),
            Variable::Above(_) => 0.0,
            Variable::Below(k) => self.weights.high[k] - self.weights.low[k],
            Variable::Share(index) => {
                let pairs = self.row(index).iter().zip(self.row(self.own)).zip(self.weights.low);
                pairs.map(|((&other, &own), &low)| low * (other - own)).sum()
            }
        }
    }

    /// A mixture of one row, and the price that its worst objective sets.
    fn first_basis(&self, other: usize) -> Vec<Variable> {
        let column = self.column(Variable::Share(other));
        let worst = (0..self.d).fold(0, |worst, k| if column[k] > column[worst] { k } else { worst });
        let mut basis = vec![Variable::Share(other), Variable::Price];
        basis.extend((0..self.d).filter(|&k| k != worst).map(Variable::Above));
        basis
    }

    /// The variable that lowers the outcome most, with the prices of the equations given.
    fn entering(&self, prices: &[f64], basis: &[Variable], first: bool) -> Option<Variable> {
        let mut best = (-TOLERANCE / 8.0, None);
        let mut offer = |reduced: f64, variable: Variable| {
            let done = first && best.1.is_some();
            if reduced < best.0 && !done && !basis.contains(&variable) {
                best = (reduced, Some(variable));
            }
        };
        for (k, &price) in prices[..self.d].iter().enumerate() {
            offer(-price, Variable::Above(k));
            offer(self.cost(Variable::Below(k)) + price, Variable::Below(k));
        }
        let weights: Vec<f64> = self.weights.low.iter().zip(prices).map(|(&low, &price)| low - price).collect();
        let total = |row: &[f64]| row.iter().zip(&weights).map(|(&value, &weight)| value * weight).sum::<f64>();
        let own = total(self.row(self.own)) + prices[self.d];
        for (index, row) in self.rows.chunks_exact(self.d).enumerate() {
            if index != self.own {
                offer(total(row) - own, Variable::Share(index));
            }
        }
        best.1
    }

    /// The most by which weights can favor the row over every other one; anything below `enough` once that is sure.
    fn advantage(&self, enough: f64) -> f64 {
        let num_rows = self.rows.len() / self.d;
        let Some(other) = (0..num_rows).find(|&index| index != self.own) else { return f64::INFINITY };
        let mut basis = self.first_basis(other);
        let mut outcome = f64::INFINITY;
        let mut sides = vec![0.0; self.d + 1];
        sides[self.d] = 1.0;
        for step in 0..MOST_STEPS {
            let columns: Vec<Vec<f64>> = basis.iter().map(|&variable| self.column(variable)).collect();
            let costs: Vec<f64> = basis.iter().map(|&variable| self.cost(variable)).collect();
            let transposed: Vec<Vec<f64>> =
                (0..=self.d).map(|k| columns.iter().map(|column| column[k]).collect()).collect();
            let (Some(values), Some(prices)) = (solve(transposed, &sides), solve(columns, &costs)) else { break };
            outcome = values.iter().zip(&costs).map(|(value, cost)| value * cost).sum();
            if outcome < enough {
                break;
            }
            let Some(entering) = self.entering(&prices, &basis, step >= PATIENT_STEPS) else { break };
            let transposed =
                (0..=self.d).map(|k| basis.iter().map(|&variable| self.column(variable)[k]).collect()).collect();
            let Some(change) = solve(transposed, &self.column(entering)) else { break };
            let mut leaving: Option<(f64, usize)> = None;
            for (place, (&value, &change)) in values.iter().zip(&change).enumerate() {
                if change <= TOLERANCE || basis[place] == Variable::Price {
                    continue;
                }
                let ratio = value.max(0.0) / change;
                if leaving.is_none_or(|(best, at)| ratio < best || (ratio <= best && basis[place] < basis[at])) {
                    leaving = Some((ratio, place));
                }
            }
            let Some((_, place)) = leaving else { break };
            basis[place] = entering;
        }
        outcome
    }
}

/// Solve a square system given by its rows, by elimination with the largest pivot; `None` if there is no solution.
fn solve(mut rows: Vec<Vec<f64>>, sides: &[f64]) -> Option<Vec<f64>> {
    let n = rows.len();
    for (row, &side) in rows.iter_mut().zip(sides) {
        row.push(side);
    }
    for k in 0..n {
        let pivot = (k..n).fold(k, |best, row| if rows[row][k].abs() > rows[best][k].abs() { row } else { best });
        rows.swap(k, pivot);
        if rows[k][k].abs() < 1e-300 {
            return None;
        }
        let (above, below) = rows.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / above[k][k];
            if factor != 0.0 {
                for (value, &pivot) in row[k..].iter_mut().zip(&above[k][k..]) {
                    *value -= factor * pivot;
                }
            }
        }
    }
    let mut values = vec![0.0; n];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|other| rows[k][other] * values[other]).sum();
        values[k] = (rows[k][n] - known) / rows[k][k];
    }
    Some(values)
}

/// Mark the rows that some allowed weights make best: `out[i]` becomes 1 or 0.
///
/// `rows` are on a scale of about 1, to be minimized, none equal to another. With `alone` a row must be better than
/// every other one, by more than `TOLERANCE`; else as good. O(n) times the steps of the method per row.
///
/// # Errors
/// If a length does not fit.
pub fn supported(
    out: &mut [u8],
    rows: &[f64],
    weights: Weights<'_>,
    alone: bool,
    threads: Option<NonZeroUsize>,
) -> Result<()> {
    let d = weights.low.len();
    if d == 0 || weights.high.len() != d || out.len() * d != rows.len() {
        return Err(Error::shape("rows", format!("({}, {d})", out.len()), format!("({},)", rows.len())));
    }
    let enough = if alone { TOLERANCE } else { -TOLERANCE };
    let num_threads = threads.map_or_else(
        || if out.len() < 64 { 1 } else { std::thread::available_parallelism().map_or(1, NonZeroUsize::get) },
        NonZeroUsize::get,
    );
    let size = out.len().div_ceil(num_threads).max(1);
    parallel::each(out.chunks_mut(size).enumerate().collect(), |(part, out)| {
        for (own, flag) in (part * size..).zip(out) {
            let advantage = Program { rows, own, weights, d }.advantage(enough);
            *flag = u8::from(if alone { advantage > enough } else { advantage >= enough });
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(rows: &[f64], low: &[f64], high: &[f64], alone: bool) -> Vec<u8> {
        let mut out = vec![0; rows.len() / low.len()];
        supported(&mut out, rows, Weights { low, high }, alone, None).unwrap();
        out
    }

    #[test]
    fn a_corner_is_supported_and_a_dent_is_not() {
        let rows = [0.0, 1.0, 0.4, 0.4, 0.55, 0.5, 1.0, 0.0];
        assert_eq!(marks(&rows, &[0.0, 0.0], &[1.0, 1.0], true), [1, 1, 0, 1]);
        assert_eq!(marks(&[0.0, 1.0, 0.5, 0.5, 1.0, 0.0], &[0.0; 2], &[1.0; 2], true), [1, 0, 1]);
        assert_eq!(marks(&[0.0, 1.0, 0.5, 0.5, 1.0, 0.0], &[0.0; 2], &[1.0; 2], false), [1, 1, 1]);
    }

    #[test]
    fn ranges_of_weights_leave_some_rows_out() {
        // Between the first and the second row the balance is at weights (0.6, 0.4), between the others at (0.4, 0.6).
        let rows = [0.0, 1.0, 0.4, 0.4, 1.0, 0.0];
        assert_eq!(marks(&rows, &[0.45, 0.0], &[0.55, 1.0], false), [0, 1, 0]);
        assert_eq!(marks(&rows, &[0.61, 0.0], &[1.0, 1.0], false), [1, 0, 0]);
        assert_eq!(marks(&rows, &[0.59, 0.0], &[0.61, 1.0], false), [1, 1, 0]);
        assert_eq!(marks(&[0.3, 0.7], &[0.0, 0.0], &[1.0, 1.0], true), [1]);
    }
}
