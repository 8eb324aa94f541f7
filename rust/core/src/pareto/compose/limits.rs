//! Bounds of the objectives, and which prefixes can still come to be within them.
//!
//! The best that the later stages can do is known before; a prefix that is beyond a bound even with it is dropped.

use super::{ComposeOptions, Fold, Rows, minimized};

/// What no row may be worse than, however good the stages still to come are.
pub(super) struct Limits {
    limit: Option<Vec<f64>>,
    /// The best that the later stages can add, per stage; none after the last.
    rest: Vec<Option<Vec<f64>>>,
    /// Room for what another order of additions may round to.
    slack: Vec<f64>,
}

impl Limits {
    pub(super) fn new(stages: &[Rows], folds: &[Fold], options: &ComposeOptions<'_>) -> Self {
        let d = folds.len();
        let Some(limit) = options.limit else { return Self { limit: None, rest: Vec::new(), slack: Vec::new() } };
        let limit = minimized(limit, options.maximize);
        let mut rest: Vec<Option<Vec<f64>>> = vec![None; stages.len()];
        let mut slack = vec![0.0_f64; d];
        for stage in (0..stages.len()).rev() {
            let column = |k: usize| stages[stage].values.iter().skip(k).step_by(d).copied();
            let best: Vec<f64> = (0..d).map(|k| column(k).fold(f64::INFINITY, f64::min)).collect();
            for (k, slack) in slack.iter_mut().enumerate() {
                *slack += match folds[k] {
                    Fold::Sum => column(k).fold(0.0, |most, value| value.abs().max(most)) * 1e-12,
                    Fold::Product | Fold::NegatedProduct => limit[k].abs() * 1e-12,
                    Fold::Max | Fold::Min => 0.0,
                };
            }
            let joined = match &rest[stage] {
                Some(later) => (0..d).map(|k| folds[k].apply(best[k], later[k])).collect(),
                None => best,
            };
            if stage > 0 {
                rest[stage - 1] = Some(joined);
            }
        }
        Self { limit: Some(limit), rest, slack }
    }

    /// Drop the rows that cannot come to be within the limit; `stage` is the last one folded in.
    pub(super) fn apply(&self, rows: &mut Rows, stage: usize, folds: &[Fold]) {
        let Some(limit) = &self.limit else { return };
        let d = folds.len();
        let fits = |row: &[f64]| match &self.rest[stage] {
            None => row.iter().zip(limit).all(|(value, limit)| value <= limit),
            Some(rest) => (0..d).all(|k| {
                let least = folds[k].apply(row[k], rest[k]) - self.slack[k];
                least.is_nan() || least <= limit[k]
            }),
        };
        let kept: Vec<usize> = rows
            .values
            .chunks_exact(d)
            .enumerate()
            .filter(|(_, row)| fits(row))
            .map(|(position, _)| position)
            .collect();
        if kept.len() < rows.len() {
            *rows = rows.select(kept.into_iter(), d);
        }
    }
}
