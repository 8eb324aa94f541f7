//! The front of all ways to choose one option per stage: Minkowski sums of fronts, and the same with max, min, product.
//!
//! Stages are folded from left to right and only the front is carried on: every operator is monotone, also as rounded
//! floats are, so what a better prefix becomes is never worse. Two objectives are merged from sorted lists (`plane`),
//! others filtered in chunks (`space`); `thin` keeps fronts small at a stated loss. Which option was taken is read back
//! through pointers.

mod limits;
mod plane;
mod space;
mod thin;

use std::num::NonZeroUsize;

use crate::error::{Error, Result};
use crate::order::sort_by;
use limits::Limits;
use thin::Thin;

/// How the values of an objective come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// They add up.
    Sum,
    /// The largest counts.
    Max,
    /// The smallest counts.
    Min,
    /// They multiply; none is negative.
    Product,
}

/// What `compose` needs to know besides the options.
#[derive(Clone, Copy)]
pub struct ComposeOptions<'a> {
    /// One per objective.
    pub operators: &'a [Operator],
    /// Per objective: larger is better.
    pub maximize: &'a [bool],
    /// Loss per objective that the result may have in all.
    pub eps: Option<&'a [f64]>,
    /// Whether losses are factors less one, not differences.
    pub relative: bool,
    /// Worst value allowed per objective; an infinity for any.
    pub limit: Option<&'a [f64]>,
    /// Most rows that are carried on.
    pub max_rows: Option<usize>,
    /// Most threads; `None` decides by size.
    pub threads: Option<NonZeroUsize>,
    /// Asked now and then; once it says true the call ends with [`Error::Interrupted`].
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// The front of the compositions.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    /// One row of objectives each, lexicographically best first.
    pub values: Vec<f64>,
    /// Per objective: every composition is matched by a row that is at most this much worse.
    pub bound: Vec<f64>,
    /// Per stage and row of its front: the row of the front before, and the option taken.
    trail: Vec<Vec<(u32, u32)>>,
}

/// Rows that are followed back through the stages side by side.
const LANES: usize = 8;

impl Composition {
    /// Bytes of the choices.
    #[must_use]
    pub fn choices_bytes(&self) -> usize {
        self.trail.last().map_or(0, Vec::len) * self.trail.len() * size_of::<i64>()
    }

    /// Fill `bytes` with the option taken of every stage, as an `i64` each, row after row.
    ///
    /// # Panics
    /// If `bytes` has not as many as [`Self::choices_bytes`] says.
    pub fn choices(&self, bytes: &mut [u8]) {
        assert_eq!(bytes.len(), self.choices_bytes(), "bytes of choices");
        let num_stages = self.trail.len();
        let num_rows = self.trail[num_stages - 1].len() as u32;
        let own = bytes.as_chunks_mut::<{ size_of::<i64>() }>().0.chunks_mut(LANES * num_stages);
        for (own, first) in own.zip((0..num_rows).step_by(LANES)) {
            let mut rows: [u32; LANES] = std::array::from_fn(|lane| (first + lane as u32).min(num_rows - 1));
            for (stage, from) in self.trail.iter().enumerate().rev() {
                for (row, choice) in rows.iter_mut().zip(own[stage..].iter_mut().step_by(num_stages)) {
                    let option;
                    (*row, option) = from[*row as usize];
                    *choice = i64::from(option).to_ne_bytes();
                }
            }
        }
    }
}

/// An operator on values with the sign of minimization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    Sum,
    Max,
    Min,
    Product,
    /// Of values that were negated because larger is better.
    NegatedProduct,
}

impl Fold {
    fn of(operator: Operator, maximize: bool) -> Self {
        match (operator, maximize) {
            (Operator::Sum, _) => Self::Sum,
            (Operator::Max, false) | (Operator::Min, true) => Self::Max,
            (Operator::Min, false) | (Operator::Max, true) => Self::Min,
            (Operator::Product, false) => Self::Product,
            (Operator::Product, true) => Self::NegatedProduct,
        }
    }

    #[inline(always)]
    fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Sum => a + b,
            Self::Max => a.max(b),
            Self::Min => a.min(b),
            Self::Product => a * b,
            // No negated zero, which would be sorted before a zero.
            Self::NegatedProduct => 0.0 - a * b,
        }
    }
}

/// Rows of values with the sign of minimization, and where each comes from: a row of the prefix and an option.
#[derive(Debug, Clone, Default)]
struct Rows {
    values: Vec<f64>,
    from: Vec<(u32, u32)>,
}

impl Rows {
    fn len(&self) -> usize {
        self.from.len()
    }

    fn push(&mut self, values: &[f64], from: (u32, u32)) {
        self.values.extend_from_slice(values);
        self.from.push(from);
    }

    /// The rows at `positions`.
    fn select(&self, positions: impl Iterator<Item = usize>, d: usize) -> Self {
        let mut rows = Self::default();
        for position in positions {
            rows.push(&self.values[position * d..][..d], self.from[position]);
        }
        rows
    }

    /// Lexicographic order; equal values stay in theirs.
    fn sorted(&self, d: usize) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        let row = |at: usize| &self.values[at * d..][..d];
        sort_by(&mut order, &|a, b| {
            let pairs = row(a).iter().zip(row(b));
            pairs.map(|(x, y)| x.total_cmp(y)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        self.select(order.into_iter(), d)
    }
}

/// Most rows that are carried on in any case.
const MOST_ROWS: usize = 1 << 27;

/// The front of all compositions of one option per stage; a stage is a C-order matrix of its options.
///
/// # Errors
/// If there is no stage, a stage has no option, a length does not fit, a value is NaN, or the operators cannot take it.
pub fn compose(stages: &[&[f64]], options: &ComposeOptions<'_>) -> Result<Composition> {
    let d = check(stages, options)?;
    let folds: Vec<Fold> =
        options.operators.iter().zip(options.maximize).map(|(&operator, &max)| Fold::of(operator, max)).collect();
    let stages: Vec<Rows> = stages.iter().map(|stage| space::front(&minimized(stage, options.maximize), d)).collect();
    let limits = Limits::new(&stages, &folds, options);
    let mut thin = Thin::new(options, stages.len());
    let mut trail = Vec::with_capacity(stages.len());
    let mut rows = stages[0].clone();
    limits.apply(&mut rows, 0, &folds);
    for (stage, options_of_stage) in stages.iter().enumerate().skip(1) {
        let mut next = if d == 2 {
            plane::fold(&rows, options_of_stage, [folds[0], folds[1]])
        } else {
            space::fold(&rows, options_of_stage, &folds, options)?
        };
        limits.apply(&mut next, stage, &folds);
        thin.apply(&mut next, d);
        if next.len() > MOST_ROWS {
            let hint = "hint: allow a loss with eps or max_rows";
            let got = format!("{} after stage {stage}\n{hint}", next.len());
            return Err(Error::value("stages", format!("of a front of at most {MOST_ROWS} rows"), got));
        }
        let mut from = std::mem::replace(&mut rows, next).from;
        from.shrink_to_fit();
        trail.push(from);
    }
    if stages.len() == 1 {
        thin.apply(&mut rows, d);
    }
    // Two objectives are merged in this order.
    let rows = if d == 2 { rows } else { rows.sorted(d) };
    let values = minimized(&rows.values, options.maximize);
    trail.push(rows.from);
    Ok(Composition { values, bound: thin.bound(), trail })
}

/// Values with the sign of minimization, and back; a negated zero is a zero.
fn minimized(values: &[f64], maximize: &[bool]) -> Vec<f64> {
    let signs = maximize.iter().cycle();
    values.iter().zip(signs).map(|(&value, &maximize)| 0.0 + if maximize { -value } else { value }).collect()
}

fn check(stages: &[&[f64]], options: &ComposeOptions<'_>) -> Result<usize> {
    let d = options.operators.len();
    if stages.is_empty() || d == 0 {
        return Err(Error::value("stages", "1 stage or more of 1 objective or more", "none"));
    }
    for (stage, values) in stages.iter().enumerate() {
        if values.is_empty() || values.len() % d != 0 {
            let expected = format!("(n, {d}) per stage with n of 1 or more");
            return Err(Error::shape("stages", expected, format!("{} values in stage {stage}", values.len())));
        }
        if values.iter().any(|value| value.is_nan()) {
            return Err(Error::value("stages", "free of NaN", format!("NaN in stage {stage}")));
        }
    }
    for (k, &operator) in options.operators.iter().enumerate() {
        let values = || stages.iter().flat_map(|stage| stage.iter().skip(k).step_by(d)).copied();
        if let Some(bad) = values().find(|&value| operator == Operator::Product && value < 0.0) {
            let hint = "hint: a product of negative factors does not keep the order";
            return Err(Error::value("stages", "not negative where `ops` is \"product\"", format!("{bad}\n{hint}")));
        }
        let (infinite, other) = match operator {
            Operator::Sum => (values().any(|value| value == f64::INFINITY), f64::NEG_INFINITY),
            Operator::Product => (values().any(f64::is_infinite), 0.0),
            Operator::Max | Operator::Min => (false, 0.0),
        };
        if infinite && values().any(|value| (value + 0.0).total_cmp(&other).is_eq()) {
            let expected = format!("free of either infinity or {other} in objective {k}");
            return Err(Error::value("stages", expected, "both, which have no sum or product"));
        }
        if options.relative && values().any(|value| value < 0.0) {
            return Err(Error::value("stages", "not negative where losses are relative", "a negative value"));
        }
        let lossy = options.eps.is_some_and(|eps| eps[k] > 0.0) || options.max_rows.is_some();
        if lossy && !options.relative && operator == Operator::Product {
            let hint = "hint: use eps_kind=\"mult\"";
            return Err(Error::value("eps_kind", "\"mult\" where `ops` is \"product\"", format!("\"add\"\n{hint}")));
        }
    }
    Ok(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_lead_to_the_values() {
        // More rows than are followed side by side, and the last few of them.
        let stages: Vec<Vec<f64>> = (0..6).map(|stage| vec![0.0, f64::from(1 << stage), 9.0, 9.0, 1.0, 0.0]).collect();
        let borrowed: Vec<&[f64]> = stages.iter().map(Vec::as_slice).collect();
        let options = ComposeOptions {
            operators: &[Operator::Sum; 2],
            maximize: &[false; 2],
            eps: None,
            relative: false,
            limit: None,
            max_rows: None,
            threads: None,
            stop: &|| false,
        };
        let found = compose(&borrowed, &options).unwrap();
        let mut bytes = vec![0; found.choices_bytes()];
        found.choices(&mut bytes);
        let choices: Vec<usize> = bytes.as_chunks().0.iter().map(|&each| i64::from_ne_bytes(each) as usize).collect();
        let sum = |own: &[usize], k: usize| stages.iter().zip(own).map(|(stage, at)| stage[2 * at + k]).sum::<f64>();
        let values: Vec<f64> = choices.chunks(6).flat_map(|own| [sum(own, 0), sum(own, 1)]).collect();
        assert_eq!(found.values, values);
        assert_eq!(
            values.as_chunks().0,
            [[0.0, 63.0], [1.0, 31.0], [2.0, 15.0], [3.0, 7.0], [4.0, 3.0], [5.0, 1.0], [6.0, 0.0]]
        );
    }
}
