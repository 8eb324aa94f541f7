//! Binding of `paretoserve_core::sim`.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use paretoserve_core::sched::{PolicyKind, Preempt};
use paretoserve_core::{sched, sim};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::cost::step::StepTime;
use crate::errors::{detached, to_python};
use crate::sim_told::Told;

/// `paretoserve.sim.Trace`.
#[derive(FromPyObject)]
pub(crate) struct Trace {
    arrival_ns: Input<i64>,
    prompt_tokens: Input<i32>,
    output_tokens: Input<i32>,
    hash_offsets: Option<Input<i64>>,
    hash_ids: Option<Input<i64>>,
    hash_block_tokens: u32,
}

/// What `paretoserve.sim.Configuration` says about the service itself.
#[derive(FromPyObject)]
pub(crate) struct Configuration {
    replicas: u32,
    data_parallel: u32,
    pipeline_parallel: u32,
    max_num_seqs: u32,
    max_num_batched_tokens: u32,
    chunked_prefill: bool,
    prefix_caching: bool,
    block_size: u32,
    policy: String,
    fifo_share: f64,
    router: String,
}

/// What the caller adds to it.
#[derive(FromPyObject)]
pub(crate) struct Extras {
    num_blocks: u32,
    host_ns: u64,
    overlap_host: bool,
    preempt: String,
    record: bool,
    threads: u32,
}

/// Arrays to fill, named as in `sim::Rows`.
#[derive(FromPyObject)]
pub(crate) struct Arrays {
    replica: Output<i32>,
    scheduled_ns: Output<i64>,
    first_token_ns: Output<i64>,
    finish_ns: Output<i64>,
    preemptions: Output<i32>,
    cached_tokens: Output<i32>,
    refusal: Output<u8>,
}

/// Totals of one replica in the order of `sim::Totals`.
type TotalsRow = (u64, u64, u64, u64, f64, f64, u64, u64, u64, u64, u32);

fn options(config: &Configuration, told: &Told, extras: &Extras) -> paretoserve_core::Result<sim::Options> {
    Ok(sim::Options {
        replicas: config.replicas,
        data_parallel: config.data_parallel,
        pipeline: config.pipeline_parallel,
        num_blocks: extras.num_blocks,
        block_size: config.block_size,
        prefix_caching: config.prefix_caching,
        limits: sched::Limits {
            chunked_prefill: config.chunked_prefill,
            ..sched::Limits::new(config.max_num_seqs, config.max_num_batched_tokens)
        },
        scheduler: sched::Options {
            policy: PolicyKind::parse(&config.policy)?,
            fifo_share: config.fifo_share,
            preempt: Preempt::parse(&extras.preempt)?,
            ..told.options()
        },
        router: sim::Router::parse(&config.router)?,
        host_ns: extras.host_ns,
        overlap_host: extras.overlap_host,
        skip: true,
        record: extras.record,
        threads: extras.threads,
    })
}

/// Replica, rank, lane and the rows of a decision log as bytes of int64.
type LogRow = (u32, u32, u32, Cow<'static, [u8]>);

/// Simulate a trace; fills `arrays`, returns the totals of each replica and the decision logs.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one per kind of input of the Python function")]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn simulate(
    py: Python<'_>,
    mut arrays: Arrays,
    trace: Trace,
    expected_output_tokens: Option<Input<i32>>,
    told: Told,
    step_time: &StepTime,
    config: Configuration,
    extras: Extras,
) -> PyResult<(Vec<TotalsRow>, Vec<LogRow>)> {
    let options = options(&config, &told, &extras).map_err(|error| to_python(py, &error))?;
    let step_time = Arc::clone(&step_time.inner);
    let signal = Mutex::new(None);
    let stop = || {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the bare method takes one lifetime, not any")]
        let raised = Python::attach(|py| py.check_signals()).err();
        let stops = raised.is_some();
        if let (Some(error), Ok(mut signal)) = (raised, signal.lock()) {
            *signal = Some(error);
        }
        stops
    };
    let run = detached(py, || {
        let hashes = match (&trace.hash_offsets, &trace.hash_ids) {
            (Some(offsets), Some(ids)) => Some(sim::PrefixHashes {
                offsets: offsets.as_slice(),
                ids: ids.as_slice(),
                block_tokens: trace.hash_block_tokens,
            }),
            _ => None,
        };
        let requests = sim::Trace {
            arrival_ns: trace.arrival_ns.as_slice(),
            prompt_tokens: trace.prompt_tokens.as_slice(),
            output_tokens: trace.output_tokens.as_slice(),
            expected_output_tokens: expected_output_tokens.as_ref().map(Input::as_slice),
            hashes,
            terms: told.terms(),
        };
        let mut rows = sim::Rows {
            replica: arrays.replica.as_mut_slice(),
            scheduled_ns: arrays.scheduled_ns.as_mut_slice(),
            first_token_ns: arrays.first_token_ns.as_mut_slice(),
            finish_ns: arrays.finish_ns.as_mut_slice(),
            preemptions: arrays.preemptions.as_mut_slice(),
            cached_tokens: arrays.cached_tokens.as_mut_slice(),
            refusal: arrays.refusal.as_mut_slice(),
        };
        sim::simulate(&mut rows, &requests, &step_time, &options, &stop)
    });
    if let Ok(Some(error)) = signal.into_inner() {
        return Err(error);
    }
    let run = run?;
    Ok((run.totals.iter().map(totals_row).collect(), run.logs.iter().map(log_row).collect()))
}

fn log_row(log: &sim::DecisionLog) -> LogRow {
    let bytes: Vec<u8> = log.rows.iter().flatten().flat_map(|number| number.to_ne_bytes()).collect();
    (log.replica, log.rank, log.lane, Cow::Owned(bytes))
}

fn totals_row(totals: &sim::Totals) -> TotalsRow {
    (
        totals.makespan_ns,
        totals.steps,
        totals.batches,
        totals.busy_ns,
        totals.flops,
        totals.bytes,
        totals.prefill_tokens,
        totals.decode_tokens,
        totals.recomputed_tokens,
        totals.preemptions,
        totals.peak_blocks,
    )
}
