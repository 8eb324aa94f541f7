//! Search for jobs on which a policy does badly: hill climbing over small instances.
//!
//! From random jobs, one release, size or number of operations is changed at a time, and the change is kept unless the
//! ratio of the total flow time to that of SRPT, which knows all totals and is optimal, falls. Restarts keep it out of
//! the first dead end. Where a bound is known, the search must stay below it.

use super::jobs::{Jobs, free_preemption, simulate_jobs};
use crate::random::word;
use crate::sched::{Options, PolicyKind};
use crate::{Error, Result};

/// What to search.
#[derive(Debug, Clone, Copy)]
pub struct Climb {
    /// Jobs, at least 1.
    pub num_jobs: u32,
    /// Most operations of a job, at least 1.
    pub num_operations: u32,
    /// Size of the first operation of every job; any if 0. Uniform tests have one size for all.
    pub first_size: u32,
    /// Largest size of an operation, at least 1.
    pub max_size: u32,
    /// Instances to try.
    pub iterations: u32,
    /// Same seed, same search.
    pub seed: u64,
}

/// The worst jobs that were found, in the form of [`Jobs`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorstCase {
    /// When each job arrives.
    pub release: Vec<i64>,
    /// Work of each operation.
    pub size: Vec<i64>,
    /// Operations of each job.
    pub num_operations: Vec<i64>,
    /// Total flow time under the policy.
    pub flow: i64,
    /// The least possible.
    pub optimal: i64,
}

impl WorstCase {
    fn is_at_least(&self, other: &Self) -> bool {
        i128::from(self.flow) * i128::from(other.optimal) >= i128::from(other.flow) * i128::from(self.optimal)
    }
}

/// Look for the largest ratio of total flow times. O(iterations x operations log jobs).
pub fn worst_case(options: Options, climb: &Climb) -> Result<WorstCase> {
    let Climb { num_jobs, num_operations, max_size, iterations, first_size, .. } = *climb;
    for (argument, value) in
        [("n", num_jobs), ("m", num_operations), ("max_size", max_size), ("iterations", iterations)]
    {
        if value == 0 {
            return Err(Error::value(argument, "at least 1", 0));
        }
    }
    if u64::from(num_jobs) * u64::from(num_operations) * u64::from(max_size.max(first_size)) > 1 << 24 {
        return Err(Error::value("n", "so small that n * m * max_size is at most 2**24", num_jobs));
    }
    let mut random = Random { seed: climb.seed, drawn: 0 };
    let mut worst = WorstCase::default();
    let mut current = WorstCase::default();
    for iteration in 0..iterations {
        // Eight climbs, of which the longest searches suffer least.
        let restart = iteration % iterations.div_ceil(8) == 0;
        let jobs = if restart { random.jobs(climb) } else { random.change(climb, &current.jobs()) };
        let tried = run(options, &jobs)?;
        if restart || tried.is_at_least(&current) {
            current = tried;
        }
        if worst.optimal == 0 || !worst.is_at_least(&current) {
            worst.clone_from(&current);
        }
    }
    Ok(worst)
}

/// One job: its release and its operations.
type Job = (i64, Vec<i64>);

impl WorstCase {
    fn jobs(&self) -> Vec<Job> {
        let mut sizes = self.size.iter().copied();
        let operations = |&count: &i64| sizes.by_ref().take(count as usize).collect();
        self.release.iter().copied().zip(self.num_operations.iter().map(operations)).collect()
    }
}

fn run(options: Options, jobs: &[Job]) -> Result<WorstCase> {
    let release: Vec<i64> = jobs.iter().map(|(release, _)| *release).collect();
    let size: Vec<i64> = jobs.iter().flat_map(|(_, sizes)| sizes.iter().copied()).collect();
    let num_operations: Vec<i64> = jobs.iter().map(|(_, sizes)| sizes.len() as i64).collect();
    let mut completion = vec![0; jobs.len()];
    let mut flow = |options| {
        let columns = Jobs { release: &release, size: &size, num_operations: Some(&num_operations), ..Jobs::default() };
        simulate_jobs(&mut completion, &columns, options)?;
        Ok(completion.iter().zip(&release).map(|(end, start)| end - start).sum())
    };
    let (flow, optimal) = (flow(options)?, flow(free_preemption(PolicyKind::Srpt))?);
    Ok(WorstCase { release, size, num_operations, flow, optimal })
}

struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.drawn += 1;
        ((u64::from(word(self.seed, self.drawn)) * u64::from(limit.max(1))) >> 32) as u32
    }

    /// Small sizes as often as large ones.
    fn size(&mut self, climb: &Climb) -> i64 {
        let bits = climb.max_size.ilog2() + 1;
        let largest = 1_u32.checked_shl(self.below(bits) + 1).unwrap_or(u32::MAX).min(climb.max_size);
        i64::from(1 + self.below(largest))
    }

    fn release(&mut self, climb: &Climb) -> i64 {
        i64::from(self.below(climb.num_jobs.saturating_mul(climb.max_size.div_ceil(2)).max(2)))
    }

    fn jobs(&mut self, climb: &Climb) -> Vec<Job> {
        let job = |random: &mut Self| {
            let count = 1 + random.below(climb.num_operations);
            let mut sizes: Vec<i64> = (0..count).map(|_| random.size(climb)).collect();
            set_first(&mut sizes, climb);
            (random.release(climb), sizes)
        };
        (0..climb.num_jobs).map(|_| job(self)).collect()
    }

    fn change(&mut self, climb: &Climb, jobs: &[Job]) -> Vec<Job> {
        let mut jobs = jobs.to_vec();
        let other = jobs[self.below(climb.num_jobs) as usize].clone();
        let place = self.below(climb.num_jobs) as usize;
        let (release, sizes) = &mut jobs[place];
        match self.below(7) {
            0 => *release = self.release(climb),
            1 => *release = other.0 + i64::from(self.below(3)),
            2 => *release = (*release + i64::from(self.below(7)) - 3).max(0),
            3 => *sizes = other.1,
            4 if sizes.len() < climb.num_operations as usize => sizes.push(self.size(climb)),
            5 if sizes.len() > 1 => _ = sizes.pop(),
            _ => {
                let operation = self.below(sizes.len() as u32) as usize;
                sizes[operation] = self.size(climb);
            }
        }
        set_first(sizes, climb);
        jobs
    }
}

fn set_first(sizes: &mut [i64], climb: &Climb) {
    if climb.first_size > 0 {
        sizes[0] = i64::from(climb.first_size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIMB: Climb =
        Climb { num_jobs: 8, num_operations: 1, first_size: 0, max_size: 32, iterations: 800, seed: 1 };

    fn ratio(policy: PolicyKind, climb: &Climb) -> f64 {
        let found = worst_case(free_preemption(policy), climb).unwrap();
        found.flow as f64 / found.optimal as f64
    }

    #[test]
    fn the_optimum_is_one_and_first_come_is_bad() {
        assert!((ratio(PolicyKind::Srpt, &CLIMB) - 1.0).abs() < 1e-12);
        assert!(ratio(PolicyKind::Fcfs, &CLIMB) > 3.0);
    }

    #[test]
    fn uniform_tests_stay_below_two() {
        let climb = Climb { num_operations: 2, first_size: 16, max_size: 64, iterations: 4000, ..CLIMB };
        let found = ratio(PolicyKind::OpSrpt, &climb);
        assert!((1.2..=2.0).contains(&found), "{found}");
    }

    #[test]
    fn what_is_found_can_be_run_again() {
        let found = worst_case(free_preemption(PolicyKind::Balance), &CLIMB).unwrap();
        assert_eq!(run(free_preemption(PolicyKind::Balance), &found.jobs()).unwrap(), found);
    }

    #[test]
    fn empty_searches_are_refused() {
        for climb in
            [Climb { num_jobs: 0, ..CLIMB }, Climb { iterations: 0, ..CLIMB }, Climb { max_size: 1 << 24, ..CLIMB }]
        {
            assert!(worst_case(free_preemption(PolicyKind::Fcfs), &climb).is_err());
        }
    }
}
