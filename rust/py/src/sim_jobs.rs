//! Binding of the single-machine simulator.

use paretoserve_core::sched::{Options, PolicyKind, Preempt};
use paretoserve_core::sim::jobs::{Jobs, free_preemption, simulate_jobs_from};
use paretoserve_core::sim::{Climb, worst_case};
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
    tenant: Option<Input<i64>>,
    distribution: Option<Input<i64>>,
    policy: &str,
    fifo_share: f64,
    preempt: &str,
    eps: f64,
    tenant_fairness: bool,
    samples: Vec<Vec<u32>>,
) -> PyResult<u64> {
    let completion = completion.as_mut_slice();
    let [num_operations, estimate, weight, deadline, tenant, distribution] =
        [&num_operations, &estimate, &weight, &deadline, &tenant, &distribution]
            .map(|column| column.as_ref().map(Input::as_slice));
    let (release, size) = (release.as_slice(), size.as_slice());
    let jobs = Jobs { release, size, num_operations, estimate, weight, deadline, tenant, distribution };
    detached(py, || {
        let options = Options {
            fifo_share,
            preempt: Preempt::parse(preempt)?,
            eps,
            tenant_fairness,
            ..free_preemption(PolicyKind::parse(policy)?)
        };
        simulate_jobs_from(completion, &jobs, options, samples).map(|stats| stats.num_preempted)
    })
}

/// Release, sizes and numbers of operations of the worst jobs, with their flow time and the least possible.
type WorstRow = (Vec<i64>, Vec<i64>, Vec<i64>, i64, i64);

/// Search for jobs on which a policy does badly.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per argument of the Python function")]
pub(crate) fn sim_worst_case(
    py: Python<'_>,
    policy: &str,
    eps: f64,
    num_jobs: u32,
    num_operations: u32,
    first_size: u32,
    max_size: u32,
    iterations: u32,
    seed: u64,
) -> PyResult<WorstRow> {
    detached(py, || {
        let options = Options { eps, ..free_preemption(PolicyKind::parse(policy)?) };
        let climb = Climb { num_jobs, num_operations, first_size, max_size, iterations, seed };
        let worst = worst_case(options, &climb)?;
        Ok((worst.release, worst.size, worst.num_operations, worst.flow, worst.optimal))
    })
}
