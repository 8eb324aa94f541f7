//! Forming one step, in the order of vLLM's V1 scheduler.
//!
//! Running requests come first: each gets the tokens it misses, within the budget. One that gets no block makes the
//! request with the largest key give way (under FCFS: the last admitted). Then, unless somebody just gave way, waiting
//! requests enter until slots or tokens run out or the first one does not fit.

use super::check::check_time;
use super::forecast::Growth;
use super::job::State;
use super::log::{self, Recorder};
use super::policy::Price;
use super::request::{Batch, KvCache, Limits, RequestIndex, Scheduled};
use super::scheduler::{Scheduler, takes_slots};
use crate::{Error, Result};

/// Why nobody else was admitted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    NobodyWaits,
    NoSlot,
    NoTokens,
    NoRoom,
    /// Its blocks, or somebody's, would run out later.
    NoRoomLater,
}

impl Scheduler {
    /// Form the next step into `batch`. O(running + admitted log n), and O(running) more for each preemption; allocates
    /// nothing once `batch` has grown. `now_ns` must not be before that of the last call.
    pub fn next_batch(&mut self, now_ns: u64, limits: &Limits, kv: &mut impl KvCache, batch: &mut Batch) -> Result<()> {
        batch.clear();
        if now_ns < self.now_ns {
            return Err(Error::value("now_ns", format!("at least {}, the time of the last call", self.now_ns), now_ns));
        }
        check_time("now_ns", now_ns)?;
        self.now_ns = now_ns;
        if let Some(mut rows) = self.log.take() {
            rows.push(log::batch_row(now_ns, limits));
            self.form(limits, &mut Recorder { kv, rows: &mut rows }, batch);
            log::answer_rows(&mut rows, batch);
            self.log = Some(rows);
        } else {
            self.form(limits, kv, batch);
        }
        Ok(())
    }

    fn form(&mut self, limits: &Limits, kv: &mut impl KvCache, batch: &mut Batch) {
        self.drop_stale();
        if takes_slots(&self.options) {
            self.take_slots(limits, kv, batch);
        }
        let taken = batch.preempted.len();
        let budget = self.continue_running(limits, kv, batch);
        let lost_blocks = batch.preempted.len() > taken;
        if lost_blocks {
            self.drop_stale();
        }
        let num_continued = batch.scheduled.len();
        let stop = if lost_blocks { Stop::NoRoom } else { self.admit(budget, limits, kv, batch) };
        self.note_steadiness(stop, num_continued, batch);
    }

    /// The running request that gives way when blocks run out: the largest key. Where keys are sizes it is looked for
    /// first among those preempted fewer than `max_preemptions` times: the longest would be computed again and again.
    /// O(running).
    pub fn victim(&self) -> Option<RequestIndex> {
        self.candidates().max_by_key(|&request| self.victim_key(request))
    }

    /// Everything that runs, first victim first. O(running log running).
    pub fn victims(&self) -> Vec<RequestIndex> {
        let mut victims: Vec<RequestIndex> = self.candidates().collect();
        victims.sort_by_cached_key(|&request| std::cmp::Reverse(self.victim_key(request)));
        victims
    }

    fn candidates(&self) -> impl Iterator<Item = RequestIndex> {
        self.running.iter().copied().filter(|&request| self.jobs[request as usize].state == State::Running)
    }

    fn victim_key(&self, request: RequestIndex) -> (bool, u64, u64) {
        let job = &self.jobs[request as usize];
        let policy = self.waiting.policy();
        let sized = policy.recompute(job).is_some();
        let tired = sized && job.num_preemptions >= self.options.max_preemptions;
        (!tired, policy.victim_rank(job), job.sequence)
    }

    /// Continue what runs; returns the tokens that are left.
    fn continue_running(&mut self, limits: &Limits, kv: &mut impl KvCache, batch: &mut Batch) -> u32 {
        let mut budget = limits.token_budget;
        for position in 0..self.running.len() {
            let request = self.running[position];
            let job = &self.jobs[request as usize];
            let missing = job.num_missing();
            let num_tokens = missing.min(budget);
            let whole_or_cut = limits.chunked_prefill || num_tokens == missing;
            if job.state != State::Running || num_tokens == 0 || !whole_or_cut {
                continue;
            }
            let num_computed_tokens = job.num_computed;
            if self.make_room(request, num_computed_tokens + num_tokens, &mut budget, kv, batch) {
                budget -= num_tokens;
                batch.scheduled.push(Scheduled { request, num_tokens, num_computed_tokens });
            }
        }
        budget
    }

    /// Reserve blocks for a running request, evicting others for it. False if it was itself the one to give way.
    fn make_room(
        &mut self,
        request: RequestIndex,
        num_tokens: u32,
        budget: &mut u32,
        kv: &mut impl KvCache,
        batch: &mut Batch,
    ) -> bool {
        while !kv.reserve(request, num_tokens) {
            let victim = self.victim().unwrap_or(request);
            // The victim may have its place in this step already.
            if let Some(place) = batch.scheduled.iter().position(|scheduled| scheduled.request == victim) {
                *budget += batch.scheduled.remove(place).num_tokens;
            }
            self.preempt(victim, kv, batch);
            if victim == request {
                return false;
            }
        }
        true
    }

    /// Admit waiting requests until something runs out.
    fn admit(&mut self, mut budget: u32, limits: &Limits, kv: &mut impl KvCache, batch: &mut Batch) -> Stop {
        let mut foresees = None;
        loop {
            let Some((request, by_age)) = self.head() else { return Stop::NobodyWaits };
            if self.running.len() >= limits.slots as usize {
                return Stop::NoSlot;
            }
            if budget == 0 {
                return Stop::NoTokens;
            }
            let total = self.jobs[request as usize].num_tokens();
            // At least one token is computed: its output is what the first sample comes from.
            let cached = kv.cached_tokens(request).min(total - 1);
            let num_tokens = (total - cached).min(budget);
            if num_tokens < total - cached && !limits.chunked_prefill {
                return Stop::NoTokens;
            }
            if self.waiting.policy().output_left(&self.jobs[request as usize]).is_some()
                && *foresees.get_or_insert_with(|| self.foresee(kv))
                && !self.fits_later(request, cached)
            {
                return Stop::NoRoomLater;
            }
            let reserved = if limits.reserve_full_prompt { total } else { cached + num_tokens };
            if !kv.reserve(request, reserved) {
                return Stop::NoRoom;
            }
            budget -= num_tokens;
            self.start(request, cached, by_age);
            batch.admitted.push(request);
            batch.scheduled.push(Scheduled { request, num_tokens, num_computed_tokens: cached });
        }
    }

    /// Look at what everybody who runs will hold; false if the cache says nothing of its size. O(running log running).
    fn foresee(&mut self, kv: &mut impl KvCache) -> bool {
        let Some((num_blocks, block_size)) = kv.capacity() else { return false };
        self.forecast.clear(num_blocks, block_size);
        for &request in &self.running {
            let growth = self.growth(request, self.jobs[request as usize].num_cached);
            self.forecast.add(growth);
        }
        true
    }

    /// Whether `request` fits beside what runs until everybody completes; alone it always may try.
    fn fits_later(&mut self, request: RequestIndex, cached: u32) -> bool {
        let growth = self.growth(request, cached);
        self.forecast.add(growth);
        self.running.is_empty() || self.forecast.fits()
    }

    fn growth(&self, request: RequestIndex, cached: u32) -> Growth {
        let job = &self.jobs[request as usize];
        let num_steps = self.waiting.policy().output_left(job).unwrap_or(1).max(1);
        let num_tokens = u64::from(job.num_tokens());
        Growth { num_tokens, num_steps, shared_blocks: u64::from(cached) / self.forecast.block_size() }
    }

    fn start(&mut self, request: RequestIndex, cached: u32, by_age: bool) {
        self.dequeue(request);
        let job = &mut self.jobs[request as usize];
        let again = job.num_preemptions > 0;
        job.state = State::Running;
        job.num_computed = cached;
        job.num_cached = cached;
        let num_new = job.request.prompt_tokens.saturating_sub(cached.max(job.num_charged));
        job.num_charged = job.request.prompt_tokens;
        self.num_starts += 1;
        job.start = self.num_starts;
        self.running.push(request);
        self.share.admit(again);
        self.stats.num_running += 1;
        let by_age = self.waiting.start(request, &self.jobs[request as usize], num_new) || by_age;
        self.stats.num_fifo_admitted += u64::from(by_age);
        *(if again { &mut self.stats.num_readmitted } else { &mut self.stats.num_admitted }) += 1;
    }

    /// Back to the queue, to be computed again from nothing. Its place in `running` is dropped later.
    fn preempt(&mut self, request: RequestIndex, kv: &mut impl KvCache, batch: &mut Batch) {
        kv.release(request);
        let job = &mut self.jobs[request as usize];
        job.state = State::Waiting;
        self.stats.num_running -= 1;
        self.stats.num_preempted += 1;
        self.stats.num_wasted_tokens += u64::from(job.num_computed);
        job.num_computed = 0;
        job.num_cached = 0;
        job.num_preemptions = job.num_preemptions.saturating_add(1);
        batch.preempted.push(request);
        self.enqueue(request);
    }

    /// Evict running requests for waiting ones that are so much shorter that computing the victim again pays. Stops
    /// where the FIFO share will choose: the oldest waits for a slot of its own. O(running + log n) for each eviction.
    fn take_slots(&mut self, limits: &Limits, kv: &mut impl KvCache, batch: &mut Batch) {
        let mut share = self.share;
        while self.running_and_promised() == u64::from(limits.slots) {
            let Some(best) = self.waiting.first(self.now_ns) else { break };
            let again = self.jobs[best as usize].num_preemptions > 0;
            let victim = self.victim().filter(|&victim| !share.is_due(again) && self.pays(best, victim));
            let Some(victim) = victim else { break };
            share.admit(again);
            self.waiting.leave(best, &self.jobs[best as usize]);
            self.scratch.push(best);
            self.preempt(victim, kv, batch);
        }
        if !batch.preempted.is_empty() {
            while let Some(request) = self.scratch.pop() {
                self.enqueue(request);
            }
            self.drop_stale();
        }
    }

    fn running_and_promised(&self) -> u64 {
        self.stats.num_running + self.scratch.len() as u64
    }

    fn pays(&self, newcomer: RequestIndex, victim: RequestIndex) -> bool {
        let (newcomer, victim) = (&self.jobs[newcomer as usize], &self.jobs[victim as usize]);
        let num_delayed = self.running_and_promised() + self.waiting.len() as u64;
        let price = Price { gain: self.gain, num_delayed };
        victim.num_preemptions < self.options.max_preemptions && self.waiting.displaces(newcomer, victim, price)
    }

    fn drop_stale(&mut self) {
        let jobs = &self.jobs;
        self.running.retain(|&request| jobs[request as usize].state == State::Running);
    }

    /// Work out for how long this batch repeats: all that runs decodes, and nobody who waits could enter.
    fn note_steadiness(&mut self, stop: Stop, num_continued: usize, batch: &Batch) {
        let all = num_continued == self.running.len() && batch.preempted.is_empty();
        let decodes = all && self.running.iter().all(|&request| self.jobs[request as usize].is_decode());
        self.steady_steps = 0;
        self.steady_for_arrivals = false;
        // With time, with progress, or with what is left of everybody, somebody else may come to stand first and fit.
        let drifts = self.waiting.drifts() || self.options.max_wait_ns.is_some() || stop == Stop::NoRoomLater;
        let slots_are_safe = !takes_slots(&self.options);
        let settled = stop == Stop::NobodyWaits || (stop == Stop::NoSlot && slots_are_safe);
        if !decodes || self.running.is_empty() || (drifts && !settled) {
            return;
        }
        // Whoever arrives meets full slots, or stands behind the one that does not fit.
        self.steady_for_arrivals =
            slots_are_safe && (stop == Stop::NoSlot || (stop != Stop::NobodyWaits && self.waiting.is_fifo()));
        // Evictions for slots become attractive only when the rank of somebody who runs rises.
        let policy = self.waiting.policy();
        let patience = |&request: &RequestIndex| policy.patience(&self.jobs[request as usize]);
        self.steady_steps = if slots_are_safe || stop == Stop::NobodyWaits {
            u32::MAX
        } else {
            self.running.iter().map(patience).min().unwrap_or(0)
        };
    }
}
