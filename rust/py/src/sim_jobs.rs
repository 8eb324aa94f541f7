//! Binding of the single-machine simulator.

use paretoserve_core::sched::{Options, PolicyKind, Preempt};
use paretoserve_core::sim::jobs::{Jobs, simulate_jobs};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `completion`; returns how often a job was interrupted.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn sim_jobs(
    py: Python<'_>,
    mut completion: Output<i64>,
    release: Input<i64>,
    size: Input<i64>,
    num_operations: Option<Input<i64>>,
    estimate: Option<Input<i64>>,
    weight: Option<Input<i64>>,
    deadline: Option<Input<i64>>,
    policy: &str,
    fifo_share: f64,
    preempt: &str,
) -> PyResult<u64> {
    let completion = completion.as_mut_slice();
    let [num_operations, estimate, weight, deadline] =
        [&num_operations, &estimate, &weight, &deadline].map(|column| column.as_ref().map(Input::as_slice));
    let (release, size) = (release.as_slice(), size.as_slice());
    let jobs = Jobs { release, size, num_operations, estimate, weight, deadline };
    detached(py, || {
        let options = Options {
            policy: PolicyKind::parse(policy)?,
            fifo_share,
            preempt: Preempt::parse(preempt)?,
            preempt_gain: 1.0,
            max_preemptions: u32::MAX,
            prefill_weight: 0.0,
            ..Options::default()
        };
        simulate_jobs(completion, &jobs, options).map(|stats| stats.num_preempted)
    })
}
