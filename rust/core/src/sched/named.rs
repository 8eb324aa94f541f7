//! The scheduler as an engine outside this crate sees it: requests by the engine's own 64-bit ids, free KV blocks as a
//! number.
//!
//! Calls about many requests check everything first and change nothing if one row is wrong.

use super::blocks::CountedBlocks;
use super::ids::IdMap;
use super::job::Job;
use super::log::NAME;
use super::request::{Batch, Limits, ProgramIndex, Request, RequestIndex};
use super::scheduler::Scheduler;
use super::tenant_names::TenantNames;
use crate::{Error, Result};

/// What the engine calls the tenant and the program of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names {
    /// Who pays.
    pub tenant: i64,
    /// Of which program it is the next call.
    pub program: Option<i64>,
}

/// A [`Scheduler`] with ids.
#[derive(Debug)]
pub struct NamedScheduler {
    pub(super) scheduler: Scheduler,
    pub(super) handles: IdMap<RequestIndex>,
    ids: Vec<i64>,
    pub(super) programs: IdMap<ProgramIndex>,
    program_ids: Vec<i64>,
    pub(super) tenants: TenantNames,
    pub(super) blocks: CountedBlocks,
    batch: Batch,
    scratch: Vec<RequestIndex>,
}

impl NamedScheduler {
    /// Put names on `scheduler`, which must be empty.
    pub fn new(scheduler: Scheduler, block_size: u32) -> Result<Self> {
        if block_size == 0 {
            return Err(Error::value("block_size", "at least 1", 0));
        }
        let blocks = CountedBlocks::new(block_size);
        let (handles, programs, tenants) = (IdMap::default(), IdMap::default(), TenantNames::default());
        let (ids, program_ids) = (Vec::new(), Vec::new());
        let (batch, scratch) = (Batch::default(), Vec::new());
        Ok(Self { scheduler, handles, ids, programs, program_ids, tenants, blocks, batch, scratch })
    }

    /// The scheduler under the names.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Put a request into the queue. O(log n). The first call of a program begins it.
    pub fn submit(&mut self, id: i64, request: Request, cached_tokens: u32, names: Names) -> Result<()> {
        if self.handles.contains_key(&id) {
            return Err(Error::value("request_id", "new", format!("{id}, which is waiting or running")));
        }
        self.scheduler.check(&request, cached_tokens)?;
        self.enter(id, request, cached_tokens, names)
    }

    /// Submit all of `ids`, whose requests `row` gives with their cached tokens; all or none.
    pub fn submit_many(&mut self, ids: &[i64], row: impl Fn(usize) -> (Request, u32, Names)) -> Result<()> {
        if let Some(twice) = first_twice(ids) {
            return Err(Error::value("request_ids", "different", format!("{twice} twice")));
        }
        if let Some(known) = ids.iter().find(|id| self.handles.contains_key(id)) {
            return Err(Error::value("request_ids", "new", format!("{known}, which is waiting or running")));
        }
        for index in 0..ids.len() {
            let (request, cached_tokens, _) = row(index);
            self.scheduler.check(&request, cached_tokens)?;
        }
        self.handles.reserve(ids.len());
        self.scheduler.reserve(ids.len());
        for (index, &id) in ids.iter().enumerate() {
            let (request, cached_tokens, names) = row(index);
            self.enter(id, request, cached_tokens, names)?;
        }
        Ok(())
    }

    /// Submit what was checked.
    fn enter(&mut self, id: i64, request: Request, cached_tokens: u32, names: Names) -> Result<()> {
        let tenant = self.tenant(names.tenant)?;
        let program = names.program.map(|program| self.program(program)).transpose()?;
        let handle = self.scheduler.submit_checked(Request { tenant, program, ..request }, cached_tokens)?;
        self.tenants.add(tenant);
        self.scheduler.note([NAME, i64::from(handle), id, 0, 0, 0]);
        self.add_id(id, handle);
        self.blocks.set_cached(handle, cached_tokens);
        Ok(())
    }

    /// See [`Scheduler::update`].
    pub fn update(
        &mut self,
        id: i64,
        expected_output_tokens: Option<u32>,
        cached_tokens: Option<u32>,
        priority: Option<i32>,
    ) -> Result<()> {
        let handle = self.handle(id)?;
        self.scheduler.update(handle, expected_output_tokens, cached_tokens, priority)?;
        if let Some(cached_tokens) = cached_tokens {
            self.blocks.set_cached(handle, cached_tokens);
        }
        Ok(())
    }

    /// See [`Scheduler::set_rank`].
    pub fn set_rank(&mut self, id: i64, rank: u64) -> Result<()> {
        self.scheduler.set_rank(self.handle(id)?, rank)
    }

    /// See [`Scheduler::advance`].
    pub fn advance(&mut self, id: i64, num_computed: u32, num_sampled: u32) -> Result<()> {
        let handle = self.handle(id)?;
        self.scheduler.advance(handle, num_computed, num_sampled)
    }

    /// Advance all of `ids`, one row each; all or none.
    pub fn advance_many(&mut self, ids: &[i64], num_computed: &[u32], num_sampled: &[u32]) -> Result<()> {
        for (argument, len) in [("num_computed", num_computed.len()), ("num_sampled", num_sampled.len())] {
            if len != ids.len() {
                return Err(Error::shape(argument, format!("({},), as `request_ids`", ids.len()), format!("({len},)")));
            }
        }
        let mut handles = std::mem::take(&mut self.scratch);
        handles.clear();
        let checked = ids.iter().enumerate().try_for_each(|(row, &id)| {
            let handle = self.handle(id)?;
            handles.push(handle);
            self.scheduler.check_advance(handle, num_computed[row], num_sampled[row])
        });
        handles.sort_unstable();
        let twice = handles.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| self.ids[pair[0] as usize]);
        self.scratch = handles;
        checked?;
        if let Some(twice) = twice {
            return Err(Error::value("request_ids", "different", format!("{twice} twice")));
        }
        ids.iter().enumerate().try_for_each(|(row, &id)| self.advance(id, num_computed[row], num_sampled[row]))
    }

    /// See [`Scheduler::reveal`]; what was computed stays in the cache.
    pub fn reveal(&mut self, id: i64, prompt_tokens: u32, expected_output_tokens: u32) -> Result<()> {
        let handle = self.handle(id)?;
        self.scheduler.reveal(handle, prompt_tokens, expected_output_tokens)?;
        let cached_tokens = self.scheduler.job(handle)?.num_cached;
        self.blocks.set_cached(handle, cached_tokens);
        Ok(())
    }

    /// See [`Scheduler::set_tenant_weight`].
    pub fn set_tenant_weight(&mut self, tenant: i64, weight: u64) -> Result<()> {
        let tenant = self.tenant(tenant)?;
        self.scheduler.set_tenant_weight(tenant, weight)
    }

    /// See [`Scheduler::end_program`].
    pub fn end_program(&mut self, program: i64) -> Result<()> {
        self.scheduler.end_program(self.known_program(program)?)?;
        self.programs.remove(&program);
        Ok(())
    }

    /// See [`Scheduler::pause`].
    pub fn pause(&mut self, program: i64, now_ns: u64, keep_ns: u64) -> Result<u64> {
        self.scheduler.pause(self.known_program(program)?, now_ns, keep_ns)
    }

    /// See [`Scheduler::resume`].
    pub fn resume(&mut self, program: i64, now_ns: u64) -> Result<bool> {
        self.scheduler.resume(self.known_program(program)?, now_ns)
    }

    /// Forget a request that has all its output. O(log n).
    pub fn finish(&mut self, id: i64) -> Result<()> {
        let handle = self.handle(id)?;
        let tenant = self.scheduler.job(handle)?.request.tenant;
        self.scheduler.finish(handle)?;
        self.forget(id, handle, tenant);
        Ok(())
    }

    /// Forget a request that nobody wants. O(log n).
    pub fn cancel(&mut self, id: i64) -> Result<()> {
        let handle = self.handle(id)?;
        let tenant = self.scheduler.job(handle)?.request.tenant;
        self.scheduler.cancel(handle)?;
        self.forget(id, handle, tenant);
        Ok(())
    }

    /// Form the next step. `num_free` KV blocks are free now; `None` means that the cache is no limit.
    pub fn next_batch(&mut self, now_ns: u64, limits: &Limits, num_free: Option<u64>) -> Result<&Batch> {
        // Half of the range, so that blocks given back cannot overflow it.
        self.blocks.num_free = num_free.unwrap_or(u64::MAX / 2);
        self.blocks.limited = num_free.is_some();
        self.scheduler.next_batch(now_ns, limits, &mut self.blocks, &mut self.batch)?;
        Ok(&self.batch)
    }

    /// The ids of the requests that give way first when `num_blocks` are needed; all that run if that is not enough.
    pub fn victims(&self, num_blocks: u64) -> Vec<i64> {
        let mut freed = 0;
        let mut victims = Vec::new();
        for handle in self.scheduler.victims() {
            if freed >= num_blocks {
                break;
            }
            freed += self.blocks.num_held(handle);
            victims.push(self.ids[handle as usize]);
        }
        victims
    }

    /// What is known about a live request, and its key.
    pub fn job(&self, id: i64) -> Result<(&Job, (u64, u64))> {
        let handle = self.handle(id)?;
        Ok((self.scheduler.job(handle)?, self.scheduler.key(handle)?))
    }

    /// What the engine calls the tenant and the program of `job`.
    pub fn names(&self, job: &Job) -> Names {
        let program = job.request.program.map(|program| self.program_ids[program as usize]);
        Names { tenant: self.tenants.name(job.request.tenant), program }
    }

    /// The id behind a handle of a batch.
    pub fn id(&self, handle: RequestIndex) -> i64 {
        self.ids[handle as usize]
    }

    fn handle(&self, id: i64) -> Result<RequestIndex> {
        self.handles.get(&id).copied().ok_or_else(|| Error::value("request_id", "waiting or running", id))
    }

    fn known_program(&self, program: i64) -> Result<ProgramIndex> {
        let known = self.programs.get(&program).copied();
        known.ok_or_else(|| Error::value("program", "one that was submitted and has not ended", program))
    }

    fn program(&mut self, program: i64) -> Result<ProgramIndex> {
        if let Some(&index) = self.programs.get(&program) {
            return Ok(index);
        }
        let index = self.scheduler.add_program()?;
        self.add_program_id(program, index);
        Ok(index)
    }

    pub(super) fn add_program_id(&mut self, program: i64, index: ProgramIndex) {
        self.programs.insert(program, index);
        put(&mut self.program_ids, index, program);
    }

    pub(super) fn add_id(&mut self, id: i64, handle: RequestIndex) {
        self.handles.insert(id, handle);
        put(&mut self.ids, handle, id);
    }

    fn tenant(&mut self, tenant: i64) -> Result<u32> {
        let scheduler = &mut self.scheduler;
        let number = self.tenants.number(tenant, || scheduler.remembered_tenants());
        number.ok_or_else(|| Error::value("tenant", "one of fewer than 2**32", tenant))
    }

    fn forget(&mut self, id: i64, handle: RequestIndex, tenant: u32) {
        self.handles.remove(&id);
        self.tenants.remove(tenant);
        self.blocks.forget(handle);
    }
}

/// An id that comes more than once. Rising ids are the usual case and need no sorting.
fn first_twice(ids: &[i64]) -> Option<i64> {
    if ids.is_sorted_by(|before, after| before < after) {
        return None;
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// Write down the id behind an index.
fn put(ids: &mut Vec<i64>, index: u32, id: i64) {
    if ids.len() <= index as usize {
        ids.resize(index as usize + 1, 0);
    }
    ids[index as usize] = id;
}
