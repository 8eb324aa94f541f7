//! One machine, known sizes: what queueing theory describes, run through the scheduler that serves requests.
//!
//! A job is a request of one prompt token whose output is its work; the engine has one slot, a step costs one unit per
//! unit of work, and progress survives a preemption for free. Time jumps from event to event, so a job costs two steps
//! whatever its size, unless its rank rises while it runs. Jobs may consist of operations: the size of the next one is
//! revealed when one ends. Only `srpt` is told the totals, and `slf` when a share of them is left; `gittins` knows from
//! which distribution they are.

use crate::sched::order::Order;
use crate::sched::{
    Batch, Limits, MICRO, Options, PolicyKind, Preempt, Request, Scheduler, State, Stats, Unlimited, micro,
};
use crate::{Error, Result};

/// Largest size of a job, in units of work.
pub const MAX_SIZE: i64 = i32::MAX as i64;

/// What is known about jobs: columns of one length, except the sizes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Jobs<'a> {
    /// When each arrives, at least 0, in any order; equal ones arrive in order of index.
    pub release: &'a [i64],
    /// Work of every operation of the first job, then of the second, and so on.
    pub size: &'a [i64],
    /// How many operations each job has; one each if absent.
    pub num_operations: Option<&'a [i64]>,
    /// What the scheduler is told of each size in place of the truth.
    pub estimate: Option<&'a [i64]>,
    /// Weights in millionths.
    pub weight: Option<&'a [i64]>,
    /// Deadlines.
    pub deadline: Option<&'a [i64]>,
    /// Tenants.
    pub tenant: Option<&'a [i64]>,
    /// From which of the distributions the total of each job is.
    pub distribution: Option<&'a [i64]>,
}

/// How a single machine runs `policy`: preemption is free, considered at every arrival, and as often as it helps.
pub fn free_preemption(policy: PolicyKind) -> Options {
    Options {
        policy,
        preempt: Preempt::Slots,
        fifo_share: 0.0,
        preempt_gain: 1.0,
        max_preemptions: u32::MAX,
        prefill_weight: 0.0,
        ..Options::default()
    }
}

/// Run jobs on one machine and write when each completes, in the unit of `release` and `size`. O(n log n) for n
/// operations under policies whose ranks do not rise while a job runs, else O(work log n).
pub fn simulate_jobs(completion: &mut [i64], jobs: &Jobs<'_>, options: Options) -> Result<Stats> {
    simulate_jobs_from(completion, jobs, options, Vec::new())
}

/// [`simulate_jobs`] with the distributions that `gittins` needs: output lengths that were seen.
pub fn simulate_jobs_from(
    completion: &mut [i64],
    jobs: &Jobs<'_>,
    options: Options,
    samples: Vec<Vec<u32>>,
) -> Result<Stats> {
    let whole = matches!(options.policy, PolicyKind::Srpt | PolicyKind::Slf | PolicyKind::Gittins);
    run(completion, jobs, Scheduler::with_samples(options, samples)?, whole)
}

/// [`simulate_jobs`] in an order of your own. `whole`: whether it is told the totals.
pub fn simulate_jobs_in(
    completion: &mut [i64],
    jobs: &Jobs<'_>,
    options: Options,
    order: Box<dyn Order>,
    whole: bool,
) -> Result<Stats> {
    run(completion, jobs, Scheduler::with_order(options, order)?, whole)
}

fn run(completion: &mut [i64], jobs: &Jobs<'_>, scheduler: Scheduler, whole: bool) -> Result<Stats> {
    jobs.check(completion.len())?;
    let mut order: Vec<(i64, u32)> = jobs.release.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let options = scheduler.options();
    let eps = if options.policy == PolicyKind::Slf { micro(options.eps) } else { MICRO };
    let first = jobs.first_operations();
    let mut machine = Machine { jobs: *jobs, first, whole, eps, scheduler, active: Vec::new() };
    let (mut batch, limits) = (Batch::default(), Limits::new(1, u32::MAX));
    let (mut now, mut next) = (0, 0);
    loop {
        while let Some(&(_, job)) = order.get(next).filter(|(release, _)| *release <= now) {
            machine.submit(job)?;
            next += 1;
        }
        let arrival = order.get(next).map(|&(release, _)| release);
        machine.scheduler.next_batch(now as u64, &limits, &mut Unlimited, &mut batch)?;
        let Some(step) = batch.scheduled.first().copied() else {
            let Some(arrival) = arrival else { break };
            now = arrival;
            continue;
        };
        let work = machine.work(step.request, arrival.map_or(i64::MAX, |arrival| arrival - now))?;
        // What a preemption threw away is computed again within the first unit: it is free here.
        machine.scheduler.advance(step.request, step.num_tokens - 1 + work as u32, work as u32)?;
        now += work;
        if let Some(job) = machine.serve(step.request, work)? {
            completion[job as usize] = now;
        }
    }
    Ok(machine.scheduler.stats())
}

/// A job that has not completed.
#[derive(Debug, Clone, Copy)]
struct Active {
    job: u32,
    /// Its current operation and the end of its operations, in the column of sizes; what is left of the current one.
    operation: usize,
    end: usize,
    left: i64,
    /// How much of the current one will be left when its size becomes known; all of it if it is.
    hidden_above: i64,
}

struct Machine<'a> {
    jobs: Jobs<'a>,
    /// Where the operations of each job start.
    first: Vec<usize>,
    whole: bool,
    /// Share of a size that is left when it becomes known, in millionths.
    eps: u64,
    scheduler: Scheduler,
    /// By handle.
    active: Vec<Active>,
}

impl Machine<'_> {
    fn submit(&mut self, job: u32) -> Result<()> {
        let row = job as usize;
        let (operation, end) = (self.first[row], self.first[row + 1]);
        // Under `whole` a job is one operation of the total size.
        let total = |column: &[i64]| column[operation..end].iter().sum::<i64>();
        let estimates = self.jobs.estimate.unwrap_or(self.jobs.size);
        let expected = if self.whole { total(estimates) } else { estimates[operation] };
        let (left, operation) =
            if self.whole { (total(self.jobs.size), end - 1) } else { (self.jobs.size[operation], operation) };
        let hidden_above = (i128::from(left) * i128::from(self.eps) / i128::from(MICRO)) as i64;
        let tenant = self.jobs.tenant.map_or(0, |tenant| tenant[row] as u32);
        let handle = self.scheduler.submit(Request {
            arrival_ns: self.jobs.release[row] as u64,
            prompt_tokens: 1,
            expected_output_tokens: (left <= hidden_above).then_some(expected as u32),
            tenant,
            distribution: self.jobs.distribution.map_or(0, |distribution| distribution[row] as u32),
            weight: self.jobs.weight.map_or(Request::default().weight, |weight| weight[row] as u64),
            deadline_ns: self.jobs.deadline.map(|deadline| deadline[row] as u64),
            ..Request::default()
        })? as usize;
        let active = Active { job, operation, end, left, hidden_above };
        match self.active.get_mut(handle) {
            Some(place) => *place = active,
            None => self.active.push(active),
        }
        Ok(())
    }

    /// How much of a running job to do before the scheduler is asked again.
    fn work(&self, handle: u32, until_arrival: i64) -> Result<i64> {
        let active = &self.active[handle as usize];
        let until_known =
            if active.left > active.hidden_above { active.left - active.hidden_above } else { active.left };
        let most = until_known.min(until_arrival);
        if self.scheduler.stats().num_waiting == 0 {
            return Ok(most);
        }
        let job = self.scheduler.job(handle)?;
        debug_assert_eq!(job.state, State::Running);
        Ok(most.min(i64::from(self.scheduler.policy().patience(job)) + 1))
    }

    /// Book the work; returns the job if it is complete.
    fn serve(&mut self, handle: u32, work: i64) -> Result<Option<u32>> {
        let active = &mut self.active[handle as usize];
        active.left -= work;
        if active.left > 0 {
            if active.left == active.hidden_above {
                let (job, estimates) = (active.job as usize, self.jobs.estimate.unwrap_or(self.jobs.size));
                let total: i64 = estimates[self.first[job]..self.first[job + 1]].iter().sum();
                let done = self.scheduler.job(handle)?.num_sampled;
                self.scheduler.update(handle, Some(done.max(total as u32)), None, None)?;
            }
            return Ok(None);
        }
        active.operation += 1;
        if active.operation == active.end {
            self.scheduler.finish(handle)?;
            return Ok(Some(active.job));
        }
        active.left = self.jobs.size[active.operation];
        active.hidden_above = active.left;
        let expected = self.jobs.estimate.unwrap_or(self.jobs.size)[active.operation];
        self.scheduler.reveal(handle, 0, expected as u32)?;
        Ok(None)
    }
}

impl Jobs<'_> {
    /// Where the operations of each job start, and where the last ends.
    fn first_operations(&self) -> Vec<usize> {
        let mut first = vec![0];
        for row in 0..self.release.len() {
            first.push(first[row] + self.num_operations.map_or(1, |counts| counts[row] as usize));
        }
        first
    }

    fn check(&self, completions: usize) -> Result<()> {
        let n = self.release.len();
        if u32::try_from(n).is_err() {
            return Err(Error::shape("release", "(n,) with n below 2**32", format!("({n},)")));
        }
        let rows = [
            ("num_operations", self.num_operations),
            ("weight", self.weight),
            ("deadline", self.deadline),
            ("tenant", self.tenant),
            ("distribution", self.distribution),
        ];
        for (argument, column) in rows.into_iter().chain([("completion", None)]) {
            let len = if argument == "completion" { completions } else { column.map_or(n, <[i64]>::len) };
            if len != n {
                return Err(Error::shape(argument, format!("({n},), as `release`"), format!("({len},)")));
            }
        }
        within("release", self.release, 0, i64::MAX)?;
        within("num_operations", self.num_operations.unwrap_or(&[]), 1, MAX_SIZE)?;
        within("deadline", self.deadline.unwrap_or(&[]), 0, i64::MAX)?;
        within("tenant", self.tenant.unwrap_or(&[]), 0, i64::from(u32::MAX))?;
        within("distribution", self.distribution.unwrap_or(&[]), 0, i64::from(u32::MAX))?;
        let counts =
            self.num_operations.map_or(n as i128, |counts| counts.iter().map(|&count| i128::from(count)).sum());
        for (argument, column) in [("size", Some(self.size)), ("estimate", self.estimate)] {
            let Some(column) = column else { continue };
            if column.len() as i128 != counts {
                return Err(Error::shape(
                    argument,
                    format!("({counts},), one per operation"),
                    format!("({},)", column.len()),
                ));
            }
            within(argument, column, 1, MAX_SIZE)?;
        }
        let first = self.first_operations();
        for (argument, column) in [("size", self.size), ("estimate", self.estimate.unwrap_or(self.size))] {
            for (job, range) in first.windows(2).enumerate() {
                let total: i64 = column[range[0]..range[1]].iter().sum();
                if total > MAX_SIZE {
                    let expected = format!("at most {MAX_SIZE} for all operations of a job");
                    return Err(Error::value(argument, expected, format!("{total} for job {job}")));
                }
            }
        }
        let latest = self.release.iter().copied().max().unwrap_or(0);
        if self.size.iter().try_fold(latest, |end: i64, &size| end.checked_add(size)).is_none() {
            return Err(Error::value("release", "so early that all work ends before 2**63", latest));
        }
        Ok(())
    }
}

fn within(argument: &'static str, column: &[i64], least: i64, most: i64) -> Result<()> {
    let Some((row, wrong)) = column.iter().enumerate().find(|&(_, value)| !(least..=most).contains(value)) else {
        return Ok(());
    };
    let expected = if most == i64::MAX { format!("at least {least}") } else { format!("from {least} to {most}") };
    Err(Error::value(argument, format!("{expected} everywhere"), format!("{wrong} in row {row}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completions(release: &[i64], size: &[i64], policy: PolicyKind, preempt: Preempt) -> Vec<i64> {
        let options = Options { preempt, ..free_preemption(policy) };
        let mut completion = vec![0; release.len()];
        simulate_jobs(&mut completion, &Jobs { release, size, ..Jobs::default() }, options).unwrap();
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

    #[test]
    fn operations_are_revealed_one_by_one() {
        let (release, size, num_operations) = ([0, 0, 1], [2, 9, 3, 1], [2, 1, 1]);
        let jobs = Jobs { release: &release, size: &size, num_operations: Some(&num_operations), ..Jobs::default() };
        let run = |policy| {
            let mut completion = [0; 3];
            simulate_jobs(&mut completion, &jobs, free_preemption(policy)).unwrap();
            completion
        };
        assert_eq!(run(PolicyKind::OpSrpt), [15, 6, 3], "the first job starts, as 2 is less than 3");
        assert_eq!(run(PolicyKind::Srpt), [15, 4, 2], "the total of the first is 11");
        assert_eq!(run(PolicyKind::ChunkBalance), [15, 6, 2], "9 begins a chunk");
    }
    #[test]
    fn sizes_become_known_when_a_share_is_left() {
        let run = |eps| {
            let mut completion = [0; 2];
            let jobs = Jobs { release: &[0, 0], size: &[4, 8], ..Jobs::default() };
            simulate_jobs(&mut completion, &jobs, Options { eps, ..free_preemption(PolicyKind::Slf) }).unwrap();
            completion
        };
        assert_eq!(run(1.0), [4, 12], "known from the start");
        assert_eq!(run(0.5), [6, 12], "they take turns until 2 of 4 are known to be left");
        assert_eq!(run(1e-6), [8, 12], "they take turns until the end");
    }
}
