//! Binding of `paretoserve_core::partition`.

use paretoserve_core::partition::{Options, Outcome, Problem, split_front};
use pyo3::prelude::*;

use crate::arrays::Input;
use crate::errors::detached;

/// Objectives of the splits (three numbers each), their stages (split, kind, start, end, replicas), the stages that do
/// not fit if there is no split (kind, start, end, bytes), and how many labels the search kept.
type Found = (Vec<u64>, Vec<u64>, Vec<u64>, usize);

/// Find the splits that none beats.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per array and option of the Python function")]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn partition_front(
    py: Python<'_>,
    time: Input<u64>,
    energy: Input<u64>,
    memory: Input<u64>,
    transfer: Input<u64>,
    hold: Input<u64>,
    send: Input<u64>,
    count: Vec<usize>,
    capacity: Input<u64>,
    max_replicas: usize,
    choices: (bool, bool, bool),
    objectives: (bool, bool, bool),
    epsilon: f64,
    max_labels: usize,
) -> PyResult<Found> {
    let problem = Problem {
        time: time.as_slice(),
        energy: energy.as_slice(),
        memory: memory.as_slice(),
        transfer: transfer.as_slice(),
        hold: hold.as_slice(),
        send: send.as_slice(),
        count: &count,
        capacity: capacity.as_slice(),
    };
    let (free_order, use_all, overlap) = choices;
    let objectives = objectives.into();
    let options = Options { max_replicas, free_order, use_all, overlap, objectives, epsilon, max_labels };
    let (mut values, mut stages, mut missing, mut labels) = (Vec::new(), Vec::new(), Vec::new(), 0);
    match detached(py, || split_front(&problem, &options))? {
        Outcome::Front(splits, kept) => {
            labels = kept;
            for (index, split) in splits.iter().enumerate() {
                values.extend([split.latency, split.bottleneck, split.energy]);
                for stage in &split.stages {
                    let place = [index, stage.kind, stage.start, stage.end].map(|number| number as u64);
                    stages.extend(place);
                    stages.push(stage.replicas);
                }
            }
        }
        Outcome::TooLarge(stages) => {
            for stage in stages {
                missing.extend([stage.kind as u64, stage.start as u64, stage.end as u64, stage.bytes]);
            }
        }
    }
    Ok((values, stages, missing, labels))
}
