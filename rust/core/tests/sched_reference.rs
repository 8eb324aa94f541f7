//! The scheduler against an obvious one: sort the whole queue, walk the lists, do what vLLM's `schedule()` does.

mod common;

use common::{Blocks, execute};
use paretoserve_core::sched::{Batch, KvCache, Limits, Options, PolicyKind, Request, Scheduled, Scheduler};
use proptest::prelude::*;

const MICRO: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Known {
    request: Request,
    handle: u32,
    order: u64,
    computed: u32,
    sampled: u32,
    output: u32,
    preemptions: u32,
}

struct Obvious {
    policy: PolicyKind,
    waiting: Vec<Known>,
    running: Vec<Known>,
}

impl Obvious {
    fn key(&self, known: &Known) -> (u64, u64) {
        let rank = match self.policy {
            PolicyKind::Fcfs => known.order,
            PolicyKind::Priority => (i64::from(known.request.priority) + (1 << 31)) as u64,
            _ => {
                let mut estimate = known.request.expected_output_tokens.unwrap();
                while estimate <= known.sampled {
                    estimate *= 2;
                }
                let missing = known.request.prompt_tokens + known.sampled - known.computed;
                u64::from(estimate - known.sampled) * MICRO + 20_000 * u64::from(missing)
            }
        };
        (rank, known.order)
    }

    fn next_batch(&mut self, limits: &Limits, kv: &mut Blocks) -> Batch {
        let mut batch = Batch::default();
        let mut budget = limits.token_budget;
        let mut place = 0;
        while place < self.running.len() {
            let known = self.running[place];
            let num_tokens = (known.request.prompt_tokens + known.sampled - known.computed).min(budget);
            place += 1;
            if num_tokens == 0 {
                continue;
            }
            loop {
                if kv.reserve(known.handle, known.computed + num_tokens) {
                    let (request, num_computed_tokens) = (known.handle, known.computed);
                    batch.scheduled.push(Scheduled { request, num_tokens, num_computed_tokens });
                    budget -= num_tokens;
                    break;
                }
                let tired = |known: &Known| self.policy == PolicyKind::Srpt && known.preemptions >= 2;
                let worst = (0..self.running.len())
                    .max_by_key(|&at| (!tired(&self.running[at]), self.key(&self.running[at])))
                    .unwrap();
                let mut victim = self.running.remove(worst);
                place -= usize::from(worst < place);
                kv.release(victim.handle);
                if let Some(at) = batch.scheduled.iter().position(|step| step.request == victim.handle) {
                    budget += batch.scheduled.remove(at).num_tokens;
                }
                (victim.computed, victim.preemptions) = (0, victim.preemptions + 1);
                batch.preempted.push(victim.handle);
                self.waiting.push(victim);
                if victim.handle == known.handle {
                    break;
                }
            }
        }
        while batch.preempted.is_empty() && self.running.len() < limits.slots as usize && budget > 0 {
            let Some(best) = (0..self.waiting.len()).min_by_key(|&at| self.key(&self.waiting[at])) else { break };
            let known = self.waiting[best];
            let total = known.request.prompt_tokens + known.sampled;
            if !kv.reserve(known.handle, total) {
                break;
            }
            let (request, num_tokens) = (known.handle, total.min(budget));
            budget -= num_tokens;
            self.waiting.remove(best);
            self.running.push(known);
            batch.admitted.push(known.handle);
            batch.scheduled.push(Scheduled { request, num_tokens, num_computed_tokens: 0 });
        }
        batch
    }

    /// Progress of what was scheduled; returns who has all its output.
    fn execute(&mut self, batch: &Batch) -> Vec<u32> {
        for step in &batch.scheduled {
            let known = self.running.iter_mut().find(|known| known.handle == step.request).unwrap();
            known.computed += step.num_tokens;
            known.sampled += u32::from(known.computed == known.request.prompt_tokens + known.sampled);
        }
        let (done, running) = self.running.iter().partition::<Vec<Known>, _>(|known| known.sampled == known.output);
        self.running = running;
        done.iter().map(|known| known.handle).collect()
    }
}

proptest! {
    #[test]
    fn every_batch_equals_the_obvious_one(
        policy in prop_oneof![Just(PolicyKind::Fcfs), Just(PolicyKind::Priority), Just(PolicyKind::Srpt)],
        slots in 1..7_u32, budget in 4..100_u32, num_blocks in 6..20_u32,
        traffic in proptest::collection::vec((0..3_u8, 1..60_u32, 1..24_u32, 1..24_u32, -2..3_i32), 1..40),
    ) {
        let options = Options { policy, fifo_share: 0.0, ..Options::default() };
        let mut scheduler = Scheduler::new(options).unwrap();
        let mut obvious = Obvious { policy, waiting: Vec::new(), running: Vec::new() };
        let (mut kv, mut other_kv) = (Blocks::new(num_blocks, 0), Blocks::new(num_blocks, 0));
        let (mut batch, limits) = (Batch::default(), Limits::new(slots, budget));
        let mut arrivals = traffic.iter().zip(0_u64..).peekable();
        let mut step = 0;
        while arrivals.peek().is_some() || scheduler.stats().num_waiting + scheduler.stats().num_running > 0 {
            while let Some((&(_, prompt_tokens, output, expected, priority), order)) =
                arrivals.next_if(|&(&(pause, ..), order)| order == 0 || pause == 0 || step % 4 == u64::from(pause))
            {
                let request =
                    Request { arrival_ns: step, prompt_tokens, expected_output_tokens: Some(expected), priority, ..Request::default() };
                let handle = scheduler.submit(request).unwrap();
                let (computed, sampled, preemptions) = (0, 0, 0);
                obvious.waiting.push(Known { request, handle, order, computed, sampled, output, preemptions });
            }
            scheduler.next_batch(step, &limits, &mut kv, &mut batch).unwrap();
            let expected = obvious.next_batch(&limits, &mut other_kv);
            prop_assert_eq!(&batch, &expected);
            execute(&mut scheduler, &batch);
            for handle in obvious.execute(&expected) {
                scheduler.finish(handle).unwrap();
                kv.release(handle);
                other_kv.release(handle);
            }
            step += 1;
            prop_assert!(step < 50_000);
        }
    }
}
