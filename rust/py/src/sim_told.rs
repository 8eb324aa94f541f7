//! What schedulers of a simulation are made of and told, as `paretoserve.sim.scheduling.Told` has it.

use paretoserve_core::{sched, sim};
use pyo3::prelude::*;

use crate::arrays::Input;

/// One row per request; what is absent has its default everywhere.
#[derive(FromPyObject)]
pub(crate) struct Told {
    priority: Option<Input<i32>>,
    /// Two per row.
    output_range: Option<Input<u32>>,
    /// In millionths.
    weight: Option<Input<u64>>,
    /// By place among the tenants of the trace.
    tenant: Option<Input<u32>>,
    deadline_ns: Option<Input<i64>>,
    program: Option<Input<i64>>,
    calls_left: Option<Input<u32>>,
    distribution: Option<Input<u32>>,
    rank: Option<Input<u64>>,
    tenant_weights: Vec<(u32, u64)>,
    samples: Vec<Vec<u32>>,
    preempt_gain: f64,
    max_preemptions: u32,
    prefill_weight: f64,
    unknown_output_tokens: u32,
    max_wait_ns: Option<u64>,
    eps: f64,
    tenant_fairness: bool,
}

impl Told {
    /// The columns.
    pub(crate) fn terms(&self) -> sim::Terms<'_> {
        sim::Terms {
            priority: self.priority.as_ref().map(Input::as_slice),
            output_range: self.output_range.as_ref().map(|bounds| bounds.as_slice().as_chunks().0),
            weight: self.weight.as_ref().map(Input::as_slice),
            tenant: self.tenant.as_ref().map(Input::as_slice),
            deadline_ns: self.deadline_ns.as_ref().map(Input::as_slice),
            program: self.program.as_ref().map(Input::as_slice),
            calls_left: self.calls_left.as_ref().map(Input::as_slice),
            distribution: self.distribution.as_ref().map(Input::as_slice),
            rank: self.rank.as_ref().map(Input::as_slice),
            tenant_weights: &self.tenant_weights,
            samples: &self.samples,
        }
    }

    /// The options, of which the rest come from elsewhere.
    pub(crate) fn options(&self) -> sched::Options {
        sched::Options {
            preempt_gain: self.preempt_gain,
            max_preemptions: self.max_preemptions,
            prefill_weight: self.prefill_weight,
            unknown_output_tokens: self.unknown_output_tokens,
            max_wait_ns: self.max_wait_ns,
            eps: self.eps,
            tenant_fairness: self.tenant_fairness,
            ..sched::Options::default()
        }
    }
}
