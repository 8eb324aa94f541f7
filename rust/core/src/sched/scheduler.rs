//! The life of a request: submit, advance, finish or cancel. How a step is formed is in `batch.rs`.

use super::check::{check_estimate, check_sizes};
use super::forecast::Forecast;
use super::job::{Job, State};
use super::log::{self, Row};
use super::options::{MAX_WEIGHT, MICRO, Options, Preempt, micro};
use super::order::{self, Order};
use super::policy::{Key, Policy, Srpt, class};
use super::program::Programs;
use super::queue::Queue;
use super::request::{Request, RequestIndex};
use super::share::FifoShare;
use super::stats::Stats;
use crate::{Error, Result};

/// Decides which requests run in the next step of one engine.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) options: Options,
    pub(super) gain: u64,
    /// Measures calls, whatever the policy.
    pub(super) size: Srpt,
    pub(super) jobs: Vec<Job>,
    pub(super) free: Vec<RequestIndex>,
    pub(super) programs: Programs,
    /// Waiting requests in the order of the policy, and by submission if the FIFO share or the longest wait needs it.
    pub(super) waiting: Box<dyn Order>,
    by_age: Queue<u64>,
    /// In order of admission; entries that no longer run are dropped when the next step is formed.
    pub(super) running: Vec<RequestIndex>,
    pub(super) share: FifoShare,
    pub(super) stats: Stats,
    pub(super) now_ns: u64,
    /// How many more steps the last batch repeats, and whether it does so whoever arrives.
    pub(super) steady_steps: u32,
    pub(super) steady_for_arrivals: bool,
    pub(super) scratch: Vec<RequestIndex>,
    pub(super) log: Option<Vec<Row>>,
    pub(super) last_arrival_ns: u64,
    pub(super) next_sequence: u64,
    pub(super) num_starts: u64,
    pub(super) forecast: Forecast,
    pub(super) samples: Vec<Vec<u32>>,
}

impl Scheduler {
    /// An empty scheduler.
    pub fn new(options: Options) -> Result<Self> {
        Self::with_samples(options, Vec::new())
    }

    /// An empty scheduler that knows distributions: each list holds output lengths that were seen, and
    /// [`Request::distribution`] is the number of a list. Only `gittins` reads them, and it needs one at least.
    pub fn with_samples(options: Options, samples: Vec<Vec<u32>>) -> Result<Self> {
        options.check()?;
        let order = order::make(&options, &samples)?;
        Ok(Self { samples, ..Self::with_order(options, order)? })
    }

    /// An empty scheduler with a policy of your own; `options.policy` is not looked at, unless it is `vtc`, which
    /// shares among tenants as `options.tenant_fairness` does.
    pub fn with_policy(options: Options, policy: Box<dyn Policy>) -> Result<Self> {
        options.check()?;
        Self::with_order(options, order::ranked(&options, policy.into()))
    }

    /// An empty scheduler with an order of your own, in which nobody waits; `options.policy` is not looked at.
    pub fn with_order(options: Options, waiting: Box<dyn Order>) -> Result<Self> {
        options.check()?;
        let idle = waiting.is_fifo() || waiting.gives_turns();
        let share = if idle { 0 } else { micro(options.fifo_share).min(MICRO) };
        Ok(Self {
            options,
            gain: micro(options.preempt_gain),
            size: Srpt::new(micro(options.prefill_weight), false),
            jobs: Vec::new(),
            free: Vec::new(),
            programs: Programs::default(),
            waiting,
            by_age: Queue::new(),
            running: Vec::new(),
            share: FifoShare::new(share),
            stats: Stats::default(),
            now_ns: 0,
            steady_steps: 0,
            steady_for_arrivals: false,
            scratch: Vec::new(),
            log: None,
            last_arrival_ns: 0,
            next_sequence: 0,
            num_starts: 0,
            forecast: Forecast::default(),
            samples: Vec::new(),
        })
    }

    /// Put a request into the queue. O(log n).
    pub fn submit(&mut self, request: Request) -> Result<RequestIndex> {
        self.submit_cached(request, 0)
    }

    /// [`Scheduler::submit`] for a request of which `cached_tokens` prompt tokens are known to be in the cache now.
    /// This only places it in the queue; the cache is asked again at admission.
    pub fn submit_cached(&mut self, request: Request, cached_tokens: u32) -> Result<RequestIndex> {
        self.check(&request, cached_tokens)?;
        self.submit_checked(request, cached_tokens)
    }

    /// Make room for so many more.
    pub(super) fn reserve(&mut self, additional: usize) {
        self.jobs.reserve(additional.saturating_sub(self.free.len()));
    }

    /// [`Scheduler::submit_cached`] for what [`Scheduler::check`] accepts.
    pub(super) fn submit_checked(&mut self, request: Request, cached_tokens: u32) -> Result<RequestIndex> {
        let mut job = Job {
            request,
            sequence: self.next_sequence,
            age: self.next_sequence,
            state: State::Waiting,
            num_cached: cached_tokens,
            estimate: request.expected_output_tokens.unwrap_or_else(|| self.usual_output_tokens()),
            ..Job::default()
        };
        let work = self.size.work(&job);
        job.later = work.saturating_mul(u64::from(request.calls_left));
        job.class = class(work);
        if let Some(program) = request.program {
            self.join(program, &mut job)?;
        }
        let index = if let Some(index) = self.free.pop() {
            self.jobs[index as usize] = job;
            index
        } else {
            let index = RequestIndex::try_from(self.jobs.len())
                .map_err(|_| Error::value("request", "at most 4294967295 at once", self.jobs.len()))?;
            self.jobs.push(job);
            index
        };
        self.next_sequence += 1;
        self.last_arrival_ns = request.arrival_ns;
        self.stats.num_submitted += 1;
        // The call of an old program may go before those that wait.
        if !self.steady_for_arrivals || job.age != job.sequence {
            self.steady_steps = 0;
        }
        self.waiting.arrive(&job);
        self.enqueue(index);
        if let Some(log) = &mut self.log {
            log::submit_rows(log, index, &request, cached_tokens);
        }
        Ok(index)
    }

    /// Change what is known about a request. `None` keeps a value; an output below what was sampled is refused. A
    /// waiting request moves to its new place, O(log n).
    pub fn update(
        &mut self,
        request: RequestIndex,
        expected_output_tokens: Option<u32>,
        cached_tokens: Option<u32>,
        priority: Option<i32>,
    ) -> Result<()> {
        let mut job = *self.job(request)?;
        job.request.expected_output_tokens = expected_output_tokens.or(job.request.expected_output_tokens);
        job.estimate = expected_output_tokens.unwrap_or(job.estimate);
        job.num_cached = cached_tokens.unwrap_or(job.num_cached);
        job.request.priority = priority.unwrap_or(job.request.priority);
        check_sizes(&job.request, job.num_cached)?;
        check_estimate(expected_output_tokens, job.num_sampled)?;
        if job.start == 0 {
            job.class = class(self.size.work(&job));
        }
        self.jobs[request as usize] = job;
        self.steady_steps = 0;
        if job.state == State::Waiting {
            self.enqueue(request);
        }
        let (given, priority) = (i64::from(priority.is_some()), i64::from(priority.unwrap_or(0)));
        let [expected, cached] = [expected_output_tokens, cached_tokens].map(|value| value.map_or(-1, i64::from));
        self.note([log::UPDATE, i64::from(request), expected, cached, given, priority]);
        Ok(())
    }

    /// Give a request another rank, for the policy `external`. A waiting request moves to its new place, O(log n).
    pub fn set_rank(&mut self, request: RequestIndex, rank: u64) -> Result<()> {
        let waits = self.job(request)?.state == State::Waiting;
        self.jobs[request as usize].request.rank = rank;
        self.steady_steps = 0;
        if waits {
            self.enqueue(request);
        }
        self.note([log::RANK, i64::from(request), rank as i64, 0, 0, 0]);
        Ok(())
    }

    /// Tell that a running request has computed `num_computed` more tokens and sampled `num_sampled` more, in one step
    /// or in a stretch of decode steps (then both are the number of steps). O(1).
    pub fn advance(&mut self, request: RequestIndex, num_computed: u32, num_sampled: u32) -> Result<()> {
        self.check_advance(request, num_computed, num_sampled)?;
        let job = &mut self.jobs[request as usize];
        job.num_computed += num_computed;
        job.num_sampled += num_sampled;
        self.waiting.serve(&self.jobs[request as usize], num_computed, num_sampled);
        self.note([log::ADVANCE, i64::from(request), i64::from(num_computed), i64::from(num_sampled), 0, 0]);
        Ok(())
    }

    /// Forget a request that has all its output. The engine frees its blocks. O(log n).
    pub fn finish(&mut self, request: RequestIndex) -> Result<()> {
        let sampled = self.job(request)?.num_sampled;
        self.forget(request, true);
        self.stats.num_finished += 1;
        self.stats.num_output_tokens += u64::from(sampled);
        self.note([log::FINISH, i64::from(request), 0, 0, 0, 0]);
        Ok(())
    }

    /// Forget a request that nobody wants any more, wherever it is. The engine frees its blocks. O(log n).
    pub fn cancel(&mut self, request: RequestIndex) -> Result<()> {
        self.job(request)?;
        self.forget(request, false);
        self.stats.num_cancelled += 1;
        self.note([log::CANCEL, i64::from(request), 0, 0, 0, 0]);
        Ok(())
    }

    /// What the scheduler knows about a live request.
    pub fn job(&self, request: RequestIndex) -> Result<&Job> {
        self.jobs
            .get(request as usize)
            .filter(|job| job.state != State::Free)
            .ok_or_else(|| Error::value("request", "a live request", request))
    }

    /// Where a live request stands in the order: smaller keys run earlier.
    pub fn key(&self, request: RequestIndex) -> Result<Key> {
        self.job(request).map(|job| (self.waiting.policy().rank(job), job.sequence))
    }

    /// Start or stop writing down every call; starting begins a new log, which only replays if nothing was submitted
    /// before.
    pub fn record(&mut self, on: bool) {
        self.log = on.then(|| {
            let mut rows = log::options_rows(&self.options).to_vec();
            log::samples_rows(&mut rows, &self.samples);
            rows
        });
    }

    /// What was written down since [`Scheduler::record`]; [`log::replay`] repeats it.
    pub fn log(&self) -> &[Row] {
        self.log.as_deref().unwrap_or(&[])
    }

    /// What ranks mean here.
    pub fn policy(&self) -> &dyn Policy {
        self.waiting.policy()
    }

    /// The options it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Counters and lengths now.
    pub fn stats(&self) -> Stats {
        Stats { num_waiting: self.waiting.len() as u64, num_programs: self.programs.len() as u64, ..self.stats }
    }

    /// How many more steps would repeat the last batch, every request decoding one token, if nothing finishes, is
    /// cancelled or updated and the cache has room for the new tokens. 0 if the last batch was not such a batch;
    /// `u32::MAX` if there is no end. Falls to 0 on an arrival that could change the next batch, and stays when it
    /// could not (no slot is free). O(1); valid between a `next_batch` and the next.
    pub fn steady_steps(&self) -> u32 {
        self.steady_steps
    }

    /// Whether the next batch repeats the last one, under the conditions of [`Scheduler::steady_steps`].
    pub fn steady(&self) -> bool {
        self.steady_steps > 0
    }

    /// Whether a request is placed by what was served before it arrived: progress in a stretch of steps has to be told
    /// before it is submitted. Only where tenants share.
    pub fn counts_progress(&self) -> bool {
        self.waiting.counts_progress()
    }

    /// Give a tenant a weight in millionths: one of weight 2 is served twice as much as one of weight 1, which all have
    /// at first. Only under `tenant_fairness` or `vtc`.
    pub fn set_tenant_weight(&mut self, tenant: u32, weight: u64) -> Result<()> {
        if !(1..=MAX_WEIGHT as u64 * MICRO).contains(&weight) {
            let got = weight as f64 / MICRO as f64;
            return Err(Error::value("tenant_weight", "between 0.000001 and 1000", got));
        }
        if !self.waiting.set_tenant_weight(tenant, weight) {
            return Err(Error::value("tenant_weight", "used with `tenant_fairness` or the policy \"vtc\"", "neither"));
        }
        self.note([log::TENANT_WEIGHT, i64::from(tenant), weight as i64, 0, 0, 0]);
        Ok(())
    }

    /// Forget tenants that make no difference any more; returns, in order, those that do although nobody of them lives.
    pub(super) fn remembered_tenants(&mut self) -> Vec<u32> {
        self.waiting.remembered_tenants()
    }

    /// Put a waiting request where its key says, or move it there.
    pub(super) fn enqueue(&mut self, request: RequestIndex) {
        let job = &self.jobs[request as usize];
        self.waiting.enter(request, job);
        if self.share.is_active() || self.options.max_wait_ns.is_some() {
            self.by_age.set(request, job.sequence);
        }
    }

    pub(super) fn dequeue(&mut self, request: RequestIndex) {
        self.waiting.leave(request, &self.jobs[request as usize]);
        self.by_age.remove(request);
    }

    /// Who is admitted next, and whether because it is the oldest.
    pub(super) fn head(&mut self) -> Option<(RequestIndex, bool)> {
        let best = self.waiting.first(self.now_ns)?;
        let again = self.jobs[best as usize].num_preemptions > 0;
        match self.by_age.peek() {
            Some(oldest) if self.share.is_due(again) || self.waits_too_long(oldest) => Some((oldest, true)),
            _ => Some((best, false)),
        }
    }

    fn waits_too_long(&self, request: RequestIndex) -> bool {
        let since = self.jobs[request as usize].request.arrival_ns;
        self.options.max_wait_ns.is_some_and(|longest| self.now_ns.saturating_sub(since) >= longest)
    }

    /// Add a row of somebody else's to the log, if there is one.
    pub(super) fn note(&mut self, row: Row) {
        if let Some(log) = &mut self.log {
            log.push(row);
        }
    }

    fn forget(&mut self, request: RequestIndex, finished: bool) {
        let job = self.jobs[request as usize];
        if job.state == State::Waiting {
            self.dequeue(request);
        } else {
            self.stats.num_running -= 1;
        }
        self.waiting.depart(&job);
        self.part(&job, finished);
        self.jobs[request as usize] = Job::default();
        self.free.push(request);
        self.steady_steps = 0;
    }

    fn usual_output_tokens(&self) -> u32 {
        self.stats
            .num_output_tokens
            .checked_div(self.stats.num_finished)
            .map_or(self.options.unknown_output_tokens, |mean| u32::try_from(mean).unwrap_or(u32::MAX).max(1))
    }
}

/// Whether slots may be taken from running requests.
pub(super) fn takes_slots(options: &Options) -> bool {
    options.preempt == Preempt::Slots
}
