//! The calls of a program: how one joins and leaves it, what is revealed, and how long a pause may keep its cache.

use super::check::{check_sizes, check_time};
use super::job::{Job, State};
use super::log;
use super::options::{MICRO, PolicyKind};
use super::policy::class;
use super::program::Program;
use super::request::{ProgramIndex, RequestIndex};
use super::scheduler::Scheduler;
use crate::{Error, Result};

impl Scheduler {
    /// Begin a program: a chain of requests ("calls") of which only the next is known. O(1).
    pub fn add_program(&mut self) -> Result<ProgramIndex> {
        let program = self.programs.add()?;
        self.note([log::ADD_PROGRAM, i64::from(program), 0, 0, 0, 0]);
        Ok(program)
    }

    /// Forget a program; its calls have finished or were cancelled. O(1).
    pub fn end_program(&mut self, program: ProgramIndex) -> Result<()> {
        self.programs.end(program)?;
        self.note([log::END_PROGRAM, i64::from(program), 0, 0, 0, 0]);
        Ok(())
    }

    /// What the calls of a program share.
    pub fn program(&self, program: ProgramIndex) -> Result<&Program> {
        self.programs.get(program)
    }

    /// A live request has all output of its current operation and goes on with another one: `prompt_tokens` of input
    /// more (perhaps none) and then about `expected_output_tokens` of output. It keeps its age. If it was running it
    /// waits for a slot again; the engine keeps what it computed, as `KvCache::cached_tokens` should say. O(log n).
    pub fn reveal(&mut self, request: RequestIndex, prompt_tokens: u32, expected_output_tokens: u32) -> Result<()> {
        let mut job = *self.job(request)?;
        let estimate = job.num_sampled.checked_add(expected_output_tokens);
        let prompt = job.request.prompt_tokens.checked_add(prompt_tokens);
        let (Some(estimate), Some(prompt)) = (estimate, prompt) else {
            return Err(Error::value("prompt_tokens", "fewer than 2**32 tokens in all", prompt_tokens));
        };
        if expected_output_tokens == 0 {
            return Err(Error::value("expected_output_tokens", "at least 1", 0));
        }
        (job.estimate, job.request.prompt_tokens) = (estimate, prompt);
        job.request.expected_output_tokens = Some(estimate);
        if job.state == State::Running {
            (job.num_cached, job.num_computed) = (job.num_computed.min(prompt), 0);
        }
        check_sizes(&job.request, job.num_cached)?;
        let next = class(self.size.work(&job));
        match self.options.policy {
            PolicyKind::ChunkBalance if next <= job.class => {}
            // The larger operation begins a chunk: the job counts as one that never ran.
            PolicyKind::ChunkBalance => (job.class, job.start) = (next, 0),
            _ => job.class = next,
        }
        if job.state == State::Running {
            job.state = State::Waiting;
            self.stats.num_running -= 1;
            self.stats.num_revealed += 1;
        }
        self.jobs[request as usize] = job;
        self.steady_steps = 0;
        self.enqueue(request);
        let [prompt, expected] = [prompt_tokens, expected_output_tokens].map(i64::from);
        self.note([log::REVEAL, i64::from(request), prompt, expected, 0, 0]);
        Ok(())
    }

    /// Take what a program knows over to its next call.
    pub(super) fn join(&mut self, program: ProgramIndex, job: &mut Job) -> Result<()> {
        let chunks = self.options.policy == PolicyKind::ChunkBalance;
        let shared = self.programs.get_mut(program)?;
        job.age = *shared.age.get_or_insert(job.sequence);
        job.attained = shared.attained;
        if chunks && shared.start > 0 && job.class <= shared.class {
            (job.class, job.start) = (shared.class, shared.start);
        }
        shared.class = shared.class.max(job.class);
        shared.num_live += 1;
        shared.paused = None;
        Ok(())
    }

    /// A call is over: tell its program.
    pub(super) fn part(&mut self, job: &Job, finished: bool) {
        let Some(Ok(shared)) = job.request.program.map(|program| self.programs.get_mut(program)) else { return };
        shared.num_live -= 1;
        shared.start = shared.start.max(job.start);
        shared.num_finished += u32::from(finished);
        let prompt = self.size.prompt_work(job.request.prompt_tokens);
        shared.attained = shared.attained.saturating_add(u64::from(job.num_sampled) * MICRO + prompt);
    }

    /// No call of the program runs or waits: it uses a tool. Returns until when its KV cache is worth its blocks:
    /// `reload_cost` over what holding `kv_blocks` costs per second, both in the same unit. Whoever then drops it pays
    /// at most twice what somebody would who knew the return (ski rental: Karlin and others 1988). O(1).
    pub fn pause(&mut self, program: ProgramIndex, now_ns: u64, keep_ns: u64) -> Result<u64> {
        check_time("now_ns", now_ns)?;
        let until = now_ns.saturating_add(keep_ns).min(i64::MAX as u64);
        let shared = self.programs.get_mut(program)?;
        if shared.num_live > 0 {
            return Err(Error::value("program", "without live calls", format!("{} that wait or run", shared.num_live)));
        }
        if shared.paused.is_some() {
            return Err(Error::value("program", "not paused", "one that is"));
        }
        shared.paused = Some((now_ns, until));
        self.note([log::PAUSE, i64::from(program), now_ns as i64, keep_ns.min(i64::MAX as u64) as i64, 0, 0]);
        Ok(until)
    }

    /// The program is back. Returns whether its cache was worth keeping until now. O(1).
    pub fn resume(&mut self, program: ProgramIndex, now_ns: u64) -> Result<bool> {
        check_time("now_ns", now_ns)?;
        let shared = self.programs.get_mut(program)?;
        let Some((since, until)) = shared.paused else {
            return Err(Error::value("program", "paused", "one that is not"));
        };
        if now_ns < since {
            return Err(Error::value("now_ns", format!("at least {since}, when it was paused"), now_ns));
        }
        shared.paused = None;
        self.note([log::RESUME, i64::from(program), now_ns as i64, 0, 0, 0]);
        Ok(now_ns <= until)
    }
}
