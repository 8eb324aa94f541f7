//! One engine: its lanes, its KV pools and the batches in flight.
//!
//! Data-parallel ranks have a pool and a scheduler each and step together. A pipeline of p stages keeps p batches in
//! flight, each with its own lane of requests (vLLM's virtual engines) over the shared pool; a batch passes the stages
//! in order, each for an equal share of its step time, and waits behind the batch before it. So a lone batch leaves p -
//! 1 stages idle, equal batches fill all of them, and a long prefill delays every decode behind it.
//!
//! Equal decode steps form a stretch, which is planned as long as possible and cut when a request arrives that could
//! change the next batch. A stretch of a single lane is one flight. The time of ranks in lockstep has no closed form,
//! and the batches of a pipeline meet in its stages, so there each step is a flight, but schedulers and books are left
//! alone until the stretch ends.

use super::clock::{StepClock, advance};
use super::group::{Event, Flight, Group};
use super::kv::KvBlocks;
use super::lane::Lane;
use super::options::Options;
use super::result::{DecisionLog, ReplicaResult, Totals};
use super::router::Load;
use super::terms::Terms;
use super::trace::{MAX_TIME_NS, Trace};
use crate::cost::StepShape;
use crate::{Error, Result};

/// A few milliseconds of work: `stop` may be slow to answer.
const LAUNCHES_PER_STOP: u32 = 1 << 14;

/// One is enough for a lone lane; lanes of a pipeline may give way to each other.
const MAX_VAIN_LAUNCHES: u32 = 8;

/// A sum of steps and their closed form differ by less, so that both round alike when the exact value is an integer.
const ROUNDING_NS: f64 = 1e-6;

/// Whole nanoseconds.
fn whole(span_ns: f64) -> f64 {
    (span_ns + ROUNDING_NS).floor()
}

pub(super) struct Replica<'a> {
    clock: StepClock<'a>,
    /// One per batch in flight.
    groups: Vec<Group>,
    /// One per data-parallel rank.
    pools: Vec<KvBlocks<'a>>,
    /// When each pipeline stage is free again.
    stage_free_ns: Vec<u64>,
    skip: bool,
    /// Whether each flight is a single step.
    step_by_step: bool,
    record: bool,
    /// Asked now and then whether to give up.
    stop: &'a (dyn Fn() -> bool + Sync),
    totals: Totals,
    launches: u32,
}

impl<'a> Replica<'a> {
    pub(super) fn new(
        clock: StepClock<'a>,
        options: &Options,
        terms: &Terms<'_>,
        hash_block_tokens: u32,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let pool = |_| KvBlocks::new(options.num_blocks, options.block_size, hash_block_tokens);
        Ok(Self {
            clock,
            groups: (0..options.pipeline).map(|index| Group::new(options, terms, index)).collect::<Result<_>>()?,
            pools: (0..options.data_parallel).map(pool).collect(),
            stage_free_ns: vec![0; options.pipeline as usize],
            skip: options.skip,
            step_by_step: options.pipeline > 1 || options.data_parallel > 1,
            record: options.record,
            stop,
            totals: Totals::default(),
            launches: 0,
        })
    }

    /// Unfinished work of all lanes.
    pub(super) fn load(&self) -> Load {
        let lanes = self.groups.iter().flat_map(|group| &group.lanes);
        lanes.map(Lane::load).fold(Load::default(), |sum, load| Load {
            requests: sum.requests + load.requests,
            prompt_tokens: sum.prompt_tokens + load.prompt_tokens,
        })
    }

    /// Prompt tokens of a request that the best rank would have to compute.
    pub(super) fn uncached_tokens(&self, trace: &Trace<'_>, row: usize) -> u64 {
        let prompt_tokens = trace.prompt_tokens[row] as u32;
        let resident = |pool: &KvBlocks<'_>| pool.resident_tokens(prompt_tokens, trace.hashes_of(row));
        u64::from(prompt_tokens - self.pools.iter().map(resident).max().unwrap_or(0))
    }

    /// Take a request now; the replica has run until then. The least loaded lane gets it.
    pub(super) fn submit(&mut self, trace: &Trace<'a>, row: usize) -> Result<()> {
        let now_ns = trace.arrival_ns[row] as u64;
        let ranks = self.pools.len();
        let places = (0..self.groups.len() * ranks).map(|place| (place / ranks, place % ranks));
        let (index, rank) =
            places.min_by_key(|&(group, rank)| self.groups[group].lanes[rank].load()).unwrap_or_default();
        if self.groups[index].lanes[rank].counts_progress() {
            self.catch_up(index, now_ns)?;
        }
        let group = &mut self.groups[index];
        if group.flight.is_none() && !group.has_work() {
            group.ready_ns = now_ns;
            group.fraction = 0.0;
        }
        let mut view = group.view(&mut self.pools[rank]);
        group.lanes[rank].submit(trace, row, &mut view)?;
        if !group.lanes[rank].is_steady() {
            self.cut(index, now_ns)?;
        }
        Ok(())
    }

    /// Do everything that happens before `now_ns`, and let steps end that end at `now_ns`.
    pub(super) fn run_until(&mut self, now_ns: u64) -> Result<()> {
        while let Some((time_ns, index, event)) = self.next_event() {
            match event {
                Event::Land if time_ns <= now_ns => self.land(index)?,
                // Whoever arrives at this very moment is still allowed into the batch.
                Event::Launch if time_ns < now_ns => self.launch(index, time_ns)?,
                _ => break,
            }
        }
        Ok(())
    }

    /// Everything there is to tell about the replica with this number.
    pub(super) fn into_result(self, replica: usize) -> ReplicaResult {
        let peak_blocks = self.pools.iter().map(KvBlocks::peak_blocks).max().unwrap_or(0);
        let mut result =
            ReplicaResult { done: Vec::new(), totals: Totals { peak_blocks, ..self.totals }, logs: Vec::new() };
        for (lane, group) in (0..).zip(self.groups) {
            for (rank, member) in (0..).zip(group.lanes) {
                if self.record {
                    let rows = member.log().to_vec();
                    result.logs.push(DecisionLog { replica: replica as u32, rank, lane, rows });
                }
                result.done.extend(member.done);
            }
        }
        result
    }

    /// The earliest event. Steps end before others begin at the same time; then the smaller index goes first.
    fn next_event(&self) -> Option<(u64, usize, Event)> {
        let mut next: Option<(u64, usize, Event)> = None;
        for (index, group) in self.groups.iter().enumerate() {
            let (time_ns, event) = match group.flight {
                Some(flight) => (flight.end_ns, Event::Land),
                None if group.has_work() => (group.ready_ns.max(self.stage_free_ns[0]), Event::Launch),
                None => continue,
            };
            if next.is_none_or(|(first_ns, _, first)| (time_ns, event) < (first_ns, first)) {
                next = Some((time_ns, index, event));
            }
        }
        next
    }

    fn launch(&mut self, index: usize, now_ns: u64) -> Result<()> {
        self.launches = self.launches.wrapping_add(1);
        if self.launches.is_multiple_of(LAUNCHES_PER_STOP) && (self.stop)() {
            return Err(Error::Interrupted);
        }
        if self.groups[index].done < self.groups[index].planned {
            advance(&mut self.groups[index].shapes, 1);
        } else {
            self.end_stretch(index, now_ns)?;
            if !self.form(index, now_ns)? {
                return self.wait_for_others(index, now_ns);
            }
        }
        let num_steps = if self.step_by_step { 1 } else { self.groups[index].planned };
        let flight = self.flight(index, now_ns, num_steps)?;
        self.groups[index].flight = Some(flight);
        self.groups[index].vain_launches = 0;
        Ok(())
    }

    /// Form the next batches of a group and plan how often they run; false if nothing can run.
    fn form(&mut self, index: usize, now_ns: u64) -> Result<bool> {
        self.settle_others(index);
        let preemptions = self.totals.preemptions;
        let group = &mut self.groups[index];
        let mut planned = if self.skip { u64::MAX } else { 1 };
        for rank in 0..group.lanes.len() {
            let mut view = group.view(&mut self.pools[rank]);
            let lane = &mut group.lanes[rank];
            let shape = lane.form(now_ns, &mut view, &mut self.totals)?;
            self.totals.batches += u64::from(shape != StepShape::default());
            if self.step_by_step && lane.counts_progress() {
                planned = 1;
            }
            if planned > 1 && lane.has_work() {
                planned = planned.min(lane.repeats(&view).max(1));
            }
            group.shapes[rank] = shape;
        }
        if self.totals.preemptions > preemptions {
            self.cut_waiting(index);
        }
        let group = &mut self.groups[index];
        if group.shapes.iter().all(|shape| *shape == StepShape::default()) {
            return Ok(false);
        }
        (group.planned, group.done) = (planned, 0);
        self.keep_plans_within_pools(index);
        Ok(true)
    }

    /// Give up the plans of all stretches of a pipeline if the pools have no room for them together.
    fn keep_plans_within_pools(&mut self, formed: usize) {
        if self.groups.len() == 1 {
            return;
        }
        for rank in 0..self.pools.len() {
            let pool = &mut self.pools[rank];
            let missing = |group: &Group| group.lanes[rank].missing_blocks(group.planned, &group.view(pool));
            let planned: u64 = self.groups.iter().map(missing).sum();
            if planned > u64::from(self.pools[rank].available_blocks()) {
                for (index, group) in self.groups.iter_mut().enumerate() {
                    group.planned = group.planned.min(group.begun().max(u64::from(index == formed)));
                }
            }
        }
    }

    /// Blocks were returned: requests of other lanes that wait for room may enter their next batch.
    fn cut_waiting(&mut self, index: usize) {
        for (other, group) in self.groups.iter_mut().enumerate() {
            if other != index && group.lanes.iter().any(Lane::has_waiting) {
                group.planned = group.planned.min(group.begun());
            }
        }
    }

    /// Let the other batches of a pipeline take the blocks of the steps that they have begun.
    fn settle_others(&mut self, index: usize) {
        for (other, group) in self.groups.iter().enumerate() {
            if other != index {
                group.reserve_ahead(group.begun(), &mut self.pools);
            }
        }
    }

    /// Nothing fits beside the other batches in flight: try again when one of them ends. With none in flight, somebody
    /// has just given way to itself, because a prefix that it shared with a request that left holds more than it uses;
    /// then it starts again at once, after the lanes that wait to launch.
    fn wait_for_others(&mut self, index: usize, now_ns: u64) -> Result<()> {
        let first_end_ns = self.groups.iter().filter_map(|group| group.flight).map(|flight| flight.end_ns).min();
        let after_others_ns = now_ns + u64::from(self.groups.len() > 1);
        let group = &mut self.groups[index];
        group.ready_ns = first_end_ns.unwrap_or(after_others_ns);
        group.vain_launches = if first_end_ns.is_some() { 0 } else { group.vain_launches + 1 };
        if group.vain_launches > MAX_VAIN_LAUNCHES {
            return Err(Error::value("num_blocks", "enough for every request", "a service that stands still"));
        }
        Ok(())
    }

    /// A flight of `num_steps` steps from `start_ns` on; with a pipeline it enters the stages here.
    fn flight(&mut self, index: usize, start_ns: u64, num_steps: u64) -> Result<Flight> {
        let group = &self.groups[index];
        let fraction = group.fraction;
        let span_ns = self.clock.span_ns(&group.shapes, num_steps);
        // Written so that NaN is refused, too.
        if !(span_ns >= 0.0 && span_ns + start_ns as f64 <= MAX_TIME_NS as f64) {
            let expected = "a model whose steps take 0 ns or more and end within 146 years";
            return Err(Error::value("step_time", expected, format!("{span_ns} ns")));
        }
        let whole_ns = whole(span_ns + fraction);
        let stages = self.stage_free_ns.len() as u64;
        let (share, rest) = (whole_ns as u64 / stages, whole_ns as u64 % stages);
        let mut end_ns = start_ns;
        for (stage, free_ns) in (0..).zip(&mut self.stage_free_ns) {
            end_ns = end_ns.max(*free_ns) + share + u64::from(stage < rest);
            *free_ns = end_ns;
        }
        Ok(Flight { start_ns, num_steps, end_ns, fraction: span_ns + fraction - whole_ns })
    }

    /// Steps of a stretch that start before `now_ns`, at least 1.
    fn steps_before(&self, index: usize, now_ns: u64) -> u64 {
        let group = &self.groups[index];
        let Some(flight) = group.flight else { return 1 };
        let span_ns = now_ns.saturating_sub(flight.start_ns) as f64 - group.fraction - ROUNDING_NS;
        self.clock.steps_reaching(&group.shapes, flight.num_steps, span_ns)
    }

    /// End a stretch at the first step that ends at or after `now_ns`.
    fn cut(&mut self, index: usize, now_ns: u64) -> Result<()> {
        if self.step_by_step {
            let group = &mut self.groups[index];
            group.planned = group.planned.min(group.begun());
            return Ok(());
        }
        let Some(flight) = self.groups[index].flight.filter(|flight| flight.num_steps > 1) else { return Ok(()) };
        let num_steps = self.steps_before(index, now_ns);
        if num_steps < flight.num_steps { self.shorten(index, flight, num_steps) } else { Ok(()) }
    }

    /// Let the steps of a stretch that ended until now end, so that the scheduler knows what they served.
    fn catch_up(&mut self, index: usize, now_ns: u64) -> Result<()> {
        // Of single steps it is told as they end.
        let Some(flight) = self.groups[index].flight.filter(|flight| flight.num_steps > 1) else { return Ok(()) };
        let ended = self.steps_before(index, now_ns + 1) - 1;
        if ended == 0 {
            return Ok(());
        }
        self.shorten(index, flight, ended)?;
        self.run_until(now_ns)
    }

    fn shorten(&mut self, index: usize, flight: Flight, num_steps: u64) -> Result<()> {
        self.stage_free_ns.fill(flight.start_ns);
        let shorter = self.flight(index, flight.start_ns, num_steps)?;
        self.groups[index].flight = Some(shorter);
        self.groups[index].planned = num_steps;
        Ok(())
    }

    /// Let stretches take the blocks that they have used by now, so that the pools show what is resident.
    pub(super) fn settle(&mut self, now_ns: u64) {
        for index in 0..self.groups.len() {
            let begun = self.groups[index].begun();
            let num_steps = if self.step_by_step { begun } else { self.steps_before(index, now_ns) };
            self.groups[index].reserve_ahead(num_steps, &mut self.pools);
        }
    }

    fn land(&mut self, index: usize) -> Result<()> {
        let group = &mut self.groups[index];
        let Some(flight) = group.flight.take() else { return Ok(()) };
        let work = self.clock.work(&group.shapes, flight.num_steps);
        group.done += flight.num_steps;
        group.ready_ns = flight.end_ns;
        group.fraction = flight.fraction;
        // Flights overlap in a pipeline: count only what the flights that ended before did not cover.
        let covered_ns = self.totals.makespan_ns.max(flight.start_ns);
        self.totals.busy_ns += flight.end_ns.saturating_sub(covered_ns);
        self.totals.makespan_ns = self.totals.makespan_ns.max(flight.end_ns);
        self.totals.steps += flight.num_steps;
        self.totals.flops += work.flops;
        self.totals.bytes += work.bytes;
        if group.done >= group.planned { self.end_stretch(index, flight.end_ns) } else { Ok(()) }
    }

    /// Enter what the steps of a stretch have done into the books of its lanes.
    fn end_stretch(&mut self, index: usize, end_ns: u64) -> Result<()> {
        let num_steps = std::mem::take(&mut self.groups[index].done);
        if num_steps > 0 {
            self.settle_others(index);
            let group = &mut self.groups[index];
            for rank in 0..group.lanes.len() {
                let mut view = group.view(&mut self.pools[rank]);
                group.lanes[rank].land(num_steps, end_ns, &mut view, &mut self.totals)?;
            }
            self.cut_waiting(index);
        }
        self.groups[index].planned = 0;
        Ok(())
    }
}
