//! The decision log: every call and every answer as rows of integers, and their replay.
//!
//! A row is a kind and five numbers. Calls come with what the cache answered while a batch was formed, so that a log
//! holds all that a decision depended on: [`replay`] makes a fresh scheduler, repeats the calls and compares every
//! answer.

mod replay;
mod samples;
mod submission;

pub use replay::{Difference, compare, replay};
pub(super) use submission::submit_rows;

pub(super) use samples::samples_rows;

use super::options::{MICRO, Options, POLICIES, Preempt, micro};
use super::request::{Batch, KvCache, Limits, RequestIndex, Scheduled};
use crate::{Error, Result};

/// Kind, then five numbers whose meaning depends on it; unused ones are 0 and an absent value is -1.
pub type Row = [i64; 6];

/// Options in millionths: policy, FIFO share, preempt, gain; then the longest wait in nanoseconds.
pub const OPTIONS: i64 = 0;
/// The other options: most preemptions, prefill weight in millionths, output tokens of unknown requests, eps in
/// millionths, tenant fairness as 0 or 1.
pub const WEIGHTS: i64 = 1;
/// A submission: handle given, arrival in nanoseconds, prompt tokens, expected output tokens, priority.
pub const SUBMIT: i64 = 2;
/// Follows a submission whose prompt was partly cached: handle, cached tokens.
pub const CACHED_AT_SUBMIT: i64 = 3;
/// An update: handle, expected output tokens, cached tokens, priority given or not (1 or 0), priority.
pub const UPDATE: i64 = 4;
/// Progress: handle, tokens computed, tokens sampled.
pub const ADVANCE: i64 = 5;
/// A finished request.
pub const FINISH: i64 = 6;
/// A cancelled request.
pub const CANCEL: i64 = 7;
/// A step is asked for: time in nanoseconds, slots, token budget, chunked prefill and full reservation as 0 or 1.
pub const BATCH: i64 = 8;
/// The cache said how much it holds: handle, tokens.
pub const CACHED: i64 = 9;
/// The cache was asked for room: handle, tokens, 1 if there was.
pub const RESERVE: i64 = 10;
/// The cache took blocks back: handle.
pub const RELEASE: i64 = 11;
/// Answer of a step: handle, tokens, tokens computed before.
pub const SCHEDULED: i64 = 12;
/// Answer of a step: handle of an admitted request.
pub const ADMITTED: i64 = 13;
/// Answer of a step: handle of a preempted request.
pub const PREEMPTED: i64 = 14;
/// What the engine calls a request: handle, id. Decides nothing.
pub const NAME: i64 = 15;
/// Follows a submission with bounds or a distribution of its output: handle, least, most (or -1), distribution.
pub const RANGE: i64 = 16;
/// Follows a submission with other terms: handle, weight in millionths, tenant, deadline in nanoseconds, rank.
pub const TERMS: i64 = 17;
/// Follows a submission that is the call of a program: handle, program or -1, calls left.
pub const CALL: i64 = 18;
/// A new program: its handle.
pub const ADD_PROGRAM: i64 = 19;
/// A program that has ended.
pub const END_PROGRAM: i64 = 20;
/// A pause: program, time in nanoseconds, for how long to keep its cache.
pub const PAUSE: i64 = 21;
/// The end of a pause: program, time in nanoseconds.
pub const RESUME: i64 = 22;
/// The next operation of a request: handle, prompt tokens, expected output tokens.
pub const REVEAL: i64 = 23;
/// A tenant's weight: tenant, weight in millionths.
pub const TENANT_WEIGHT: i64 = 24;
/// Follows the options, for each distribution as often as it takes: its number, then up to four output lengths, else
/// -1.
pub const SAMPLES: i64 = 25;
/// The cache said how large it is: blocks in all or -1, tokens per block.
pub const CAPACITY: i64 = 26;
/// Another rank for the policy `external`: handle, rank.
pub const RANK: i64 = 27;
/// Follows the options: the version of the rules by which answers are found, absent from logs of version 1.
pub const VERSION: i64 = 28;

/// Raised whenever the same calls give another answer. 2: tenants that are equal go in the order in which they came,
/// and whoever comes when nobody waits starts with what the last that waited was served by then.
const RULES: i64 = 2;

/// The rows that describe `options`. Shares, weights and gains are kept in millionths, as the scheduler uses them.
pub fn options_rows(options: &Options) -> [Row; 3] {
    [
        [
            OPTIONS,
            options.policy as i64,
            micro(options.fifo_share) as i64,
            options.preempt as i64,
            micro(options.preempt_gain) as i64,
            options.max_wait_ns.map_or(-1, |longest| longest as i64),
        ],
        [
            WEIGHTS,
            i64::from(options.max_preemptions),
            micro(options.prefill_weight) as i64,
            i64::from(options.unknown_output_tokens),
            micro(options.eps) as i64,
            i64::from(options.tenant_fairness),
        ],
        [VERSION, RULES, 0, 0, 0, 0],
    ]
}

/// The options that a log starts with.
pub fn read_options(rows: &[Row]) -> Result<Options> {
    let [[OPTIONS, policy, share, preempt, gain, longest], [WEIGHTS, most, weight, unknown, eps, fair], ..] = *rows
    else {
        return Err(Error::value("log", "rows that start with the options", format!("{} other rows", rows.len())));
    };
    let policy = POLICIES
        .iter()
        .map(|&(_, kind)| kind)
        .find(|&kind| kind as i64 == policy)
        .ok_or_else(|| broken(0, "a known policy", policy))?;
    let preempt = [Preempt::None, Preempt::Slots]
        .into_iter()
        .find(|&kind| kind as i64 == preempt)
        .ok_or_else(|| broken(0, "a known preemption", preempt))?;
    let value = |micros: i64| micros as f64 / MICRO as f64;
    Ok(Options {
        policy,
        fifo_share: value(share),
        preempt,
        preempt_gain: value(gain),
        max_preemptions: whole(1, most)?,
        prefill_weight: value(weight),
        unknown_output_tokens: whole(1, unknown)?,
        max_wait_ns: if longest == -1 { None } else { Some(time(0, longest)?) },
        eps: value(eps),
        tenant_fairness: fair != 0,
    })
}

/// Writes down what a cache answers.
pub(super) struct Recorder<'a, K> {
    pub(super) kv: &'a mut K,
    pub(super) rows: &'a mut Vec<Row>,
}

impl<K: KvCache> KvCache for Recorder<'_, K> {
    fn cached_tokens(&mut self, request: RequestIndex) -> u32 {
        let cached = self.kv.cached_tokens(request);
        self.rows.push([CACHED, i64::from(request), i64::from(cached), 0, 0, 0]);
        cached
    }

    fn reserve(&mut self, request: RequestIndex, num_tokens: u32) -> bool {
        let room = self.kv.reserve(request, num_tokens);
        self.rows.push([RESERVE, i64::from(request), i64::from(num_tokens), i64::from(room), 0, 0]);
        room
    }

    fn release(&mut self, request: RequestIndex) {
        self.kv.release(request);
        self.rows.push([RELEASE, i64::from(request), 0, 0, 0, 0]);
    }

    fn capacity(&mut self) -> Option<(u64, u32)> {
        let capacity = self.kv.capacity();
        let (num_blocks, block_size) = capacity.map_or((-1, 0), |(blocks, size)| (blocks as i64, i64::from(size)));
        self.rows.push([CAPACITY, num_blocks, block_size, 0, 0, 0]);
        capacity
    }
}

/// The row that asks for a step.
pub(super) fn batch_row(now_ns: u64, limits: &Limits) -> Row {
    let (slots, budget) = (i64::from(limits.slots), i64::from(limits.token_budget));
    let flags = [limits.chunked_prefill, limits.reserve_full_prompt].map(i64::from);
    [BATCH, now_ns as i64, slots, budget, flags[0], flags[1]]
}

/// The rows of the answer.
pub(super) fn answer_rows(rows: &mut Vec<Row>, batch: &Batch) {
    let scheduled = |&Scheduled { request, num_tokens, num_computed_tokens }: &Scheduled| {
        [SCHEDULED, i64::from(request), i64::from(num_tokens), i64::from(num_computed_tokens), 0, 0]
    };
    rows.extend(batch.scheduled.iter().map(scheduled));
    rows.extend(batch.admitted.iter().map(|&request| [ADMITTED, i64::from(request), 0, 0, 0, 0]));
    rows.extend(batch.preempted.iter().map(|&request| [PREEMPTED, i64::from(request), 0, 0, 0, 0]));
}

fn broken(row: usize, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> Error {
    Error::value("log", format!("replayable: row {row} must hold {expected}"), got)
}

fn whole(row: usize, value: i64) -> Result<u32> {
    u32::try_from(value).map_err(|_| broken(row, "an unsigned 32-bit number", value))
}

fn time(row: usize, value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| broken(row, "a time of at least 0", value))
}

fn optional(row: usize, value: i64) -> Result<Option<u32>> {
    if value == -1 { Ok(None) } else { whole(row, value).map(Some) }
}
