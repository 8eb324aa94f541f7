//! One scheduler with the requests it serves: turns batches into step shapes and steps into progress.

use std::collections::HashMap;

use super::active::{Active, NOTHING};
use super::kv::KvBlocks;
use super::options::Options;
use super::result::{Outcome, Totals};
use super::router::Load;
use super::terms::{Terms, left_when_known};
use super::trace::Trace;
use crate::Result;
use crate::cost::StepShape;
use crate::sched::log::Row;
use crate::sched::{Batch, KvCache, Limits, ProgramIndex, Request, RequestIndex, Scheduled, Scheduler};

/// A scheduler, its requests and its last batch.
pub(super) struct Lane {
    scheduler: Scheduler,
    limits: Limits,
    batch: Batch,
    active: Vec<Active>,
    /// By their numbers in the trace.
    programs: HashMap<i64, ProgramIndex>,
    load: Load,
    /// Rows and outcomes in the order of finishing.
    pub(super) done: Vec<(u32, Outcome)>,
}

/// The part of a pool that one of several lanes sees: handles are dense in each lane.
pub(super) struct PoolView<'p, 'a> {
    pub(super) pool: &'p mut KvBlocks<'a>,
    pub(super) lane: u32,
    pub(super) num_lanes: u32,
}

impl PoolView<'_, '_> {
    fn key(&self, request: RequestIndex) -> u32 {
        request * self.num_lanes + self.lane
    }
}

impl KvCache for PoolView<'_, '_> {
    fn cached_tokens(&mut self, request: RequestIndex) -> u32 {
        self.pool.cached_tokens(self.key(request))
    }

    fn reserve(&mut self, request: RequestIndex, num_tokens: u32) -> bool {
        self.pool.reserve(self.key(request), num_tokens)
    }

    fn release(&mut self, request: RequestIndex) {
        self.pool.release(self.key(request));
    }

    /// An equal part for every lane, as none knows what the others will hold.
    fn capacity(&mut self) -> Option<(u64, u32)> {
        self.pool.capacity().map(|(num_blocks, block_size)| (num_blocks / u64::from(self.num_lanes), block_size))
    }
}

impl Lane {
    pub(super) fn new(options: &Options, terms: &Terms<'_>) -> Result<Self> {
        let slots = options.limits.slots.div_ceil(options.pipeline);
        // Lanes that share a pool cannot evict each other's requests. If each waited with half a prompt for the blocks
        // of the other, none would ever sample.
        let reserve_full_prompt = options.limits.reserve_full_prompt || options.pipeline > 1;
        let scheduler = terms.scheduler(options.scheduler, options.record)?;
        Ok(Self {
            scheduler,
            limits: Limits { slots, reserve_full_prompt, ..options.limits },
            batch: Batch::default(),
            active: Vec::new(),
            programs: HashMap::new(),
            load: Load::default(),
            done: Vec::new(),
        })
    }

    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// What the scheduler recorded.
    pub(super) fn log(&self) -> &[Row] {
        self.scheduler.log()
    }

    /// Whether requests wait or run here.
    pub(super) fn has_work(&self) -> bool {
        self.load.requests > 0
    }

    /// Whether some of its requests are not in the last batch.
    pub(super) fn has_waiting(&self) -> bool {
        self.load.requests as usize > self.batch.scheduled.len()
    }

    /// Take the request in `row` of the trace.
    pub(super) fn submit<'a>(&mut self, trace: &Trace<'a>, row: usize, pool: &mut PoolView<'_, 'a>) -> Result<()> {
        let prompt_tokens = trace.prompt_tokens[row] as u32;
        let output_tokens = trace.output_tokens[row] as u32;
        let told_tokens = trace.expected_output_tokens.unwrap_or(trace.output_tokens)[row] as u32;
        let known_after = output_tokens - left_when_known(self.scheduler.options(), output_tokens);
        let request = Request {
            arrival_ns: trace.arrival_ns[row] as u64,
            prompt_tokens,
            expected_output_tokens: (known_after == 0).then_some(told_tokens),
            program: self.program(&trace.terms, row)?,
            ..trace.terms.request(row)
        };
        let request = self.scheduler.submit(request)?;
        pool.pool.enter(pool.key(request), prompt_tokens, trace.hashes_of(row));
        let active = Active {
            row: row as u32,
            prompt_tokens,
            output_tokens,
            generated: 0,
            known_after,
            told_tokens,
            most_computed: 0,
            outcome: NOTHING,
        };
        match self.active.get_mut(request as usize) {
            Some(place) => *place = active,
            None => self.active.push(active),
        }
        self.load.requests += 1;
        self.load.prompt_tokens += u64::from(prompt_tokens);
        Ok(())
    }

    /// The program of a request; its first call here begins it. The trace does not say when programs end.
    fn program(&mut self, terms: &Terms<'_>, row: usize) -> Result<Option<ProgramIndex>> {
        let Some(program) = terms.program.map(|column| column[row]).filter(|&program| program != -1) else {
            return Ok(None);
        };
        if let Some(&known) = self.programs.get(&program) {
            return Ok(Some(known));
        }
        let index = self.scheduler.add_program()?;
        self.programs.insert(program, index);
        Ok(Some(index))
    }

    /// Form the next batch at `now_ns`; an empty shape if nothing can run.
    pub(super) fn form(&mut self, now_ns: u64, pool: &mut PoolView<'_, '_>, totals: &mut Totals) -> Result<StepShape> {
        self.scheduler.next_batch(now_ns, &self.limits, pool, &mut self.batch)?;
        totals.preemptions += self.batch.preempted.len() as u64;
        for &request in &self.batch.preempted {
            self.active[request as usize].outcome.preemptions += 1;
        }
        let mut shape = StepShape::default();
        for scheduled in &self.batch.scheduled {
            let active = &mut self.active[scheduled.request as usize];
            let computed = scheduled.num_computed_tokens;
            if active.decodes(computed) {
                shape.num_decodes += 1;
                shape.decode_context += u64::from(computed);
                continue;
            }
            let after = computed + scheduled.num_tokens;
            active.note_start(now_ns, computed);
            totals.recomputed_tokens += u64::from(active.most_computed.min(after).saturating_sub(computed));
            active.most_computed = active.most_computed.max(after);
            pool.pool.publish(pool.key(scheduled.request), after);
            let (past, tokens) = (u64::from(computed), u64::from(scheduled.num_tokens));
            shape.prefill_tokens += tokens;
            shape.num_prefills += 1;
            shape.prefill_context += past;
            shape.prefill_pairs += tokens * past + tokens * (tokens + 1) / 2;
            shape.num_sampled += u32::from(after == active.known_tokens());
        }
        shape.num_sampled += shape.num_decodes;
        Ok(shape)
    }

    /// How many steps in a row the last batch certainly repeats, this one included, if nobody arrives who matters.
    pub(super) fn repeats(&self, pool: &PoolView<'_, '_>) -> u64 {
        let steady = u64::from(self.scheduler.steady_steps());
        if steady == 0 {
            return u64::from(!self.batch.scheduled.is_empty());
        }
        let left = |scheduled: &Scheduled| u64::from(self.active[scheduled.request as usize].until_news());
        let most = self.batch.scheduled.iter().map(left).min().unwrap_or(1).min(steady + 1);
        // The largest number of steps for which the pool has blocks.
        let (mut low, mut high) = (1, most);
        if self.has_room(pool, most) {
            return most;
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.has_room(pool, middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    fn has_room(&self, pool: &PoolView<'_, '_>, num_steps: u64) -> bool {
        self.missing_blocks(num_steps, pool) <= u64::from(pool.pool.available_blocks())
    }

    /// Blocks that the first `num_steps` steps of a stretch still need.
    pub(super) fn missing_blocks(&self, num_steps: u64, pool: &PoolView<'_, '_>) -> u64 {
        if num_steps <= 1 {
            return 0;
        }
        let missing = |scheduled: &Scheduled| {
            let tokens = scheduled.num_computed_tokens + num_steps as u32;
            u64::from(pool.pool.missing_blocks(pool.key(scheduled.request), tokens))
        };
        self.batch.scheduled.iter().map(missing).sum()
    }

    /// Whether its scheduler has to know what was served when a request arrives.
    pub(super) fn counts_progress(&self) -> bool {
        self.scheduler.counts_progress()
    }

    /// Whether the batch in flight repeats whatever was submitted meanwhile.
    pub(super) fn is_steady(&self) -> bool {
        (self.batch.scheduled.is_empty() && !self.has_work()) || self.scheduler.steady()
    }

    /// Take the blocks of the first `num_steps` steps of a stretch.
    pub(super) fn reserve_ahead(&self, num_steps: u64, pool: &mut PoolView<'_, '_>) {
        if num_steps > 1 {
            for scheduled in &self.batch.scheduled {
                let reserved = pool.reserve(scheduled.request, scheduled.num_computed_tokens + num_steps as u32);
                debug_assert!(reserved, "a stretch was planned without room for its tokens");
            }
        }
    }

    /// The batch of the last [`Lane::form`] has run `num_steps` times, the last time until `end_ns`.
    pub(super) fn land(
        &mut self,
        num_steps: u64,
        end_ns: u64,
        pool: &mut PoolView<'_, '_>,
        totals: &mut Totals,
    ) -> Result<()> {
        let steps = num_steps as u32;
        // All of them before the first one leaves, as the single steps would have done.
        self.reserve_ahead(num_steps, pool);
        for scheduled in &self.batch.scheduled {
            let request = scheduled.request;
            let active = &mut self.active[request as usize];
            let computed = scheduled.num_computed_tokens;
            let sampled;
            if active.decodes(computed) {
                sampled = steps;
                totals.decode_tokens += num_steps;
                active.generated += steps;
                active.most_computed = active.most_computed.max(computed + steps);
                self.scheduler.advance(request, steps, steps)?;
            } else {
                totals.prefill_tokens += u64::from(scheduled.num_tokens);
                sampled = u32::from(computed + scheduled.num_tokens == active.known_tokens());
                active.generated += sampled;
                if sampled == 1 && active.outcome.first_token_ns < 0 {
                    active.outcome.first_token_ns = end_ns as i64;
                }
                self.scheduler.advance(request, scheduled.num_tokens, sampled)?;
            }
            if active.generated == active.output_tokens {
                active.outcome.finish_ns = end_ns as i64;
                self.load.requests -= 1;
                self.load.prompt_tokens -= u64::from(active.prompt_tokens);
                self.done.push((active.row, active.outcome));
                self.scheduler.finish(request)?;
                pool.release(request);
            } else if sampled > 0 && active.generated == active.known_after {
                // What is told may be wrong, but not less than everybody has seen.
                let told = active.told_tokens.max(active.generated);
                self.scheduler.update(request, Some(told), None, None)?;
            }
        }
        self.batch.clear();
        Ok(())
    }
}
