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
    /// Per row the option taken of every stage.
    pub choices: Vec<u32>,
    /// Per objective: every composition is matched by a row that is at most this much worse.
    pub bound: Vec<f64>,
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
            Self::NegatedProduct => -(a * b),
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
        trail.push(std::mem::replace(&mut rows, next).from);
    }
    if stages.len() == 1 {
        thin.apply(&mut rows, d);
    }
    let rows = rows.sorted(d);
    let mut values = minimized(&rows.values, options.maximize);
    // A negated zero is a zero.
    for value in &mut values {
        *value += 0.0;
    }
    Ok(Composition { values, choices: choices(&rows, &trail, &stages), bound: thin.bound() })
}

/// Follow the pointers of each row back through the stages.
fn choices(rows: &Rows, trail: &[Vec<(u32, u32)>], stages: &[Rows]) -> Vec<u32> {
    let num_stages = stages.len();
    let mut choices = vec![0; rows.len() * num_stages];
    for (own, &last) in choices.chunks_exact_mut(num_stages).zip(&rows.from) {
        let (mut prefix, mut option) = last;
        for stage in (1..num_stages).rev() {
            own[stage] = stages[stage].from[option as usize].1;
            (prefix, option) = trail[stage - 1][prefix as usize];
        }
        // A first stage points at its own options.
        own[0] = option;
    }
    choices
}

/// Values with the sign of minimization, and back.
fn minimized(values: &[f64], maximize: &[bool]) -> Vec<f64> {
    let signs = maximize.iter().cycle();
    values.iter().zip(signs).map(|(&value, &maximize)| if maximize { -value } else { value }).collect()
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
