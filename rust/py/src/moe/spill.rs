//! `plan_spill`: which tokens and weights leave an overloaded rank in this step.

use std::sync::{Mutex, PoisonError};

use paretoserve_core::Error;
use paretoserve_core::moe::Ranks;
use paretoserve_core::moe::counts::sum_sources;
use paretoserve_core::moe::spill::{Options, Reason, Spiller, Tolerance};
use pyo3::prelude::*;

use super::{CostRow, cost};
use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Columns of a transfer: expert, source, destination, slot, tokens.
const COLUMNS: usize = 5;

struct State {
    spiller: Spiller,
    counts: Vec<u64>,
    most_tokens: u64,
}

/// Plans for one shape of layer.
#[pyclass(frozen)]
pub(crate) struct MoeSpiller(Mutex<State>);

/// How many transfers, the reason and its number, time before and after in picoseconds, ratio.
type Decision = (usize, &'static str, u64, u64, u64, f64);

#[pymethods]
impl MoeSpiller {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "one per argument of the Python class")]
    #[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
    fn new(
        py: Python<'_>,
        home: Input<u32>,
        speed: Input<u32>,
        node_size: usize,
        tolerance: Option<u32>,
        min_tokens: u64,
        max_foreign: Input<u32>,
        max_in: u32,
        max_out: u32,
        relay: bool,
        model: Option<CostRow>,
    ) -> PyResult<Self> {
        let (home, speed, max_foreign) = (home.as_slice(), speed.as_slice(), max_foreign.as_slice());
        detached(py, || {
            let options = Options {
                tolerance: tolerance.map_or(Tolerance::Auto, Tolerance::Fixed),
                min_tokens,
                max_foreign: max_foreign.to_vec(),
                max_in,
                max_out,
                relay,
                cost: model.map(cost),
            };
            let ranks = Ranks::new(speed, node_size)?;
            let most_tokens = options.cost.map(|cost| cost.most_tokens(home.len(), &ranks).unwrap_or_default());
            let spiller = Spiller::new(home, ranks, options)?;
            let (counts, most_tokens) = (vec![0; home.len()], most_tokens.unwrap_or(u64::MAX));
            Ok(Self(Mutex::new(State { spiller, counts, most_tokens })))
        })
    }

    /// Tokens of a step up to which its times under the cost model fit.
    fn most_tokens(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).most_tokens
    }

    /// Fill the first rows of `transfers`, which has a row per expert and rank, and `loads`.
    #[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
    fn plan(
        &self,
        py: Python<'_>,
        mut transfers: Output<i64>,
        mut loads: Output<i64>,
        counts: Input<i64>,
    ) -> PyResult<Decision> {
        let (transfers, loads, counts) = (transfers.as_mut_slice(), loads.as_mut_slice(), counts.as_slice());
        detached(py, || {
            let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sum_sources(&mut state.counts, counts)?;
            let rows = state.spiller.num_experts() + state.spiller.num_ranks();
            if transfers.len() != rows * COLUMNS || loads.len() != state.spiller.num_ranks() {
                return Err(Error::shape(
                    "transfers",
                    format!("({rows}, {COLUMNS})"),
                    format!("({},)", transfers.len()),
                ));
            }
            let outcome = state.spiller.plan(&state.counts)?;
            for (row, transfer) in transfers.chunks_exact_mut(COLUMNS).zip(state.spiller.transfers()) {
                let numbers = [transfer.expert, transfer.source, transfer.destination, transfer.slot].map(i64::from);
                row[..4].copy_from_slice(&numbers);
                row[4] = transfer.tokens as i64;
            }
            loads.iter_mut().zip(state.spiller.loads()).for_each(|(place, &tokens)| *place = tokens as i64);
            let (reason, number) = match outcome.reason {
                Reason::Empty => ("empty", 0),
                Reason::Balanced => ("balanced", 0),
                Reason::Limits => ("limits", 0),
                Reason::NotWorth(time) => ("not worth", time),
                Reason::Spill(tolerance) => ("spill", u64::from(tolerance)),
            };
            Ok((state.spiller.transfers().len(), reason, number, outcome.before, outcome.after, state.spiller.ratio()))
        })
    }
}
