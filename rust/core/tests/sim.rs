//! Invariants of the simulator on random services and traces: nothing lost, nothing early, skipping changes nothing,
//! logs replay.

use paretoserve_core::cost::StepTime;
use paretoserve_core::sched::{self, Limits, POLICIES, PolicyKind, Preempt, log};
use paretoserve_core::sim::{Options, PrefixHashes, Router, Rows, Run, Terms, Trace, simulate};
use proptest::prelude::*;

const HASH_BLOCK: u32 = 8;

#[derive(Debug, Clone, Default)]
struct Load {
    arrival_ns: Vec<i64>,
    prompt: Vec<i32>,
    output: Vec<i32>,
    offsets: Vec<i64>,
    ids: Vec<i64>,
    told: Told,
}

/// What schedulers are told beyond lengths: all of it, as each policy takes what it needs.
#[derive(Debug, Clone, Default)]
struct Told {
    expected: Vec<i32>,
    priority: Vec<i32>,
    output_range: Vec<[u32; 2]>,
    weight: Vec<u64>,
    tenant: Vec<u32>,
    deadline_ns: Vec<i64>,
    program: Vec<i64>,
    calls_left: Vec<u32>,
    distribution: Vec<u32>,
    rank: Vec<u64>,
    samples: Vec<Vec<u32>>,
}

impl Told {
    /// Something for a request of which `seed` chooses.
    fn push(&mut self, seed: u64, arrival_ns: i64, output: i32) {
        let draw = |place: u32, below: u64| (seed >> (5 * place)) % below;
        self.expected.push((output + draw(0, 20) as i32 - 10).max(1));
        self.priority.push(draw(1, 3) as i32 - 1);
        self.output_range.push([1 + draw(2, output as u64) as u32, output as u32 + draw(3, 30) as u32]);
        self.weight.push([500_000, 1_000_000, 3_000_000][draw(4, 3) as usize]);
        self.tenant.push(draw(5, 3) as u32);
        self.deadline_ns.push(if draw(6, 4) == 0 { -1 } else { arrival_ns + draw(7, 5000) as i64 });
        self.program.push(draw(8, 5) as i64 - 1);
        self.calls_left.push(draw(9, 3) as u32);
        self.distribution.push(draw(10, 2) as u32);
        self.rank.push(draw(11, 1000));
        self.samples = vec![vec![1, 2, 9, 30], vec![5, 6, 40]];
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            priority: Some(&self.priority),
            output_range: Some(&self.output_range),
            weight: Some(&self.weight),
            tenant: Some(&self.tenant),
            deadline_ns: Some(&self.deadline_ns),
            program: Some(&self.program),
            calls_left: Some(&self.calls_left),
            distribution: Some(&self.distribution),
            rank: Some(&self.rank),
            samples: &self.samples,
            tenant_weights: &[],
        }
    }
}

impl Load {
    fn trace(&self) -> Trace<'_> {
        Trace {
            arrival_ns: &self.arrival_ns,
            prompt_tokens: &self.prompt,
            output_tokens: &self.output,
            expected_output_tokens: Some(&self.told.expected),
            hashes: Some(PrefixHashes { offsets: &self.offsets, ids: &self.ids, block_tokens: HASH_BLOCK }),
            terms: self.told.terms(),
        }
    }
}

/// Gap, prompt, output, which conversation it continues and how many of its blocks it shares with it.
fn loads() -> impl Strategy<Value = Load> {
    let request = (0..400_i64, 1..60_i32, 1..40_i32, 0..3_i64, 0..8_usize, any::<u64>());
    proptest::collection::vec(request, 1..40).prop_map(|requests| {
        let mut load = Load { offsets: vec![0], ..Load::default() };
        let mut now = 0;
        for (row, (gap, prompt, output, family, shared, seed)) in requests.into_iter().enumerate() {
            now += gap;
            load.arrival_ns.push(now);
            load.prompt.push(prompt);
            load.output.push(output);
            load.told.push(seed, now, output);
            let blocks = (prompt as usize).div_ceil(HASH_BLOCK as usize);
            let id = |block: usize| {
                if block < shared { family * 1000 + block as i64 } else { 10_000 + (row * 100 + block) as i64 }
            };
            load.ids.extend((0..blocks).map(id));
            load.offsets.push(load.ids.len() as i64);
        }
        load
    })
}

fn services() -> impl Strategy<Value = Options> {
    let router = prop_oneof![Just(Router::RoundRobin), Just(Router::LeastLoaded), Just(Router::PrefixAffinity)];
    let policy = prop_oneof![
        Just(PolicyKind::Fcfs),
        Just(PolicyKind::Srpt),
        proptest::sample::select(POLICIES.as_slice()).prop_map(|(_, policy)| policy)
    ];
    let preempt = prop_oneof![Just(Preempt::None), Just(Preempt::None), Just(Preempt::Slots)];
    let rules = (policy, preempt, prop_oneof![Just(0.0), Just(0.5)], proptest::option::weighted(0.2, 0..3000_u64));
    let tenants = proptest::bool::weighted(0.2);
    let rules = (rules, tenants).prop_map(|((policy, preempt, fifo_share, max_wait_ns), tenant_fairness)| {
        sched::Options { policy, preempt, fifo_share, max_wait_ns, tenant_fairness, ..sched::Options::default() }
    });
    let layout = (1..4_u32, 1..4_u32, 1..4_u32);
    let cache = (10..80_u32, prop_oneof![Just(1_u32), Just(4), Just(16)], any::<bool>());
    let limits = (1..9_u32, 1..80_u32, any::<bool>(), any::<bool>());
    let host = (0..20_u64, any::<bool>());
    (router, rules, layout, cache, limits, host).prop_map(|(router, scheduler, layout, cache, limits, host)| Options {
        replicas: layout.0,
        data_parallel: layout.1,
        pipeline: layout.2,
        num_blocks: cache.0,
        block_size: cache.1,
        prefix_caching: cache.2,
        limits: Limits {
            slots: limits.0,
            token_budget: limits.1,
            chunked_prefill: limits.2,
            reserve_full_prompt: limits.3,
        },
        scheduler,
        router,
        host_ns: host.0,
        overlap_host: host.1,
        record: true,
        ..Options::default()
    })
}

#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    replica: Vec<i32>,
    scheduled_ns: Vec<i64>,
    first_token_ns: Vec<i64>,
    finish_ns: Vec<i64>,
    preemptions: Vec<i32>,
    cached_tokens: Vec<i32>,
    refusal: Vec<u8>,
}

fn run(load: &Load, step_time: &StepTime, options: &Options) -> (Outcome, Run) {
    let n = load.prompt.len();
    let (times, counts) = (vec![7; n], vec![7; n]);
    let mut outcome = Outcome {
        replica: counts.clone(),
        scheduled_ns: times.clone(),
        first_token_ns: times.clone(),
        finish_ns: times,
        preemptions: counts.clone(),
        cached_tokens: counts,
        refusal: vec![7; n],
    };
    let mut rows = Rows {
        replica: &mut outcome.replica,
        scheduled_ns: &mut outcome.scheduled_ns,
        first_token_ns: &mut outcome.first_token_ns,
        finish_ns: &mut outcome.finish_ns,
        preemptions: &mut outcome.preemptions,
        cached_tokens: &mut outcome.cached_tokens,
        refusal: &mut outcome.refusal,
    };
    let run = simulate(&mut rows, &load.trace(), step_time, options, &|| true).unwrap();
    (outcome, run)
}

/// Whole nanoseconds, so that sums are exact.
fn step_time() -> StepTime {
    StepTime::linear(50.0, 3.0, 2.0, 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_gets_exactly_its_tokens_in_order(load in loads(), options in services()) {
        let (outcome, run) = run(&load, &step_time(), &options);
        let (mut sampled, mut fresh) = (0, 0);
        for row in 0..load.prompt.len() {
            let tokens = load.prompt[row] + load.output[row] - 1;
            let too_long = tokens as u32 > options.num_blocks * options.block_size;
            if too_long || (!options.limits.chunked_prefill && tokens as u32 > options.limits.token_budget) {
                let code = if too_long { 1 } else { 2 };
                prop_assert_eq!((outcome.refusal[row], outcome.replica[row], outcome.finish_ns[row]), (code, -1, -1));
                continue;
            }
            prop_assert_eq!(outcome.refusal[row], 0);
            prop_assert!((0..options.replicas as i32).contains(&outcome.replica[row]));
            prop_assert!(load.arrival_ns[row] <= outcome.scheduled_ns[row]);
            prop_assert!(outcome.scheduled_ns[row] < outcome.first_token_ns[row]);
            // A token takes a step of at least the base time.
            prop_assert!(outcome.first_token_ns[row] + 50 * i64::from(load.output[row] - 1) <= outcome.finish_ns[row]);
            prop_assert!(outcome.cached_tokens[row] < load.prompt[row]);
            prop_assert!(options.prefix_caching || outcome.cached_tokens[row] == 0);
            prop_assert_eq!(outcome.cached_tokens[row] % options.block_size as i32, 0);
            sampled += u64::from(load.output[row] as u32);
            fresh += (tokens - outcome.cached_tokens[row]) as u64;
        }
        let sum = |of: fn(&paretoserve_core::sim::Totals) -> u64| run.totals.iter().map(of).sum::<u64>();
        // Every token of KV is computed once, and those lost by a preemption again. A readmitted request may find more
        // in the cache than at first.
        let computed = sum(|totals| totals.prefill_tokens + totals.decode_tokens);
        let expected = fresh + sum(|totals| totals.recomputed_tokens);
        let exact = !options.prefix_caching || sum(|totals| totals.preemptions) == 0;
        prop_assert!(if exact { computed == expected } else { computed <= expected }, "{} of {}", computed, expected);
        let advanced: u64 = run.logs.iter().flat_map(|log| &log.rows).filter(|row| row[0] == log::ADVANCE).map(|row| row[3] as u64).sum();
        prop_assert_eq!(advanced, sampled);
        prop_assert!(run.totals.iter().all(|totals| totals.peak_blocks <= options.num_blocks));
        prop_assert!(run.totals.iter().all(|totals| totals.busy_ns <= totals.makespan_ns));
        let preemptions: u64 = outcome.preemptions.iter().map(|&count| count as u64).sum();
        prop_assert_eq!(sum(|totals| totals.preemptions), preemptions);
    }

    #[test]
    fn skipping_changes_nothing(load in loads(), options in services()) {
        let (skipped, fast) = run(&load, &step_time(), &options);
        let (stepped, slow) = run(&load, &step_time(), &Options { skip: false, ..options });
        prop_assert_eq!(skipped, stepped);
        for (fast, slow) in fast.totals.iter().zip(&slow.totals) {
            prop_assert!(fast.batches <= slow.batches);
            prop_assert_eq!(paretoserve_core::sim::Totals { batches: slow.batches, ..*fast }, *slow);
        }
    }

    #[test]
    fn skipping_keeps_fractions_of_a_nanosecond(load in loads(), options in services()) {
        // A nanosecond may change what policies say that look at the time or at what was served.
        let policy = [PolicyKind::Fcfs, PolicyKind::Srpt][options.scheduler.policy as usize % 2];
        let scheduler = sched::Options { policy, ..sched::Options::default() };
        let options = Options { pipeline: 1, data_parallel: 1, replicas: 1, scheduler, ..options };
        let step_time = StepTime::linear(50.3, 3.7, 2.1, 0.123);
        let (skipped, fast) = run(&load, &step_time, &options);
        let (stepped, slow) = run(&load, &step_time, &Options { skip: false, ..options });
        prop_assert_eq!(fast.totals[0].steps, slow.totals[0].steps);
        for (fast, slow) in skipped.finish_ns.iter().zip(&stepped.finish_ns) {
            prop_assert!((fast - slow).abs() <= 1, "{} against {}", fast, slow);
        }
    }

    #[test]
    fn logs_replay_and_threads_do_not_matter(load in loads(), options in services()) {
        let first = run(&load, &step_time(), &options);
        for log in &first.1.logs {
            prop_assert!(log::replay(&log.rows).is_ok());
        }
        let again = run(&load, &step_time(), &Options { threads: 3, ..options });
        prop_assert_eq!(first, again);
    }
}
