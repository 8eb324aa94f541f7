//! What theory says about policies on one machine, on thousands of random instances.

use paretoserve_core::sched::order::Ranked;
use paretoserve_core::sched::policy::Policy;
use paretoserve_core::sched::{
    Batch, Job, Limits, Options, PolicyKind, Request, RequestIndex, Scheduler, State, Unlimited,
};
use paretoserve_core::sim::jobs::{Jobs, free_preemption, simulate_jobs, simulate_jobs_in};
use paretoserve_core::sim::{Climb, worst_case};

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// Below a power of two, which itself is any up to this one.
    fn spread(&mut self, bits: u64) -> u64 {
        let limit = 1 << self.below(bits);
        self.below(limit)
    }

    fn column(&mut self, n: usize, least: i64, limit: u64) -> Vec<i64> {
        (0..n).map(|_| least + self.below(limit) as i64).collect()
    }
}

fn total_flow(jobs: &Jobs<'_>, options: Options) -> i64 {
    let mut completion = vec![0; jobs.release.len()];
    simulate_jobs(&mut completion, jobs, options).unwrap();
    completion.iter().zip(jobs.release).map(|(end, start)| end - start).sum()
}

/// The least total flow time over all schedules that never idle while work waits (idling never helps). How much was
/// done then tells the time, so a state is what is left of each job.
fn least_flow(release: &[i64], size: &[i64]) -> i64 {
    fn search(release: &[i64], size: &[i64], left: &mut [i64], now: i64, known: &mut [i64]) -> i64 {
        let state = left.iter().fold(0, |state, &left| state * 5 + left as usize);
        if state == 0 || known[state] >= 0 {
            return if state == 0 { 0 } else { known[state] };
        }
        let next = (0..size.len()).filter(|&job| left[job] > 0).map(|job| release[job]).min().unwrap();
        let now = now.max(next);
        let mut best = i64::MAX;
        for job in 0..size.len() {
            if left[job] > 0 && release[job] <= now {
                left[job] -= 1;
                let flow = if left[job] == 0 { now + 1 - release[job] } else { 0 };
                best = best.min(flow + search(release, size, left, now + 1, known));
                left[job] += 1;
            }
        }
        known[state] = best;
        best
    }
    search(release, size, &mut size.to_vec(), 0, &mut vec![-1; 5_usize.pow(size.len() as u32)])
}

#[test]
fn srpt_is_optimal_on_ten_thousand_small_instances() {
    let mut random = Random(1);
    for _ in 0..10_000 {
        let n = 1 + random.below(5) as usize;
        let (release, size) = (random.column(n, 0, 7), random.column(n, 1, 4));
        let jobs = Jobs { release: &release, size: &size, ..Jobs::default() };
        let found = total_flow(&jobs, free_preemption(PolicyKind::Srpt));
        assert_eq!(found, least_flow(&release, &size), "{release:?} {size:?}");
    }
}

/// Jobs of operations on one machine; after each decision `look` sees the scheduler, who lives and who runs.
fn serve(
    policy: PolicyKind,
    release: &[i64],
    operations: &[Vec<(u32, u32)>],
    mut look: impl FnMut(&Scheduler, &[RequestIndex], &Batch),
) {
    let mut scheduler = Scheduler::new(free_preemption(policy)).unwrap();
    let (mut batch, limits) = (Batch::default(), Limits::new(1, u32::MAX));
    let (mut next, mut now, mut live) = (0, 0, Vec::new());
    // By handle: the job, its operation and what is left of it.
    let mut state: Vec<(usize, usize, u32)> = vec![(0, 0, 0); release.len()];
    loop {
        while next < release.len() && release[next] <= now {
            let (size, estimate) = operations[next][0];
            let handle = scheduler
                .submit(Request {
                    arrival_ns: release[next] as u64,
                    prompt_tokens: 1,
                    expected_output_tokens: Some(estimate),
                    ..Request::default()
                })
                .unwrap();
            live.push(handle);
            state[handle as usize] = (next, 0, size);
            next += 1;
        }
        scheduler.next_batch(now as u64, &limits, &mut Unlimited, &mut batch).unwrap();
        let Some(step) = batch.scheduled.first().copied() else {
            if next == release.len() {
                return;
            }
            now = release[next];
            continue;
        };
        look(&scheduler, &live, &batch);
        let (job, operation, left) = state[step.request as usize];
        let arrival = release.get(next).map_or(i64::MAX, |&release| release - now);
        let work = i64::from(left).min(arrival) as u32;
        scheduler.advance(step.request, step.num_tokens - 1 + work, work).unwrap();
        now += i64::from(work);
        if work < left {
            state[step.request as usize].2 -= work;
        } else if let Some(&(size, estimate)) = operations[job].get(operation + 1) {
            state[step.request as usize] = (job, operation + 1, size);
            scheduler.reveal(step.request, 0, estimate).unwrap();
        } else {
            scheduler.finish(step.request).unwrap();
            live.retain(|&handle| handle != step.request);
        }
    }
}

/// The invariants of Balance, numbered as in Gupta and others 2026. Returns how often 5.3 could have failed.
fn check_balance(policy: PolicyKind, release: &[i64], operations: &[Vec<(u32, u32)>]) -> u64 {
    let mut started = vec![0; release.len()];
    let mut critical = 0;
    serve(policy, release, operations, |scheduler, live, batch| {
        let job = |&handle: &RequestIndex| *scheduler.job(handle).unwrap();
        let all: Vec<Job> = live.iter().map(job).collect();
        let running = job(&batch.scheduled[0].request);
        assert_eq!(running.state, State::Running);
        let mut stack: Vec<&Job> = all.iter().filter(|job| job.start > 0).collect();
        stack.sort_by_key(|job| job.start);
        assert!(stack.windows(2).all(|pair| pair[0].class > pair[1].class), "5.1: classes fall towards the top");
        assert_eq!(stack.last().unwrap().sequence, running.sequence, "the top runs");
        let sequence = running.sequence as usize;
        let smallest = all.iter().map(|job| job.class).min().unwrap();
        if started[sequence] != running.start
            && stack.len() == 1 + stack.iter().filter(|job| job.start < running.start).count()
        {
            // Pushed now: it had never run in this chunk.
            let pushed = batch.admitted.len() == 1 && !batch.preempted.is_empty();
            assert!(!pushed || running.class == smallest, "5.2: the smallest class is pushed");
        }
        started[sequence] = running.start;
        let below = all.iter().filter(|job| job.class < running.class).count();
        let others = all.iter().filter(|job| job.class <= running.class && job.sequence != running.sequence).count();
        critical += u64::from(below > 0);
        assert!(below == 0 || others == 1, "5.3: nobody else of the same or a smaller class");
        let fresh = all.len() - stack.len();
        assert!(4 * fresh + 4 >= all.len(), "5.10: a quarter, less one, never ran");
    });
    critical
}

fn arrivals(random: &mut Random, n: usize, gap: u64) -> Vec<i64> {
    let mut release = random.column(n, 0, n as u64 * gap);
    release.sort_unstable();
    release
}

#[test]
fn balance_keeps_its_invariants_whatever_the_estimates() {
    let (mut random, mut critical) = (Random(2), 0);
    for round in 0..10_000 {
        let n = 2 + random.below(40) as usize;
        let release = arrivals(&mut random, n, 6 + round % 20);
        let job = |random: &mut Random| {
            let size = 1 << random.below(6);
            vec![(size + random.below(u64::from(size)) as u32, 1 + random.spread(8) as u32)]
        };
        let operations: Vec<_> = (0..n).map(|_| job(&mut random)).collect();
        critical += check_balance(PolicyKind::Balance, &release, &operations);
    }
    assert!(critical > 0, "5.3 was never at stake");
}

#[test]
fn chunk_balance_keeps_them_when_operations_are_revealed() {
    let (mut random, mut critical) = (Random(3), 0);
    for round in 0..10_000 {
        let n = 2 + random.below(30) as usize;
        let most = 1 + round % 16;
        let release = arrivals(&mut random, n, 8 * (1 + most));
        let job = |random: &mut Random| {
            let operation = |random: &mut Random| {
                let size = 1 + random.spread(7) as u32;
                (size, size)
            };
            (0..=random.below(most)).map(|_| operation(random)).collect()
        };
        let operations: Vec<Vec<_>> = (0..n).map(|_| job(&mut random)).collect();
        critical += check_balance(PolicyKind::ChunkBalance, &release, &operations);
    }
    assert!(critical > 0, "5.3 was never at stake");
}

#[test]
fn with_one_operation_chunk_balance_is_balance() {
    let mut random = Random(4);
    for _ in 0..500 {
        let n = 1 + random.below(60) as usize;
        let (release, size) = (arrivals(&mut random, n, 20), random.column(n, 1, 40));
        let jobs = Jobs { release: &release, size: &size, ..Jobs::default() };
        let completions = |policy| {
            let mut completion = vec![0; n];
            simulate_jobs(&mut completion, &jobs, free_preemption(policy)).unwrap();
            completion
        };
        assert_eq!(completions(PolicyKind::Balance), completions(PolicyKind::ChunkBalance));
    }
}

/// `n` jobs at time 0, operations of size 1, at most `m` each. At any time every unfinished job turns out to have one
/// operation more than it has completed. Returns the largest ratio of live jobs to those of the optimum.
fn adversary(policy: PolicyKind, n: usize, m: usize) -> f64 {
    let mut scheduler = Scheduler::new(free_preemption(policy)).unwrap();
    let (mut batch, limits, mut completed) = (Batch::default(), Limits::new(1, u32::MAX), vec![0; n]);
    for _ in 0..n {
        let request = Request { prompt_tokens: 1, expected_output_tokens: Some(1), ..Request::default() };
        scheduler.submit(request).unwrap();
    }
    let mut worst = 0.0_f64;
    for time in 1..(n * m) {
        scheduler.next_batch(time as u64, &limits, &mut Unlimited, &mut batch).unwrap();
        let step = batch.scheduled[0];
        scheduler.advance(step.request, step.num_tokens, 1).unwrap();
        let count = &mut completed[step.request as usize];
        *count += 1;
        if *count == m {
            scheduler.finish(step.request).unwrap();
        } else {
            scheduler.reveal(step.request, 0, 1).unwrap();
        }
        let mut totals: Vec<usize> = completed.iter().map(|&count| if count == m { m } else { count + 1 }).collect();
        totals.sort_unstable();
        let mut work = 0;
        let finished = totals
            .iter()
            .take_while(|&&total| {
                work += total;
                work <= time
            })
            .count();
        let live = completed.iter().filter(|&&count| count < m).count();
        assert!(finished < n || live == 0);
        if finished < n {
            worst = worst.max(live as f64 / (n - finished) as f64);
        }
    }
    worst
}

#[test]
fn the_adversary_of_revealed_jobs_gets_at_most_the_number_of_operations() {
    for m in [2, 4, 8] {
        for policy in [PolicyKind::OpSrpt, PolicyKind::ChunkBalance] {
            let ratio = adversary(policy, 6 * (m + 1), m);
            assert!((ratio - m as f64).abs() < 1e-9, "{policy:?} with {m}: {ratio}");
        }
    }
}

fn worst_ratio(options: Options, climb: Climb) -> f64 {
    let found = worst_case(options, &climb).unwrap();
    found.flow as f64 / found.optimal as f64
}

const CLIMB: Climb = Climb { num_jobs: 10, num_operations: 1, first_size: 0, max_size: 64, iterations: 6_000, seed: 5 };

#[test]
fn shortest_lower_bound_stays_below_the_inverse_of_eps() {
    for (eps, bound) in [(1.0, 1.0), (0.5, 2.0), (0.25, 4.0)] {
        let options = Options { eps, ..free_preemption(PolicyKind::Slf) };
        let ratio = worst_ratio(options, CLIMB);
        assert!(ratio <= bound + 1e-9, "eps {eps}: {ratio}");
        assert!((eps - 1.0).abs() < 1e-9 || ratio > 1.1, "eps {eps} costs nothing: {ratio}");
    }
}

#[test]
fn hill_climbing_finds_no_bad_instance_for_chunks() {
    for m in [1, 2, 4, 6] {
        let climb = Climb { num_jobs: 14, num_operations: m, iterations: 3_000, ..CLIMB };
        let ratio = worst_ratio(free_preemption(PolicyKind::ChunkBalance), climb);
        assert!(ratio <= 4.5 && ratio <= 2.0 * f64::from(m) + 1e-9, "{m} operations: {ratio}");
    }
}

/// Least estimated remaining work, which nobody should use: an outlived estimate leaves `outlived`.
#[derive(Debug)]
struct LeastEstimated {
    outlived: u64,
}

impl Policy for LeastEstimated {
    fn rank(&self, job: &Job) -> u64 {
        u64::from(job.estimate)
            .checked_sub(u64::from(job.num_sampled))
            .filter(|&left| left > 0)
            .unwrap_or(self.outlived)
    }

    fn recompute(&self, _job: &Job) -> Option<u64> {
        Some(0)
    }

    fn patience(&self, job: &Job) -> u32 {
        job.estimate.saturating_sub(job.num_sampled + 1)
    }
}

/// Total flow times under least estimated remaining work and under Balance, over the optimum.
fn ratios(jobs: &Jobs<'_>, outlived: u64) -> [f64; 2] {
    let optimum = total_flow(&Jobs { estimate: None, ..*jobs }, free_preemption(PolicyKind::Srpt)) as f64;
    let mut completion = vec![0; jobs.release.len()];
    let order = Box::new(Ranked::new(std::sync::Arc::new(LeastEstimated { outlived })));
    simulate_jobs_in(&mut completion, jobs, free_preemption(PolicyKind::External), order, true).unwrap();
    let flow: i64 = completion.iter().zip(jobs.release).map(|(end, start)| end - start).sum();
    [flow as f64 / optimum, total_flow(jobs, free_preemption(PolicyKind::Balance)) as f64 / optimum]
}

#[test]
fn least_estimated_remaining_fails_on_estimates_within_a_factor_two() {
    // Clamped to nothing left, a long job that outlives its estimate blocks a stream of short ones.
    let blocking = |n: i64| {
        let release: Vec<i64> = std::iter::once(0).chain(n..2 * n).collect();
        let size: Vec<i64> = std::iter::once(2 * n).chain((0..n).map(|_| 1)).collect();
        let estimate: Vec<i64> = std::iter::once(n).chain((0..n).map(|_| 1)).collect();
        let jobs = Jobs { release: &release, size: &size, estimate: Some(&estimate), ..Jobs::default() };
        ratios(&jobs, 0)
    };
    // Never chosen, every long job is left with one unit until a stream of short ones ends.
    let starving = |n: i64| {
        let release: Vec<i64> = (0..n).map(|_| 0).chain((0..n * n * n).map(|job| (n - 1) * n + job)).collect();
        let column =
            |long: i64| -> Vec<i64> { (0..release.len() as i64).map(|job| if job < n { long } else { 1 }).collect() };
        let (size, estimate) = (column(n), column(n - 1));
        let jobs = Jobs { release: &release, size: &size, estimate: Some(&estimate), ..Jobs::default() };
        ratios(&jobs, u64::MAX)
    };
    for ([small, _], [large, balance]) in [(blocking(50), blocking(400)), (starving(5), starving(20))] {
        assert!(large > 3.0 * small, "{small} grows to {large}");
        assert!(balance < 4.0, "Balance: {balance}");
    }
}

#[test]
fn balance_grows_at_most_linearly_with_the_error_of_sizes() {
    let mut random = Random(6);
    for mu in [1_u64, 2, 4, 8, 16] {
        let (mut flow, mut optimum) = (0, 0);
        for _ in 0..20 {
            let size: Vec<i64> = (0..300).map(|_| 16 * (1 + random.spread(8) as i64)).collect();
            let release = arrivals(&mut random, 300, size.iter().sum::<i64>() as u64 / 270);
            // Too large or too small by up to mu.
            let wrong = |size: &i64| {
                let factor = 1 + random.below(mu) as i64;
                if random.below(2) == 0 { size * factor } else { (size / factor).max(1) }
            };
            let estimate: Vec<i64> = size.iter().map(wrong).collect();
            let jobs = Jobs { release: &release, size: &size, estimate: Some(&estimate), ..Jobs::default() };
            flow += total_flow(&jobs, free_preemption(PolicyKind::Balance));
            optimum += total_flow(&Jobs { estimate: None, ..jobs }, free_preemption(PolicyKind::Srpt));
        }
        let ratio = flow as f64 / optimum as f64;
        println!("sizes wrong by up to {mu}: {ratio:.3} times the optimum");
        assert!(ratio < 1.3 + 0.3 * mu as f64, "{mu}: {ratio}");
    }
}
