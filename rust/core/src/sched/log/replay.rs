//! The calls of a log repeated on a fresh scheduler, its answers compared.

use super::samples::read_samples;
use super::submission::submission;
use super::{
    ADD_PROGRAM, ADMITTED, ADVANCE, BATCH, CACHED, CANCEL, CAPACITY, END_PROGRAM, FINISH, NAME, PAUSE, PREEMPTED, RANK,
    RELEASE, RESERVE, RESUME, REVEAL, RULES, Row, SCHEDULED, SUBMIT, TENANT_WEIGHT, UPDATE, VERSION, broken, optional,
    read_options, time, whole,
};
use crate::Result;
use crate::sched::options::Options;
use crate::sched::request::{Batch, KvCache, Limits, RequestIndex};
use crate::sched::scheduler::Scheduler;

/// The row after the options and the version. Refuses logs whose answers other rules have found.
fn check_rules(rows: &[Row], options: &Options) -> Result<usize> {
    match rows.get(2) {
        Some(&[VERSION, RULES, ..]) => Ok(3),
        Some(&[VERSION, rules, ..]) => Err(broken(2, format!("version {RULES} of the rules or less"), rules)),
        // Only the rules for tenants have changed since.
        _ if !options.shares_tenants() => Ok(2),
        _ => Err(broken(2, format!("version {RULES} of the rules, which the shares of tenants need"), "version 1")),
    }
}

/// Where a log and its replay differ first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The row of the log.
    pub row: usize,
    /// What the log holds there; `None` after its end.
    pub recorded: Option<Row>,
    /// What the replay decides; `None` if it decides nothing more there.
    pub decided: Option<Row>,
}

/// Repeat every call of a log on a fresh scheduler. An error names the first row that differs or makes no sense.
pub fn replay(rows: &[Row]) -> Result<Scheduler> {
    match compare(rows)? {
        (scheduler, None) => Ok(scheduler),
        (_, Some(Difference { row, recorded, decided: Some(decided) })) => {
            Err(broken(row, format!("{decided:?}, as the replay decides"), format!("{recorded:?}")))
        }
        (_, Some(Difference { row, recorded, .. })) => Err(broken(row, "a call", format!("{recorded:?}"))),
    }
}

/// [`replay`] that describes the first row that differs, with the scheduler before it. An error names the first row
/// that makes no sense.
pub fn compare(rows: &[Row]) -> Result<(Scheduler, Option<Difference>)> {
    let options = read_options(rows)?;
    let (samples, first) = read_samples(rows, check_rules(rows, &options)?)?;
    let mut scheduler = Scheduler::with_samples(options, samples)?;
    scheduler.record(true);
    let mut batch = Batch::default();
    let mut at = first;
    while at < rows.len() {
        if is_answer(rows[at][0]) {
            return Ok((scheduler, Some(Difference { row: at, recorded: Some(rows[at]), decided: None })));
        }
        let before = scheduler.log().len();
        let mut answers = Answers { rows, at: at + 1 };
        repeat(&mut scheduler, rows, at, &mut answers, &mut batch)?;
        for &decided in &scheduler.log()[before..] {
            let recorded = rows.get(at).copied();
            if recorded != Some(decided) {
                return Ok((scheduler, Some(Difference { row: at, recorded, decided: Some(decided) })));
            }
            at += 1;
        }
    }
    Ok((scheduler, None))
}

/// Whether rows of a kind are no calls but what a scheduler asks of the cache, and answers.
fn is_answer(kind: i64) -> bool {
    matches!(kind, CACHED | RESERVE | RELEASE | CAPACITY | SCHEDULED | ADMITTED | PREEMPTED)
}

fn repeat(
    scheduler: &mut Scheduler,
    rows: &[Row],
    at: usize,
    answers: &mut Answers<'_>,
    batch: &mut Batch,
) -> Result<()> {
    let [kind, a, b, c, d, e] = rows[at];
    let request = || whole(at, a);
    match kind {
        SUBMIT => {
            let (request, cached_tokens) = submission(rows, at)?;
            scheduler.submit_cached(request, cached_tokens).map(|_| ())
        }
        REVEAL => scheduler.reveal(request()?, whole(at, b)?, whole(at, c)?),
        ADD_PROGRAM => scheduler.add_program().map(|_| ()),
        END_PROGRAM => scheduler.end_program(whole(at, a)?),
        PAUSE => scheduler.pause(whole(at, a)?, time(at, b)?, time(at, c)?).map(|_| ()),
        RESUME => scheduler.resume(whole(at, a)?, time(at, b)?).map(|_| ()),
        UPDATE => {
            let priority =
                (d != 0).then(|| i32::try_from(e).map_err(|_| broken(at, "a 32-bit priority", e))).transpose()?;
            scheduler.update(request()?, optional(at, b)?, optional(at, c)?, priority)
        }
        TENANT_WEIGHT => scheduler.set_tenant_weight(whole(at, a)?, u64::try_from(b).unwrap_or(0)),
        RANK => scheduler.set_rank(request()?, b as u64),
        ADVANCE => scheduler.advance(request()?, whole(at, b)?, whole(at, c)?),
        FINISH => scheduler.finish(request()?),
        CANCEL => scheduler.cancel(request()?),
        BATCH => {
            let now_ns = time(at, a)?;
            let limits = Limits {
                slots: whole(at, b)?,
                token_budget: whole(at, c)?,
                chunked_prefill: d != 0,
                reserve_full_prompt: e != 0,
            };
            scheduler.next_batch(now_ns, &limits, answers, batch)
        }
        NAME => {
            scheduler.note(rows[at]);
            Ok(())
        }
        _ => Err(broken(at, "a call", format!("kind {kind}"))),
    }
}

/// A cache that answers what the log says it answered.
struct Answers<'a> {
    rows: &'a [Row],
    at: usize,
}

impl Answers<'_> {
    /// The next row if it is of this kind and about this request; else the replay will differ from the log and say
    /// where.
    fn next(&mut self, kind: i64, request: RequestIndex) -> Option<Row> {
        let row = self.rows.get(self.at).filter(|row| row[0] == kind && row[1] == i64::from(request)).copied();
        self.at += 1;
        row
    }
}

impl KvCache for Answers<'_> {
    fn cached_tokens(&mut self, request: RequestIndex) -> u32 {
        self.next(CACHED, request).map_or(0, |row| row[2].clamp(0, i64::from(u32::MAX)) as u32)
    }

    fn reserve(&mut self, request: RequestIndex, _num_tokens: u32) -> bool {
        self.next(RESERVE, request).is_some_and(|row| row[3] != 0)
    }

    fn release(&mut self, request: RequestIndex) {
        self.next(RELEASE, request);
    }

    fn capacity(&mut self) -> Option<(u64, u32)> {
        let row = self.rows.get(self.at).filter(|row| row[0] == CAPACITY).copied();
        self.at += 1;
        row.and_then(|row| Some((u64::try_from(row[1]).ok()?, u32::try_from(row[2]).ok()?)))
    }
}
