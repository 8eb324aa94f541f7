//! The event loop over a trace: arrivals in order, the router, the replicas.

use std::num::NonZero;
use std::thread;

use super::clock::StepClock;
use super::lane::Outcome;
use super::options::Options;
use super::replica::Replica;
use super::result::{Rows, Totals};
use super::router::Router;
use super::trace::Trace;
use crate::Result;
use crate::cost::StepTime;

/// Serve `trace` with the service `options` whose engines take `step_time`; fill `rows`, return the totals of each replica.
///
/// A replica advances only when the router has to look at it, and a stretch of equal decode steps is one event, so the cost is
/// O(requests x (replicas + log n) + events x running).
pub fn simulate(
    rows: &mut Rows<'_>,
    trace: &Trace<'_>,
    step_time: &StepTime,
    options: &Options,
) -> Result<Vec<Totals>> {
    options.check()?;
    trace.check()?;
    rows.check(trace.len())?;
    rows.clear();
    let shared = Trace { hashes: trace.hashes.filter(|_| options.prefix_caching), ..*trace };
    let served = turn_away(rows, &shared, options);
    let results = if options.router == Router::RoundRobin {
        independent(&shared, &served, step_time, options)?
    } else {
        together(&shared, &served, step_time, options)?
    };
    let mut totals = Vec::with_capacity(results.len());
    for (replica, (done, sums)) in results.into_iter().enumerate() {
        for (row, outcome) in done {
            rows.write(row as usize, replica, &outcome);
        }
        totals.push(sums);
    }
    Ok(totals)
}

type Results = Vec<(Vec<(u32, Outcome)>, Totals)>;

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

fn new_replica<'a>(trace: &Trace<'a>, step_time: &'a StepTime, options: &Options) -> Result<Replica<'a>> {
    let hash_block_tokens = trace.hashes.map_or(1, |hashes| hashes.block_tokens);
    Replica::new(StepClock::new(step_time, options), options, hash_block_tokens)
}

/// All replicas in one time, for routers that look at them.
fn together(trace: &Trace<'_>, served: &[u32], step_time: &StepTime, options: &Options) -> Result<Results> {
    let count = options.replicas as usize;
    let mut replicas = (0..count).map(|_| new_replica(trace, step_time, options)).collect::<Result<Vec<_>>>()?;
    for (turn, &row) in served.iter().enumerate() {
        let row = row as usize;
        for replica in &mut replicas {
            replica.run_until(trace.arrival_ns[row] as u64)?;
        }
        let load = |index: usize| replicas[index].load();
        let uncached = |index: usize| replicas[index].uncached_tokens(trace, row);
        let chosen = options.router.choose(turn, count, load, uncached);
        replicas[chosen].submit(trace, row)?;
    }
    replicas
        .into_iter()
        .map(|mut replica| {
            replica.run_until(u64::MAX)?;
            Ok(replica.into_results())
        })
        .collect()
}

/// Replicas one by one, on threads if asked for: their requests do not depend on each other.
fn independent(trace: &Trace<'_>, served: &[u32], step_time: &StepTime, options: &Options) -> Result<Results> {
    let count = options.replicas as usize;
    let run = |index: usize| {
        let mut replica = new_replica(trace, step_time, options)?;
        for &row in served.iter().skip(index).step_by(count) {
            replica.run_until(trace.arrival_ns[row as usize] as u64)?;
            replica.submit(trace, row as usize)?;
        }
        replica.run_until(u64::MAX)?;
        Ok(replica.into_results())
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = (options.threads as usize).min(count).min(cores);
    if threads == 1 {
        return (0..count).map(run).collect();
    }
    let per_thread = count.div_ceil(threads);
    let parts = thread::scope(|scope| {
        let run = &run;
        let part = |first: usize| {
            scope.spawn(move || (first..count.min(first + per_thread)).map(run).collect::<Result<Results>>())
        };
        let handles: Vec<_> = (0..count).step_by(per_thread).map(part).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    let mut results = Vec::with_capacity(count);
    for part in parts {
        results.extend(part?);
    }
    Ok(results)
}
