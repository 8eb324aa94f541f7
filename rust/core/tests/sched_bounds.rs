//! Many slots: tenants that always wait are served alike, and whoever looks ahead never runs out of blocks.

mod common;

use std::collections::BTreeMap;

use common::{Blocks, execute};
use paretoserve_core::sched::{Batch, KvCache, Limits, Options, PolicyKind, Request, Scheduler, Unlimited};

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Serve two tenants that always wait; returns the largest difference of what they were served over their weights.
fn largest_difference(options: Options, weights: [u64; 2], slots: u32, random: &mut Random) -> f64 {
    let mut scheduler = Scheduler::new(options).unwrap();
    let (mut batch, limits, mut kv) = (Batch::default(), Limits::new(slots, 256), Unlimited);
    let (mut served, mut prompts, mut worst) = ([0.0; 2], BTreeMap::new(), 0.0_f64);
    for (tenant, weight) in (0..).zip(weights) {
        scheduler.set_tenant_weight(tenant, weight * 1_000_000).unwrap();
    }
    for now in 0..600 {
        for tenant in 0..2 {
            // Tenant 1 asks for more and larger things.
            for _ in 0..6 * (1 + tenant) {
                let prompt_tokens = 1 + random.below(40 * (1 + u64::from(tenant))) as u32;
                let request = Request { arrival_ns: now, prompt_tokens, tenant, ..Request::default() };
                prompts.insert(scheduler.submit(request).unwrap(), (tenant as usize, 1 + random.below(30) as u32));
            }
        }
        scheduler.next_batch(now, &limits, &mut kv, &mut batch).unwrap();
        assert!(batch.preempted.is_empty());
        for &request in &batch.admitted {
            let prompt = f64::from(scheduler.job(request).unwrap().request.prompt_tokens);
            let tenant = prompts[&request].0;
            served[tenant] += prompt * options.prefill_weight / weights[tenant] as f64;
        }
        let before: Vec<u32> =
            batch.scheduled.iter().map(|step| scheduler.job(step.request).unwrap().num_sampled).collect();
        execute(&mut scheduler, &batch);
        for (step, before) in batch.scheduled.iter().zip(before) {
            let (tenant, output) = prompts[&step.request];
            let sampled = scheduler.job(step.request).unwrap().num_sampled;
            served[tenant] += f64::from(sampled - before) / weights[tenant] as f64;
            if sampled == output {
                scheduler.finish(step.request).unwrap();
                kv.release(step.request);
            }
        }
        worst = worst.max((served[0] - served[1]).abs());
    }
    assert!(served[0] > 300.0, "{served:?}");
    worst
}

#[test]
fn tenants_that_always_wait_are_served_alike() {
    let mut random = Random(7);
    let inner = [PolicyKind::Vtc, PolicyKind::Srpt, PolicyKind::Hrrn, PolicyKind::Wsrpt, PolicyKind::Balance];
    for policy in inner {
        for weights in [[1, 1], [1, 3]] {
            let options = Options { policy, tenant_fairness: true, prefill_weight: 0.5, ..Options::default() };
            let slots = 4;
            let difference = largest_difference(options, weights, slots, &mut random);
            // Twice the larger of a prompt and of what a batch can still put out (VTC, theorem 4.4).
            let bound = 2.0 * f64::max(0.5 * 80.0, f64::from(slots) * 30.0);
            assert!(difference <= bound, "{policy:?} {weights:?}: {difference} of {bound}");
        }
    }
    let unfair = Options { policy: PolicyKind::Fcfs, prefill_weight: 0.5, ..Options::default() };
    let shared = Options { tenant_fairness: true, ..unfair };
    assert!(Scheduler::new(unfair).unwrap().set_tenant_weight(0, 1).is_err());
    assert!(Scheduler::new(shared).unwrap().set_tenant_weight(0, 0).is_err());
}

/// Serve requests of true length; returns preemptions and the steps until all are done.
fn serve_memory(policy: PolicyKind, requests: &[(u32, u32)], range: u32, num_blocks: u32) -> (u64, u64) {
    let options = Options { policy, fifo_share: 0.0, ..Options::default() };
    let mut scheduler = Scheduler::new(options).unwrap();
    let (mut batch, limits, mut kv) = (Batch::default(), Limits::new(64, 100_000), Blocks::new(num_blocks, 0));
    let mut outputs = BTreeMap::new();
    for &(prompt_tokens, output) in requests {
        let request = Request {
            prompt_tokens,
            expected_output_tokens: Some(output),
            output_range: Some((output.div_ceil(range), output)),
            ..Request::default()
        };
        outputs.insert(scheduler.submit(request).unwrap(), output);
    }
    let mut now = 0;
    while scheduler.stats().num_finished < requests.len() as u64 {
        scheduler.next_batch(now, &limits, &mut kv, &mut batch).unwrap();
        execute(&mut scheduler, &batch);
        for step in &batch.scheduled {
            if scheduler.job(step.request).unwrap().num_sampled == outputs[&step.request] {
                scheduler.finish(step.request).unwrap();
                kv.release(step.request);
            }
        }
        now += 1;
        assert!(now < 100_000, "no progress");
    }
    (scheduler.stats().num_preempted, now)
}

#[test]
fn looking_ahead_never_runs_out_of_blocks_when_lengths_are_true() {
    let mut random = Random(8);
    let (mut evicted, mut bounded) = (0, 0);
    for _ in 0..150 {
        let requests: Vec<(u32, u32)> =
            (0..40).map(|_| (1 + random.below(60) as u32, 1 + random.below(120) as u32)).collect();
        let (preempted, _) = serve_memory(PolicyKind::McSf, &requests, 1, 40);
        assert_eq!(preempted, 0);
        evicted += serve_memory(PolicyKind::Srpt, &requests, 1, 40).0;
        assert_eq!(serve_memory(PolicyKind::AMin, &requests, 1, 40).0, 0, "exact bounds are true lengths");
        bounded += serve_memory(PolicyKind::AMin, &requests, 6, 40).0;
    }
    assert!(evicted > 0 && bounded > 0, "blocks were never short");
}
