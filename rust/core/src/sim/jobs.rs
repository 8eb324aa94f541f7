//! One machine, known sizes: what queueing theory describes, run through the scheduler that serves requests.
//!
//! A job is a request of one prompt token whose output is its work; the engine has one slot, a step costs one unit per
//! unit of work, and progress survives a preemption for free. Time jumps from event to event, so a job costs two steps
//! whatever its size.

use crate::sched::{Batch, Limits, Options, Request, Scheduler, Stats, Unlimited};
use crate::{Error, Result};

/// Largest size of a job, in units of work.
pub const MAX_SIZE: i64 = i32::MAX as i64;

/// Run jobs on one machine and write when each completes.
///
/// `completion`, `release` and `size` are in the same unit and of the same length, in any order of release; equal
/// releases count as arriving in order of index. O(n log n).
pub fn simulate_jobs(completion: &mut [i64], release: &[i64], size: &[i64], options: Options) -> Result<Stats> {
    check(completion, release, size)?;
    let mut order: Vec<u32> = (0..release.len() as u32).collect();
    order.sort_by_key(|&job| release[job as usize]);
    let mut machine = Machine { scheduler: Scheduler::new(options)?, owner: Vec::new(), left: Vec::new() };
    let (mut batch, limits) = (Batch::default(), Limits::new(1, u32::MAX));
    let (mut now, mut next) = (0, 0);
    loop {
        while let Some(&job) = order.get(next).filter(|&&job| release[job as usize] <= now) {
            machine.submit(job, release[job as usize], size[job as usize])?;
            next += 1;
        }
        let arrival = order.get(next).map(|&job| release[job as usize]);
        machine.scheduler.next_batch(now as u64, &limits, &mut Unlimited, &mut batch)?;
        let Some(step) = batch.scheduled.first() else {
            let Some(arrival) = arrival else { break };
            now = arrival;
            continue;
        };
        let index = step.request as usize;
        let work = arrival.map_or(machine.left[index], |arrival| machine.left[index].min(arrival - now));
        // What a preemption threw away is computed again within the first unit: it is free here.
        let num_computed = step.num_tokens - 1 + work as u32;
        machine.scheduler.advance(step.request, num_computed, work as u32)?;
        machine.left[index] -= work;
        now += work;
        if machine.left[index] == 0 {
            machine.scheduler.finish(step.request)?;
            completion[machine.owner[index] as usize] = now;
        }
    }
    Ok(machine.scheduler.stats())
}

struct Machine {
    scheduler: Scheduler,
    /// By handle: which job, and how much of it is left.
    owner: Vec<u32>,
    left: Vec<i64>,
}

impl Machine {
    fn submit(&mut self, job: u32, release: i64, size: i64) -> Result<()> {
        let request = Request {
            arrival_ns: release as u64,
            prompt_tokens: 1,
            expected_output_tokens: Some(size as u32),
            priority: 0,
        };
        let index = self.scheduler.submit(request)? as usize;
        if index == self.owner.len() {
            self.owner.push(job);
            self.left.push(size);
        } else {
            self.owner[index] = job;
            self.left[index] = size;
        }
        Ok(())
    }
}

fn check(completion: &[i64], release: &[i64], size: &[i64]) -> Result<()> {
    if completion.len() != release.len() {
        return Err(Error::shape("completion", format!("({},)", release.len()), format!("({},)", completion.len())));
    }
    if size.len() != release.len() {
        return Err(Error::shape("size", format!("({},), as `release`", release.len()), format!("({},)", size.len())));
    }
    if u32::try_from(release.len()).is_err() {
        return Err(Error::shape("release", "(n,) with n below 2**32", format!("({},)", release.len())));
    }
    if let Some((job, early)) = release.iter().enumerate().find(|&(_, &release)| release < 0) {
        return Err(Error::value("release", "at least 0 everywhere", format!("{early} for job {job}")));
    }
    if let Some((job, wrong)) = size.iter().enumerate().find(|&(_, size)| !(1..=MAX_SIZE).contains(size)) {
        return Err(Error::value("size", format!("from 1 to {MAX_SIZE} everywhere"), format!("{wrong} for job {job}")));
    }
    let latest = release.iter().copied().max().unwrap_or(0);
    if size.iter().try_fold(latest, |end: i64, &size| end.checked_add(size)).is_none() {
        return Err(Error::value("release", "so early that all work ends before 2**63", latest));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::{PolicyKind, Preempt};

    fn completions(release: &[i64], size: &[i64], policy: PolicyKind, preempt: Preempt) -> Vec<i64> {
        let options = Options {
            policy,
            preempt,
            fifo_share: 0.0,
            preempt_gain: 1.0,
            max_preemptions: u32::MAX,
            prefill_weight: 0.0,
            ..Options::default()
        };
        let mut completion = vec![0; release.len()];
        simulate_jobs(&mut completion, release, size, options).unwrap();
        completion
    }

    #[test]
    fn srpt_interrupts_and_resumes() {
        let (release, size) = ([0, 2, 3, 20], [10, 4, 1, 1]);
        assert_eq!(completions(&release, &size, PolicyKind::Srpt, Preempt::Slots), [15, 7, 4, 21]);
        assert_eq!(completions(&release, &size, PolicyKind::Srpt, Preempt::None), [10, 15, 11, 21]);
        assert_eq!(completions(&release, &size, PolicyKind::Fcfs, Preempt::Slots), [10, 14, 15, 21]);
    }

    #[test]
    fn equal_remaining_work_does_not_interrupt() {
        assert_eq!(completions(&[0, 2], &[6, 4], PolicyKind::Srpt, Preempt::Slots), [6, 10]);
    }

    #[test]
    fn release_may_come_in_any_order() {
        assert_eq!(completions(&[5, 0], &[1, 10], PolicyKind::Fcfs, Preempt::None), [11, 10]);
    }
}
