//! The event loop over a trace: arrivals in order, the router, the replicas.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use super::clock::StepClock;
use super::options::Options;
use super::replica::Replica;
use super::result::{ReplicaResult, Rows, Run};
use super::router::Router;
use super::trace::Trace;
use crate::Result;
use crate::cost::StepTime;

/// Serve `trace` with the service `options` whose engines take `step_time`; fill `rows`, return the totals of each
/// replica.
///
/// A replica advances only when the router has to look at it, and a stretch of equal decode steps is one event, so the
/// cost is O(requests x (replicas + log n) + events x running). `stop` is asked every few milliseconds; once it says
/// true the call ends with [`crate::Error::Interrupted`].
pub fn simulate(
    rows: &mut Rows<'_>,
    trace: &Trace<'_>,
    step_time: &StepTime,
    options: &Options,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Run> {
    options.check()?;
    trace.check()?;
    rows.check(trace.len())?;
    rows.clear();
    let service = Service {
        trace: Trace { hashes: trace.hashes.filter(|_| options.prefix_caching), ..*trace },
        step_time,
        options: *options,
        stop,
    };
    let served = turn_away(rows, trace, options);
    let results =
        if options.router == Router::RoundRobin { service.independent(&served)? } else { service.together(&served)? };
    let mut run = Run::default();
    for (replica, result) in results.into_iter().enumerate() {
        for (row, outcome) in &result.done {
            rows.write(*row as usize, replica, outcome);
        }
        run.totals.push(result.totals);
        run.logs.extend(result.logs);
    }
    Ok(run)
}

/// Mark the requests that cannot be served; returns the others.
fn turn_away(rows: &mut Rows<'_>, trace: &Trace<'_>, options: &Options) -> Vec<u32> {
    let mut served = Vec::with_capacity(trace.len());
    for row in 0..trace.len() {
        match options.refusal(trace.prompt_tokens[row] as u32, trace.output_tokens[row] as u32) {
            Some(refusal) => rows.refusal[row] = refusal as u8,
            None => served.push(row as u32),
        }
    }
    served
}

/// Everything that stays the same during a simulation.
struct Service<'a> {
    trace: Trace<'a>,
    step_time: &'a StepTime,
    options: Options,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Service<'a> {
    fn replica(&self) -> Result<Replica<'a>> {
        let hash_block_tokens = self.trace.hashes.map_or(1, |hashes| hashes.block_tokens);
        let clock = StepClock::new(self.step_time, &self.options);
        Replica::new(clock, &self.options, &self.trace.terms, hash_block_tokens, self.stop)
    }

    /// All replicas in one time, for routers that look at them.
    fn together(&self, served: &[u32]) -> Result<Vec<ReplicaResult>> {
        let count = self.options.replicas as usize;
        let mut replicas = (0..count).map(|_| self.replica()).collect::<Result<Vec<_>>>()?;
        for (turn, &row) in served.iter().enumerate() {
            let row = row as usize;
            for replica in &mut replicas {
                replica.run_until(self.trace.arrival_ns[row] as u64)?;
                if self.options.router == Router::PrefixAffinity {
                    replica.settle(self.trace.arrival_ns[row] as u64);
                }
            }
            let load = |index: usize| replicas[index].load();
            let uncached = |index: usize| replicas[index].uncached_tokens(&self.trace, row);
            let chosen = self.options.router.choose(turn, count, load, uncached);
            replicas[chosen].submit(&self.trace, row)?;
        }
        let end = |(index, mut replica): (usize, Replica<'a>)| {
            replica.run_until(u64::MAX)?;
            Ok(replica.into_result(index))
        };
        replicas.into_iter().enumerate().map(end).collect()
    }

    /// Replicas one by one, on threads if asked for: their requests do not depend on each other.
    fn independent(&self, served: &[u32]) -> Result<Vec<ReplicaResult>> {
        let count = self.options.replicas as usize;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (self.options.threads as usize).min(count).min(cores);
        let share = |first: usize, length: usize| -> Result<Vec<ReplicaResult>> {
            (first..count.min(first + length)).map(|index| self.alone(served, index)).collect()
        };
        if threads == 1 {
            return share(0, count);
        }
        let length = count.div_ceil(threads);
        let parts: Vec<_> = thread::scope(|scope| {
            let share = &share;
            let starts = (0..count).step_by(length);
            let handles: Vec<_> = starts.map(|first| scope.spawn(move || share(first, length))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        let mut results = Vec::with_capacity(count);
        for part in parts {
            results.extend(part?);
        }
        Ok(results)
    }

    /// One replica of a router that serves in turn.
    fn alone(&self, served: &[u32], index: usize) -> Result<ReplicaResult> {
        let mut replica = self.replica()?;
        for &row in served.iter().skip(index).step_by(self.options.replicas as usize) {
            replica.run_until(self.trace.arrival_ns[row as usize] as u64)?;
            replica.submit(&self.trace, row as usize)?;
        }
        replica.run_until(u64::MAX)?;
        Ok(replica.into_result(index))
    }
}
