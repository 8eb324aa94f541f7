//! Binding of the single-machine simulator.

use paretoserve_core::sched::{Options, PolicyKind, Preempt};
use paretoserve_core::sim::jobs::simulate_jobs;
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Fill `completion`; returns how often a job was interrupted.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn sim_jobs(
    py: Python<'_>,
    mut completion: Output<i64>,
    release: Input<i64>,
    size: Input<i64>,
    policy: &str,
    fifo_share: f64,
    preempt: &str,
) -> PyResult<u64> {
    let (completion, release, size) = (completion.as_mut_slice(), release.as_slice(), size.as_slice());
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
        simulate_jobs(completion, release, size, options).map(|stats| stats.num_preempted)
    })
}
