//! `split_tokens`: quotas of the copies of one layer's experts.

use std::sync::{Mutex, PoisonError};

use paretoserve_core::Error;
use paretoserve_core::moe::Ranks;
use paretoserve_core::moe::counts::sum_sources;
use paretoserve_core::moe::split::{Copies, Objective, Splitter};
use pyo3::prelude::*;

use super::{CostRow, cost};
use crate::arrays::{Input, Output};
use crate::errors::detached;

struct State {
    splitter: Splitter,
    counts: Vec<u64>,
}

/// Splits for one placement of one layer.
#[pyclass(frozen)]
pub(crate) struct MoeSplitter(Mutex<State>);

#[pymethods]
impl MoeSplitter {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
    fn new(
        py: Python<'_>,
        physical_to_logical: Input<i64>,
        slot_start: Input<u32>,
        num_experts: usize,
        speed: Input<u32>,
        node_size: usize,
    ) -> PyResult<Self> {
        let (slots, starts, speed) = (physical_to_logical.as_slice(), slot_start.as_slice(), speed.as_slice());
        detached(py, || {
            let copies = Copies::new(slots, starts, num_experts, Ranks::new(speed, node_size)?)?;
            Ok(Self(Mutex::new(State { splitter: Splitter::new(copies), counts: vec![0; num_experts] })))
        })
    }

    /// Most copies of one expert that count.
    fn most(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).splitter.copies().most()
    }

    /// What a kernel needs of the copies.
    fn tables(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).splitter.tables()
    }

    /// Most tokens of a step.
    fn most_tokens(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).splitter.most_tokens()
    }

    /// What a kernel needs to split by time.
    fn times(&self, py: Python<'_>, model: CostRow) -> PyResult<(u64, u64, u64, u64, u64)> {
        detached(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).splitter.times(&cost(model)))
            .map(Into::into)
    }

    /// Fill `out`, a row per expert, with the slots of its copies, after them -1.
    fn slots(&self, mut out: Output<i64>) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let copies = state.splitter.copies();
        for (expert, row) in out.as_mut_slice().chunks_exact_mut(copies.most().max(1)).enumerate() {
            row.fill(-1);
            row.iter_mut().zip(copies.slots(expert)).for_each(|(place, &slot)| *place = i64::from(slot));
        }
    }

    /// Fill `quota`, laid out as `slots`, and `loads` with the tokens of a step; returns the largest load over the
    /// mean.
    #[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts it")]
    fn split(
        &self,
        py: Python<'_>,
        mut quota: Output<i64>,
        mut loads: Output<i64>,
        counts: Input<i64>,
        objective: &str,
        model: Option<CostRow>,
    ) -> PyResult<f64> {
        let (quota, loads, counts) = (quota.as_mut_slice(), loads.as_mut_slice(), counts.as_slice());
        detached(py, || {
            let objective = match (objective, model) {
                ("tokens", _) => Objective::Tokens,
                ("active", _) => Objective::Active,
                ("cost", Some(model)) => Objective::Cost(cost(model)),
                _ => return Err(Error::value("objective", "tokens, active, or cost with a cost model", objective)),
            };
            let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sum_sources(&mut state.counts, counts)?;
            let (num_experts, num_ranks) = (state.counts.len(), state.splitter.loads().len());
            let columns = state.splitter.copies().most().max(1);
            if quota.len() != num_experts * columns || loads.len() != num_ranks {
                return Err(Error::shape(
                    "quota",
                    format!("({num_experts}, {columns})"),
                    format!("({},)", quota.len()),
                ));
            }
            state.splitter.split(&state.counts, objective)?;
            quota.fill(0);
            for (expert, row) in quota.chunks_exact_mut(columns).enumerate() {
                let tokens = state.splitter.quota(expert);
                row.iter_mut().zip(tokens).for_each(|(place, &tokens)| *place = tokens as i64);
            }
            loads.iter_mut().zip(state.splitter.loads()).for_each(|(place, &tokens)| *place = tokens as i64);
            Ok(state.splitter.ratio())
        })
    }
}
