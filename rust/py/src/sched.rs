//! Binding of the scheduler. State sits behind a mutex, so that calls from several threads take turns.

use std::sync::{Mutex, MutexGuard, PoisonError};

use paretoserve_core::sched::log::{Row, compare, replay};
use paretoserve_core::sched::{Limits, NamedScheduler, Names, Options, POLICIES, PolicyKind, Preempt, Request};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::Input;
use crate::errors::{detached, to_python};
use crate::sched_columns::Columns;

/// Ids, tokens, tokens computed before, admitted ids, preempted ids: each the bytes of 64-bit integers.
type BatchBytes<'py> = [Bound<'py, PyBytes>; 5];

/// What few requests have: output range, distribution, weight in millionths, tenant, deadline, program, calls left,
/// rank.
type Terms = (Option<(u32, u32)>, u32, u64, i64, Option<u64>, Option<i64>, u32, u64);

/// Requests by id; see `paretoserve.sched.Scheduler`.
#[pyclass(frozen, module = "paretoserve._native")]
pub(crate) struct Scheduler(Mutex<NamedScheduler>);

impl Scheduler {
    fn lock(&self) -> MutexGuard<'_, NamedScheduler> {
        // A call that panicked is a bug that was raised already; the others may go on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Run a call too short to be worth releasing the interpreter lock.
fn quick<T>(py: Python<'_>, result: paretoserve_core::Result<T>) -> PyResult<T> {
    result.map_err(|error| to_python(py, &error))
}

fn bytes(py: Python<'_>, values: impl Iterator<Item = i64>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &values.flat_map(i64::to_ne_bytes).collect::<Vec<u8>>())
}

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
impl Scheduler {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "one per option of the Python class")]
    fn new(
        py: Python<'_>,
        policy: &str,
        fifo_share: f64,
        preempt: &str,
        preempt_gain: f64,
        max_preemptions: u32,
        prefill_weight: f64,
        unknown_output_tokens: u32,
        max_wait_ns: Option<u64>,
        eps: f64,
        tenant_fairness: bool,
        samples: Vec<Vec<u32>>,
        block_size: u32,
        record: bool,
    ) -> PyResult<Self> {
        let make = || {
            let options = Options {
                policy: PolicyKind::parse(policy)?,
                fifo_share,
                preempt: Preempt::parse(preempt)?,
                preempt_gain,
                max_preemptions,
                prefill_weight,
                unknown_output_tokens,
                max_wait_ns,
                eps,
                tenant_fairness,
            };
            let mut scheduler = paretoserve_core::sched::Scheduler::with_samples(options, samples)?;
            scheduler.record(record);
            NamedScheduler::new(scheduler, block_size)
        };
        quick(py, make()).map(|scheduler| Self(Mutex::new(scheduler)))
    }

    /// Add a request that waits.
    #[expect(clippy::too_many_arguments, reason = "one per argument of the Python method")]
    fn submit(
        &self,
        py: Python<'_>,
        request_id: i64,
        now_ns: u64,
        prompt_tokens: u32,
        expected_output_tokens: Option<u32>,
        cached_tokens: u32,
        priority: i32,
        terms: Option<Terms>,
    ) -> PyResult<()> {
        let mut request =
            Request { arrival_ns: now_ns, prompt_tokens, expected_output_tokens, priority, ..Request::default() };
        let mut names = Names::default();
        if let Some((output_range, distribution, weight, tenant, deadline_ns, program, calls_left, rank)) = terms {
            names = Names { tenant, program };
            request = Request { output_range, distribution, weight, deadline_ns, calls_left, rank, ..request };
        }
        quick(py, self.lock().submit(request_id, request, cached_tokens, names))
    }

    /// Go on with another operation.
    fn reveal(&self, py: Python<'_>, request_id: i64, prompt_tokens: u32, expected_output_tokens: u32) -> PyResult<()> {
        quick(py, self.lock().reveal(request_id, prompt_tokens, expected_output_tokens))
    }

    /// Change a tenant's share; `weight` in millionths.
    fn set_tenant_weight(&self, py: Python<'_>, tenant: i64, weight: u64) -> PyResult<()> {
        quick(py, self.lock().set_tenant_weight(tenant, weight))
    }

    /// Forget a program.
    fn end_program(&self, py: Python<'_>, program: i64) -> PyResult<()> {
        quick(py, self.lock().end_program(program))
    }

    /// Note that a program waits for something else; returns until when to keep its cache.
    fn pause(&self, py: Python<'_>, program: i64, now_ns: u64, keep_ns: u64) -> PyResult<u64> {
        quick(py, self.lock().pause(program, now_ns, keep_ns))
    }

    /// Note that it is back; returns whether its cache was to be kept until now.
    fn resume(&self, py: Python<'_>, program: i64, now_ns: u64) -> PyResult<bool> {
        quick(py, self.lock().resume(program, now_ns))
    }

    /// Add requests from arrays of one length.
    fn submit_many(&self, py: Python<'_>, request_ids: Input<i64>, now_ns: u64, columns: Columns) -> PyResult<()> {
        let ids = request_ids.as_slice();
        detached(py, || {
            let rows = columns.rows(ids.len())?;
            self.lock().submit_many(ids, |row| rows.request(row, now_ns))
        })
    }

    /// Change what is known of a request; None leaves it.
    fn update(
        &self,
        py: Python<'_>,
        request_id: i64,
        expected_output_tokens: Option<u32>,
        cached_tokens: Option<u32>,
        priority: Option<i32>,
    ) -> PyResult<()> {
        quick(py, self.lock().update(request_id, expected_output_tokens, cached_tokens, priority))
    }

    /// Give a request another rank; for the policy `external`.
    fn set_rank(&self, py: Python<'_>, request_id: i64, rank: u64) -> PyResult<()> {
        quick(py, self.lock().set_rank(request_id, rank))
    }

    /// Report tokens computed and sampled for a running request.
    fn advance(&self, py: Python<'_>, request_id: i64, num_computed: u32, num_sampled: u32) -> PyResult<()> {
        quick(py, self.lock().advance(request_id, num_computed, num_sampled))
    }

    /// The same for arrays of one length.
    fn advance_many(
        &self,
        py: Python<'_>,
        request_ids: Input<i64>,
        num_computed: Input<u32>,
        num_sampled: Input<u32>,
    ) -> PyResult<()> {
        let (ids, computed, sampled) = (request_ids.as_slice(), num_computed.as_slice(), num_sampled.as_slice());
        detached(py, || self.lock().advance_many(ids, computed, sampled))
    }

    /// Forget a request that ended.
    fn finish(&self, py: Python<'_>, request_id: i64) -> PyResult<()> {
        quick(py, self.lock().finish(request_id))
    }

    /// Forget a request, running or waiting.
    fn cancel(&self, py: Python<'_>, request_id: i64) -> PyResult<()> {
        quick(py, self.lock().cancel(request_id))
    }

    /// Decide the next step: request ids, tokens, tokens before, admitted and preempted ids, each as bytes of int64.
    #[expect(clippy::too_many_arguments, reason = "one per argument of the Python method")]
    fn next_batch<'py>(
        &self,
        py: Python<'py>,
        now_ns: u64,
        slots: u32,
        token_budget: u32,
        kv_free: Option<u64>,
        chunked_prefill: bool,
        reserve_full_prompt: bool,
    ) -> PyResult<BatchBytes<'py>> {
        let limits = Limits { slots, token_budget, chunked_prefill, reserve_full_prompt };
        let columns = detached(py, || {
            let mut scheduler = self.lock();
            let batch = scheduler.next_batch(now_ns, &limits, kv_free)?.clone();
            let ids = |handles: &[u32]| handles.iter().map(|&handle| scheduler.id(handle)).collect::<Vec<i64>>();
            let steps = &batch.scheduled;
            Ok([
                steps.iter().map(|step| scheduler.id(step.request)).collect(),
                steps.iter().map(|step| i64::from(step.num_tokens)).collect(),
                steps.iter().map(|step| i64::from(step.num_computed_tokens)).collect(),
                ids(&batch.admitted),
                ids(&batch.preempted),
            ])
        })?;
        Ok(columns.map(|column: Vec<i64>| bytes(py, column.into_iter())))
    }

    /// Ids to preempt so that `num_blocks` become free.
    fn victims(&self, py: Python<'_>, num_blocks: u64) -> PyResult<Vec<i64>> {
        detached(py, || Ok(self.lock().victims(num_blocks)))
    }

    /// What is known of a request, and its key in the queue.
    fn job<'py>(&self, py: Python<'py>, request_id: i64) -> PyResult<Bound<'py, PyDict>> {
        let scheduler = self.lock();
        let (job, key) = quick(py, scheduler.job(request_id))?;
        let entries = PyDict::new(py);
        let names = scheduler.names(job);
        entries.set_item("state", format!("{:?}", job.state).to_lowercase())?;
        entries.set_item("arrival_ns", job.request.arrival_ns)?;
        entries.set_item("priority", job.request.priority)?;
        entries.set_item("prompt_tokens", job.request.prompt_tokens)?;
        entries.set_item("expected_output_tokens", job.request.expected_output_tokens)?;
        entries.set_item("estimated_remaining_tokens", job.expected_remaining())?;
        entries.set_item("num_cached_tokens", job.num_cached)?;
        entries.set_item("num_computed_tokens", job.num_computed)?;
        entries.set_item("num_output_tokens", job.num_sampled)?;
        entries.set_item("num_preemptions", job.num_preemptions)?;
        entries.set_item("output_range", job.request.output_range)?;
        entries.set_item("weight", job.request.weight as f64 / 1e6)?;
        entries.set_item("tenant", names.tenant)?;
        entries.set_item("deadline_ns", job.request.deadline_ns)?;
        entries.set_item("program", names.program)?;
        entries.set_item("calls_left", job.request.calls_left)?;
        entries.set_item("attained_work", job.attained as f64 / 1e6)?;
        entries.set_item("has_started", job.start > 0)?;
        entries.set_item("key", key)?;
        Ok(entries)
    }

    /// Everything as bytes.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = detached(py, || Ok(self.lock().snapshot()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The scheduler of a snapshot, and the name of its policy.
    #[staticmethod]
    fn restore(py: Python<'_>, snapshot: Vec<u8>) -> PyResult<(Self, &'static str)> {
        let scheduler = detached(py, || NamedScheduler::restore(&snapshot))?;
        let policy = scheduler.scheduler().options().policy;
        let name = POLICIES.iter().find(|&&(_, kind)| kind == policy).map_or("", |&(name, _)| name);
        Ok((Self(Mutex::new(scheduler)), name))
    }

    /// Counters since the start.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats(py, &self.lock().scheduler().stats())
    }

    /// Steps for which the next batch repeats if nothing arrives or ends.
    fn steady_steps(&self) -> u32 {
        self.lock().scheduler().steady_steps()
    }

    /// Rows of the decision log as bytes of int64.
    fn log<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.lock().scheduler().log().iter().flatten().copied())
    }
}

/// Repeat a decision log and return the counters at its end; an error names the row that differs.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn sched_replay(py: Python<'_>, rows: Input<i64>) -> PyResult<Bound<'_, PyDict>> {
    let (rows, _) = rows.as_slice().as_chunks::<6>();
    let rows: &[Row] = rows;
    let end = detached(py, || replay(rows).map(|scheduler| scheduler.stats()))?;
    stats(py, &end)
}

/// A row of a log and what its replay decides there.
type Decided = (usize, Option<Row>);

/// Repeat a decision log; returns the counters at its end or before the first row that differs, and that row.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn sched_compare(py: Python<'_>, rows: Input<i64>) -> PyResult<(Bound<'_, PyDict>, Option<Decided>)> {
    let (rows, _) = rows.as_slice().as_chunks::<6>();
    let (end, difference) = detached(py, || {
        let (scheduler, difference) = compare(rows)?;
        Ok((scheduler.stats(), difference.map(|found| (found.row, found.decided))))
    })?;
    Ok((stats(py, &end)?, difference))
}

fn stats<'py>(py: Python<'py>, stats: &paretoserve_core::sched::Stats) -> PyResult<Bound<'py, PyDict>> {
    let entries = PyDict::new(py);
    for (name, value) in [
        ("num_waiting", stats.num_waiting),
        ("num_running", stats.num_running),
        ("num_programs", stats.num_programs),
        ("num_submitted", stats.num_submitted),
        ("num_finished", stats.num_finished),
        ("num_cancelled", stats.num_cancelled),
        ("num_admitted", stats.num_admitted),
        ("num_readmitted", stats.num_readmitted),
        ("num_fifo_admitted", stats.num_fifo_admitted),
        ("num_revealed", stats.num_revealed),
        ("num_preempted", stats.num_preempted),
        ("num_wasted_tokens", stats.num_wasted_tokens),
        ("num_output_tokens", stats.num_output_tokens),
    ] {
        entries.set_item(name, value)?;
    }
    Ok(entries)
}
