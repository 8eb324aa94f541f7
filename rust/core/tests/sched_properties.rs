//! Invariants of the scheduler on random traffic: nothing lost, nothing twice, limits kept, the FIFO guarantee, replay.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Blocks, execute};
use paretoserve_core::sched::log::replay;
use paretoserve_core::sched::queue::Queue;
use paretoserve_core::sched::{
    Batch, KvCache, Limits, Options, POLICIES, PolicyKind, Preempt, Request, Scheduler, Unlimited,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Arrival {
    gap_ns: u64,
    prompt: u32,
    output: u32,
    declared: Option<u32>,
    priority: i32,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = (0..4_u64, 1..80_u32, 1..20_u32, proptest::option::of(1..20_u32), -2..3_i32).prop_map(
        |(gap_ns, prompt, output, declared, priority)| Arrival { gap_ns, prompt, output, declared, priority },
    );
    proptest::collection::vec(arrival, 1..30)
}

fn options() -> impl Strategy<Value = Options> {
    // All but `gittins`, which needs samples.
    let policy = proptest::sample::select(POLICIES.map(|(_, kind)| kind).to_vec())
        .prop_filter("no samples", |&kind| kind != PolicyKind::Gittins);
    let preempt = prop_oneof![Just(Preempt::None), Just(Preempt::Slots)];
    (policy, 0.0..1.0_f64, preempt, 1.0..3.0_f64, 0..3_u32, 0.0..0.1_f64, any::<bool>()).prop_map(
        |(policy, fifo_share, preempt, preempt_gain, max_preemptions, prefill_weight, tenant_fairness)| Options {
            policy,
            fifo_share,
            preempt,
            preempt_gain,
            max_preemptions,
            prefill_weight,
            tenant_fairness,
            ..Options::default()
        },
    )
}

struct Run {
    scheduler: Scheduler,
    order: Vec<u32>,
    num_steps: usize,
}

/// Serve every arrival on a small engine, checking each step; returns who finished in which order.
fn serve(options: Options, limits: Limits, num_blocks: u32, arrivals: &[Arrival]) -> Run {
    let mut scheduler = Scheduler::new(options).unwrap();
    scheduler.record(true);
    let (mut kv, mut batch) = (Blocks::new(num_blocks, 0), Batch::default());
    let mut alive: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    let (mut order, mut num_steps, mut next, mut now) = (Vec::new(), 0, 0, 0);
    let mut due = arrivals[0].gap_ns;
    while next < arrivals.len() || !alive.is_empty() {
        while next < arrivals.len() && (due <= now || alive.is_empty()) {
            let Arrival { prompt, output, declared, priority, .. } = arrivals[next];
            let request = Request {
                arrival_ns: due,
                prompt_tokens: prompt,
                expected_output_tokens: declared,
                priority,
                output_range: declared.map(|most| (most.div_ceil(3), most)),
                weight: 1 + 300_000 * u64::from(prompt % 7),
                tenant: prompt % 3,
                deadline_ns: declared.map(u64::from),
                rank: u64::from(output),
                ..Request::default()
            };
            let index = scheduler.submit(request).unwrap();
            assert!(alive.insert(index, (next as u32, output)).is_none(), "a handle was given twice");
            now = now.max(due);
            next += 1;
            due += arrivals.get(next).map_or(0, |arrival| arrival.gap_ns);
        }
        let steady = scheduler.steady().then_some(batch.scheduled.len());
        scheduler.next_batch(now, &limits, &mut kv, &mut batch).unwrap();
        check(&scheduler, &limits, &batch);
        if let Some(expected) = steady {
            // Blocks may have run out; otherwise the batch must repeat.
            assert!(!batch.preempted.is_empty() || (batch.scheduled.len() == expected && batch.admitted.is_empty()));
        }
        execute(&mut scheduler, &batch);
        for step in &batch.scheduled {
            let (place, output) = alive[&step.request];
            if scheduler.job(step.request).unwrap().num_sampled == output {
                scheduler.finish(step.request).unwrap();
                kv.release(step.request);
                alive.remove(&step.request);
                order.push(place);
            }
        }
        now += 1;
        num_steps += 1;
        assert!(num_steps < 100_000, "no progress");
    }
    assert_eq!(kv.free, num_blocks);
    Run { scheduler, order, num_steps }
}

fn check(scheduler: &Scheduler, limits: &Limits, batch: &Batch) {
    let tokens: u64 = batch.scheduled.iter().map(|step| u64::from(step.num_tokens)).sum();
    assert!(tokens <= u64::from(limits.token_budget));
    assert!(batch.scheduled.len() <= limits.slots as usize);
    let distinct: BTreeSet<u32> = batch.scheduled.iter().map(|step| step.request).collect();
    assert_eq!(distinct.len(), batch.scheduled.len());
    for step in &batch.scheduled {
        assert!(step.num_tokens > 0);
        assert_eq!(scheduler.job(step.request).unwrap().num_computed, step.num_computed_tokens);
    }
    let stats = scheduler.stats();
    assert!(stats.num_running <= u64::from(limits.slots));
    let gone = stats.num_finished + stats.num_cancelled;
    assert_eq!(stats.num_submitted, stats.num_waiting + stats.num_running + gone);
    assert_eq!(stats.num_admitted + stats.num_readmitted - stats.num_preempted, stats.num_running + gone);
}

proptest! {
    #[test]
    fn everything_finishes_within_the_limits_and_replays(
        options in options(), slots in 1..6_u32, budget in 8..120_u32, num_blocks in 7..24_u32,
        full in any::<bool>(), arrivals in arrivals(),
    ) {
        let limits = Limits { reserve_full_prompt: full, ..Limits::new(slots, budget) };
        let run = serve(options, limits, num_blocks, &arrivals);
        prop_assert_eq!(run.order.len(), arrivals.len());
        let again = serve(options, limits, num_blocks, &arrivals);
        prop_assert_eq!(again.scheduler.log(), run.scheduler.log());
        prop_assert_eq!(again.num_steps, run.num_steps);
        let replayed = replay(run.scheduler.log()).unwrap();
        prop_assert_eq!(replayed.stats(), run.scheduler.stats());
    }

    #[test]
    fn a_changed_log_does_not_replay(options in options(), arrivals in arrivals(), place in any::<prop::sample::Index>()) {
        let run = serve(options, Limits::new(3, 64), 12, &arrivals);
        let mut rows = run.scheduler.log().to_vec();
        let answers: Vec<usize> = (2..rows.len()).filter(|&row| rows[row][0] == 12).collect();
        rows[*place.get(&answers)][2] += 1;
        prop_assert!(replay(&rows).is_err());
    }

    #[test]
    fn any_rows_replay_or_are_refused(rows in proptest::collection::vec(proptest::array::uniform6(-2..29_i64), 0..40)) {
        let mut all = Scheduler::new(Options::default()).map(|mut scheduler| {
            scheduler.record(true);
            scheduler.log().to_vec()
        }).unwrap();
        all.extend(rows);
        let _ = replay(&all);
    }

    #[test]
    fn fcfs_admits_in_order_of_arrival(slots in 1..5_u32, arrivals in arrivals()) {
        let run = serve(Options::default(), Limits::new(slots, 64), 1000, &arrivals);
        let admitted: Vec<i64> = run.scheduler.log().iter().filter(|row| row[0] == 13).map(|row| row[1]).collect();
        let submitted: Vec<i64> = run.scheduler.log().iter().filter(|row| row[0] == 2).map(|row| row[1]).collect();
        prop_assert_eq!(admitted, submitted);
    }

    #[test]
    fn fifo_share_bounds_the_admissions_before_a_request(
        share in 0.01..1.0_f64, sizes in proptest::collection::vec((1..100_u32, 0..4_u32), 1..60),
    ) {
        let options = Options { policy: PolicyKind::Srpt, fifo_share: share, ..Options::default() };
        let mut scheduler = Scheduler::new(options).unwrap();
        let (mut batch, mut waiting, mut count) = (Batch::default(), BTreeMap::new(), 0_u64);
        // The share is kept in millionths.
        let most = |rank: u64| rank * (1_000_000_f64 / (share * 1_000_000.0).round()).ceil() as u64;
        for (size, num_admissions) in sizes.iter().copied().chain([(1, 1000)]) {
            let request = Request { prompt_tokens: 1, expected_output_tokens: Some(size), ..Request::default() };
            let index = scheduler.submit(request).unwrap();
            waiting.insert(index, (count, waiting.len() as u64 + 1));
            for _ in 0..num_admissions {
                scheduler.next_batch(0, &Limits::new(1, 10), &mut Unlimited, &mut batch).unwrap();
                for &admitted in &batch.admitted {
                    let (since, rank) = waiting.remove(&admitted).unwrap();
                    prop_assert!(count - since <= most(rank));
                    count += 1;
                    scheduler.finish(admitted).unwrap();
                }
            }
        }
        prop_assert!(waiting.is_empty());
    }

    #[test]
    fn queue_equals_a_sorted_map(calls in proptest::collection::vec((0..4_u8, 0..20_u32, 0..50_u64), 0..200)) {
        let (mut queue, mut model) = (Queue::new(), BTreeMap::new());
        for (call, request, rank) in calls {
            match call {
                0 | 1 => {
                    queue.set(request, (rank, request));
                    model.insert(request, (rank, request));
                }
                2 => prop_assert_eq!(queue.remove(request), model.remove(&request).is_some()),
                _ => {
                    let first = model.values().min().map(|&(_, request)| request);
                    prop_assert_eq!(queue.pop(), first);
                    first.map(|request| model.remove(&request));
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            prop_assert_eq!(queue.key(request), model.get(&request).copied());
        }
    }
}
