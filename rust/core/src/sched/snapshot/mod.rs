//! A scheduler as bytes: all that its further decisions depend on, and the log so far if it records.
//!
//! The bytes start with what they are, their version, their length and a checksum; whatever else comes is refused.
//! Queues are not written: they follow from the requests. Equal schedulers give equal bytes.

mod bytes;
mod records;

use bytes::{Reader, Saved, broken, in_order};
use records::Live;

use super::blocks::Held;
use super::job::{Job, State};
use super::log::{Row, options_rows, read_options};
use super::named::NamedScheduler;
use super::order::Order;
use super::program::Programs;
use super::request::RequestIndex;
use super::scheduler::Scheduler;
use super::tenant_names::TenantNames;
use crate::{Error, Result};

/// What the bytes start with.
const MAGIC: &[u8; 7] = b"pssched";
/// Raised whenever a field is added or a decision changes.
const VERSION: u8 = 2;
const HEADER: usize = MAGIC.len() + 1 + 16;

impl Scheduler {
    /// Everything about it as bytes; [`Scheduler::restore`] goes on where it stands. O(requests + log).
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.save(&mut out);
        sealed(&out)
    }

    /// The scheduler that [`Scheduler::snapshot`] wrote down: every further answer is the same.
    pub fn restore(snapshot: &[u8]) -> Result<Self> {
        whole(snapshot, |input| Self::load(input, None))
    }

    /// [`Scheduler::restore`] for one made by [`Scheduler::with_order`]: `waiting` is an order like its own, in which
    /// nobody waits.
    pub fn restore_in(snapshot: &[u8], waiting: Box<dyn Order>) -> Result<Self> {
        whole(snapshot, |input| Self::load(input, Some(waiting)))
    }

    fn save(&self, out: &mut Vec<u8>) {
        options_rows(&self.options).to_vec().save(out);
        self.samples.save(out);
        let jobs = self.jobs.iter().enumerate().filter(|(_, job)| job.state != State::Free);
        let live: Vec<(RequestIndex, Job)> = jobs.map(|(index, &job)| (index as RequestIndex, job)).collect();
        (self.jobs.len() as u64).save(out);
        live.save(out);
        self.free.save(out);
        self.programs.save(out);
        self.waiting.state().save(out);
        let runs = |request: &RequestIndex| self.jobs[*request as usize].state == State::Running;
        self.running.iter().copied().filter(runs).collect::<Vec<_>>().save(out);
        self.share.save(out);
        self.stats.save(out);
        [self.now_ns, self.last_arrival_ns, self.next_sequence, self.num_starts].save(out);
        (self.steady_steps, self.steady_for_arrivals).save(out);
        self.log.save(out);
    }

    fn load(input: &mut Reader<'_>, waiting: Option<Box<dyn Order>>) -> Result<Self> {
        let options = read_options(&<Vec<Row>>::load(input)?)?;
        let samples = <Vec<Vec<u32>>>::load(input)?;
        let mut scheduler = match waiting {
            Some(waiting) => Self::with_order(options, waiting)?,
            None => Self::with_samples(options, samples)?,
        };
        let Live { jobs, free, by_age } = Live::load(input)?;
        (scheduler.jobs, scheduler.free) = (jobs, free);
        scheduler.programs = Programs::load(input)?;
        let state = <Vec<u64>>::load(input)?;
        scheduler.running = Vec::load(input)?;
        scheduler.share = Saved::load(input)?;
        scheduler.stats = Saved::load(input)?;
        [scheduler.now_ns, scheduler.last_arrival_ns, scheduler.next_sequence, scheduler.num_starts] =
            Saved::load(input)?;
        (scheduler.steady_steps, scheduler.steady_for_arrivals) = Saved::load(input)?;
        scheduler.check_loaded()?;
        // Before, so that what is counted stands in the same places; after, for what arrivals have changed.
        let known = scheduler.waiting.set_state(&state);
        for request in by_age {
            let job = scheduler.jobs[request as usize];
            scheduler.waiting.arrive(&job);
            if job.state == State::Waiting {
                scheduler.enqueue(request);
            }
        }
        if !known || !scheduler.waiting.set_state(&state) {
            return Err(broken("of a scheduler in the same order"));
        }
        scheduler.log = Saved::load(input)?;
        Ok(scheduler)
    }

    /// Whether what was read fits together, as far as later calls rely on it.
    fn check_loaded(&self) -> Result<()> {
        let mut calls = vec![0_u32; self.programs.num_slots()];
        for job in self.jobs.iter().filter(|job| job.state != State::Free) {
            if self.check_request(&job.request, job.num_cached).is_err() {
                return Err(broken("requests that this scheduler would take"));
            }
            if job.num_computed > job.num_tokens() || job.sequence >= self.next_sequence {
                return Err(broken("requests within their sizes"));
            }
            if let Some(program) = job.request.program {
                calls[program as usize] += 1;
            }
        }
        if !self.programs.have_calls(&calls) {
            return Err(broken("programs with their calls"));
        }
        let mut runs: Vec<bool> = self.jobs.iter().map(|job| job.state == State::Running).collect();
        let known = self.running.iter().all(|&request| runs.get_mut(request as usize).is_some_and(std::mem::take));
        if !known || runs.contains(&true) || self.stats.num_running != self.running.len() as u64 {
            return Err(broken("one place for every running request"));
        }
        Ok(())
    }
}

impl NamedScheduler {
    /// See [`Scheduler::snapshot`].
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.scheduler.save(&mut out);
        in_order(self.handles.iter().map(|(&id, &handle)| (id, handle))).save(&mut out);
        in_order(self.programs.iter().map(|(&id, &program)| (id, program))).save(&mut out);
        let (names, free) = self.tenants.parts();
        names.save(&mut out);
        free.save(&mut out);
        self.blocks.block_size.save(&mut out);
        let held = |&(_, handle): &(i64, RequestIndex)| self.blocks.held(handle);
        in_order(self.handles.iter().map(|(&id, &handle)| (id, handle)))
            .iter()
            .map(held)
            .collect::<Vec<_>>()
            .save(&mut out);
        sealed(&out)
    }

    /// See [`Scheduler::restore`].
    pub fn restore(snapshot: &[u8]) -> Result<Self> {
        whole(snapshot, |input| {
            let scheduler = Scheduler::load(input, None)?;
            let handles = <Vec<(i64, RequestIndex)>>::load(input)?;
            let programs = <Vec<(i64, u32)>>::load(input)?;
            let tenants = TenantNames::new(&<Vec<i64>>::load(input)?, <Vec<u32>>::load(input)?);
            let mut named = Self::new(scheduler, u32::load(input)?)?;
            named.tenants = tenants.ok_or_else(|| broken("one name for every tenant"))?;
            let held = <Vec<Held>>::load(input)?;
            named.name(&handles, &held)?;
            for (id, program) in programs {
                named.scheduler.program(program)?;
                named.add_program_id(id, program);
            }
            if named.programs.len() as u64 != named.scheduler.stats().num_programs {
                return Err(broken("a name for every program"));
            }
            Ok(named)
        })
    }

    fn name(&mut self, handles: &[(i64, RequestIndex)], held: &[Held]) -> Result<()> {
        for (&(id, handle), &held) in handles.iter().zip(held) {
            let tenant = self.scheduler.job(handle)?.request.tenant;
            if !self.tenants.has(tenant) {
                return Err(broken("a name for every tenant"));
            }
            self.tenants.add(tenant);
            self.add_id(id, handle);
            self.blocks.set_held(handle, held);
        }
        let stats = self.scheduler.stats();
        let distinct = self.handles.values().collect::<std::collections::HashSet<_>>().len() as u64;
        if distinct != stats.num_waiting + stats.num_running || held.len() as u64 != distinct {
            return Err(broken("a name for every request"));
        }
        Ok(())
    }
}

/// The contents behind a header.
fn sealed(contents: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + contents.len());
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&(contents.len() as u64).to_le_bytes());
    out.extend_from_slice(&checksum(contents).to_le_bytes());
    out.extend_from_slice(contents);
    out
}

/// What `load` makes of all contents, after the header has been checked.
fn whole<T>(snapshot: &[u8], load: impl FnOnce(&mut Reader<'_>) -> Result<T>) -> Result<T> {
    let refused = |expected: String, got: String| Error::value("snapshot", expected, got);
    let Some((header, contents)) = snapshot.split_at_checked(HEADER).filter(|(header, _)| header.starts_with(MAGIC))
    else {
        return Err(refused("bytes from `snapshot`".into(), format!("{} other bytes", snapshot.len())));
    };
    if header[MAGIC.len()] != VERSION {
        let got = format!("version {}", header[MAGIC.len()]);
        return Err(refused(format!("of version {VERSION}, the one that this release writes"), got));
    }
    let (numbers, _) = header[MAGIC.len() + 1..].as_chunks::<8>();
    let [len, sum] = [0, 1].map(|place: usize| u64::from_le_bytes(numbers[place]));
    if len != contents.len() as u64 {
        return Err(refused(format!("complete, {len} bytes after its header"), contents.len().to_string()));
    }
    if sum != checksum(contents) {
        return Err(refused("as it was written".into(), "bytes with another checksum".into()));
    }
    let mut input = Reader(contents);
    let loaded = load(&mut input)?;
    if input.0.is_empty() { Ok(loaded) } else { Err(broken("nothing after its end")) }
}

/// FNV-1a (Fowler, Noll and Vo): every change of one byte changes it.
fn checksum(contents: &[u8]) -> u64 {
    contents.iter().fold(0xCBF2_9CE4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
