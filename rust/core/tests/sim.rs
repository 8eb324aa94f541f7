//! Invariants of the simulator on random services and traces: nothing lost, nothing early, skipping changes nothing,
//! logs replay.

use paretoserve_core::cost::StepTime;
use paretoserve_core::sched::{self, Limits, PolicyKind, log};
use paretoserve_core::sim::{Options, PrefixHashes, Router, Rows, Run, Trace, simulate};
use proptest::prelude::*;

const HASH_BLOCK: u32 = 8;

#[derive(Debug, Clone, Default)]
struct Load {
    arrival_ns: Vec<i64>,
    prompt: Vec<i32>,
    output: Vec<i32>,
    offsets: Vec<i64>,
    ids: Vec<i64>,
}

impl Load {
    fn trace(&self) -> Trace<'_> {
        Trace {
            arrival_ns: &self.arrival_ns,
            prompt_tokens: &self.prompt,
            output_tokens: &self.output,
            expected_output_tokens: None,
            hashes: Some(PrefixHashes { offsets: &self.offsets, ids: &self.ids, block_tokens: HASH_BLOCK }),
        }
    }
}

/// Gap, prompt, output, which conversation it continues and how many of its blocks it shares with it.
fn loads() -> impl Strategy<Value = Load> {
    let request = (0..400_i64, 1..60_i32, 1..40_i32, 0..3_i64, 0..8_usize);
    proptest::collection::vec(request, 1..40).prop_map(|requests| {
        let mut load = Load { offsets: vec![0], ..Load::default() };
        let mut now = 0;
        for (row, (gap, prompt, output, family, shared)) in requests.into_iter().enumerate() {
            now += gap;
            load.arrival_ns.push(now);
            load.prompt.push(prompt);
            load.output.push(output);
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
    let policy = prop_oneof![Just(PolicyKind::Fcfs), Just(PolicyKind::Srpt)];
    let layout = (1..4_u32, 1..4_u32, 1..4_u32);
    let cache = (10..80_u32, prop_oneof![Just(1_u32), Just(4), Just(16)], any::<bool>());
    let limits = (1..9_u32, 1..80_u32, any::<bool>(), any::<bool>());
    let host = (0..20_u64, any::<bool>());
    (router, policy, layout, cache, limits, host).prop_map(|(router, policy, layout, cache, limits, host)| Options {
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
        scheduler: sched::Options { policy, ..sched::Options::default() },
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
        let options = Options { pipeline: 1, data_parallel: 1, replicas: 1, ..options };
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
