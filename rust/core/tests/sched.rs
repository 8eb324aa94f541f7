//! The scheduler from outside: the rules of one step, with numbers a reader can check.

mod common;

use common::{Blocks, execute};
use paretoserve_core::sched::{
    Batch, KvCache, Limits, Options, PolicyKind, Preempt, Request, Scheduled, Scheduler, Unlimited,
};

fn request(arrival_ns: u64, prompt_tokens: u32, output: u32) -> Request {
    Request { arrival_ns, prompt_tokens, expected_output_tokens: Some(output), priority: 0, ..Request::default() }
}

fn options(policy: PolicyKind) -> Options {
    Options { policy, fifo_share: 0.0, ..Options::default() }
}

fn scheduled(request: u32, num_tokens: u32, num_computed_tokens: u32) -> Scheduled {
    Scheduled { request, num_tokens, num_computed_tokens }
}

#[test]
fn running_requests_come_first_and_prompts_fill_the_budget() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Fcfs)).unwrap();
    let (mut batch, limits) = (Batch::default(), Limits::new(4, 100));
    let a = scheduler.submit(request(0, 60, 10)).unwrap();
    let b = scheduler.submit(request(0, 70, 10)).unwrap();
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(a, 60, 0), scheduled(b, 40, 0)]);
    assert_eq!(batch.admitted, [a, b]);
    execute(&mut scheduler, &batch);
    let c = scheduler.submit(request(1, 500, 10)).unwrap();
    scheduler.next_batch(1, &limits, &mut Unlimited, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(a, 1, 60), scheduled(b, 30, 40), scheduled(c, 69, 0)]);
    execute(&mut scheduler, &batch);
    scheduler.finish(a).unwrap();
    scheduler.next_batch(2, &limits, &mut Unlimited, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(b, 1, 70), scheduled(c, 99, 69)]);
}

#[test]
fn without_chunks_a_prompt_waits_for_a_whole_budget() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Fcfs)).unwrap();
    let limits = Limits { chunked_prefill: false, ..Limits::new(4, 100) };
    let mut batch = Batch::default();
    let a = scheduler.submit(request(0, 60, 10)).unwrap();
    let b = scheduler.submit(request(0, 70, 10)).unwrap();
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(a, 60, 0)]);
    execute(&mut scheduler, &batch);
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(a, 1, 60), scheduled(b, 70, 0)]);
}

#[test]
fn cached_tokens_are_not_computed_but_the_last_one_is() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Fcfs)).unwrap();
    let mut kv = Blocks::new(100, 64);
    let mut batch = Batch::default();
    let a = scheduler.submit(request(0, 64, 10)).unwrap();
    let b = scheduler.submit(request(0, 100, 10)).unwrap();
    scheduler.next_batch(0, &Limits::new(4, 100), &mut kv, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(a, 1, 63), scheduled(b, 36, 64)]);
}

#[test]
fn fcfs_evicts_the_last_admitted_and_puts_it_in_front() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Fcfs)).unwrap();
    let (mut kv, mut batch, limits) = (Blocks::new(4, 0), Batch::default(), Limits::new(4, 100));
    let a = scheduler.submit(request(0, 32, 10)).unwrap();
    let b = scheduler.submit(request(0, 32, 10)).unwrap();
    let c = scheduler.submit(request(0, 16, 10)).unwrap();
    scheduler.next_batch(0, &limits, &mut kv, &mut batch).unwrap();
    assert_eq!(batch.admitted, [a, b]);
    execute(&mut scheduler, &batch);
    scheduler.next_batch(1, &limits, &mut kv, &mut batch).unwrap();
    assert_eq!((&batch.preempted[..], &batch.admitted[..]), (&[b][..], &[][..]));
    assert_eq!(batch.scheduled, [scheduled(a, 1, 32)]);
    execute(&mut scheduler, &batch);
    scheduler.next_batch(2, &limits, &mut kv, &mut batch).unwrap();
    assert!(batch.admitted.is_empty(), "b needs 3 blocks and stands before c, which would fit");
    execute(&mut scheduler, &batch);
    scheduler.finish(a).unwrap();
    kv.release(a);
    scheduler.next_batch(3, &limits, &mut kv, &mut batch).unwrap();
    assert_eq!(batch.scheduled, [scheduled(b, 33, 0), scheduled(c, 16, 0)]);
}

#[test]
fn srpt_admits_the_shortest_and_evicts_the_longest() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Srpt)).unwrap();
    let (mut kv, mut batch) = (Blocks::new(5, 0), Batch::default());
    scheduler.submit(request(0, 32, 100)).unwrap();
    let short = scheduler.submit(request(0, 32, 5)).unwrap();
    let middle = scheduler.submit(request(0, 16, 50)).unwrap();
    scheduler.next_batch(0, &Limits::new(2, 100), &mut kv, &mut batch).unwrap();
    assert_eq!(batch.admitted, [short, middle]);
    execute(&mut scheduler, &batch);
    // Both want one more block, and one is left.
    kv.free = 1;
    scheduler.next_batch(1, &Limits::new(2, 100), &mut kv, &mut batch).unwrap();
    assert_eq!(batch.preempted, [middle]);
    assert_eq!(batch.scheduled, [scheduled(short, 1, 32)]);
}

#[test]
fn a_victim_that_was_scheduled_in_this_step_gives_its_tokens_back() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Srpt)).unwrap();
    let (mut kv, mut batch, limits) = (Blocks::new(4, 0), Batch::default(), Limits::new(2, 100));
    let long = scheduler.submit(request(0, 31, 100)).unwrap();
    let short = scheduler.submit(request(0, 32, 5)).unwrap();
    scheduler.next_batch(0, &Limits::new(1, 31), &mut kv, &mut batch).unwrap();
    assert_eq!(batch.admitted, [short]);
    execute(&mut scheduler, &batch);
    scheduler.next_batch(1, &limits, &mut kv, &mut batch).unwrap();
    execute(&mut scheduler, &batch);
    assert_eq!(batch.scheduled, [scheduled(short, 1, 31), scheduled(long, 31, 0)]);
    scheduler.next_batch(2, &limits, &mut kv, &mut batch).unwrap();
    assert_eq!(batch.preempted, [long]);
    assert_eq!(batch.scheduled, [scheduled(short, 1, 32)]);
}

#[test]
fn slots_are_taken_only_when_it_pays() {
    let taking = Options { preempt: Preempt::Slots, prefill_weight: 0.0, ..options(PolicyKind::Srpt) };
    let preempts = |running: u32, newcomer: u32| {
        let mut scheduler = Scheduler::new(taking).unwrap();
        let mut batch = Batch::default();
        scheduler.submit(request(0, 10, running)).unwrap();
        scheduler.next_batch(0, &Limits::new(1, 100), &mut Unlimited, &mut batch).unwrap();
        scheduler.submit(request(0, 10, newcomer)).unwrap();
        scheduler.next_batch(0, &Limits::new(1, 100), &mut Unlimited, &mut batch).unwrap();
        batch.preempted.len()
    };
    assert_eq!((preempts(21, 10), preempts(20, 10), preempts(10, 10)), (1, 0, 0));
}

#[test]
fn several_slots_change_hands_in_one_step() {
    let taking = Options { preempt: Preempt::Slots, prefill_weight: 0.0, ..options(PolicyKind::Srpt) };
    let mut scheduler = Scheduler::new(taking).unwrap();
    let (mut batch, limits) = (Batch::default(), Limits::new(2, 100));
    let long: Vec<u32> = (0..2).map(|_| scheduler.submit(request(0, 10, 100)).unwrap()).collect();
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    let short: Vec<u32> = (0..3).map(|_| scheduler.submit(request(0, 10, 1)).unwrap()).collect();
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    assert_eq!(batch.preempted, [long[1], long[0]]);
    assert_eq!(batch.admitted, short[..2]);
}

#[test]
fn a_request_is_evicted_for_shorter_ones_at_most_so_often() {
    let taking =
        Options { preempt: Preempt::Slots, prefill_weight: 0.0, max_preemptions: 2, ..options(PolicyKind::Srpt) };
    let mut scheduler = Scheduler::new(taking).unwrap();
    let (mut batch, limits) = (Batch::default(), Limits::new(1, 100));
    let long = scheduler.submit(request(0, 10, 1000)).unwrap();
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    for round in 0..4 {
        let short = scheduler.submit(request(0, 10, 1)).unwrap();
        scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
        assert_eq!(batch.preempted.len(), usize::from(round < 2));
        scheduler.finish(short).unwrap();
        scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    }
    assert_eq!(scheduler.job(long).unwrap().num_preemptions, 2);
}

#[test]
fn steady_while_slots_are_full_and_everybody_decodes() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Fcfs)).unwrap();
    let (mut batch, limits) = (Batch::default(), Limits::new(1, 100));
    let a = scheduler.submit(request(0, 10, 100)).unwrap();
    scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch).unwrap();
    assert!(!scheduler.steady());
    execute(&mut scheduler, &batch);
    scheduler.next_batch(1, &limits, &mut Unlimited, &mut batch).unwrap();
    assert!(scheduler.steady());
    scheduler.submit(request(1, 10, 100)).unwrap();
    assert!(!scheduler.steady(), "nobody waited, so the newcomer may enter");
    scheduler.next_batch(2, &limits, &mut Unlimited, &mut batch).unwrap();
    assert!(scheduler.steady());
    scheduler.submit(request(2, 10, 100)).unwrap();
    assert!(scheduler.steady(), "the slot is taken");
    scheduler.advance(a, 50, 50).unwrap();
    scheduler.finish(a).unwrap();
    assert!(!scheduler.steady());
}

#[test]
fn unknown_lengths_are_taken_as_the_mean_of_what_finished() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Srpt)).unwrap();
    let mut batch = Batch::default();
    let unknown = Request { prompt_tokens: 1, ..Request::default() };
    let first = scheduler.submit(unknown).unwrap();
    assert_eq!(scheduler.job(first).unwrap().estimate, 256);
    scheduler.next_batch(0, &Limits::new(1, 100), &mut Unlimited, &mut batch).unwrap();
    scheduler.advance(first, 40, 40).unwrap();
    scheduler.finish(first).unwrap();
    let second = scheduler.submit(unknown).unwrap();
    assert_eq!(scheduler.job(second).unwrap().estimate, 40);
}

#[test]
fn wrong_calls_are_refused_and_change_nothing() {
    let mut scheduler = Scheduler::new(options(PolicyKind::Fcfs)).unwrap();
    let mut batch = Batch::default();
    assert!(scheduler.submit(request(0, 0, 1)).is_err());
    assert!(scheduler.submit(request(0, 1, 0)).is_err());
    assert!(scheduler.finish(0).is_err());
    let a = scheduler.submit(request(5, 8, 8)).unwrap();
    assert!(scheduler.submit(request(4, 8, 8)).is_err());
    assert!(scheduler.advance(a, 1, 0).is_err(), "it does not run");
    scheduler.next_batch(7, &Limits::new(1, 100), &mut Unlimited, &mut batch).unwrap();
    assert!(scheduler.next_batch(6, &Limits::new(1, 100), &mut Unlimited, &mut batch).is_err());
    assert!(scheduler.advance(a, 9, 0).is_err());
    assert!(scheduler.advance(a, 1, u32::MAX).is_err());
    assert!(scheduler.advance(a, 8, 1).is_ok());
    assert!(scheduler.cancel(7).is_err());
    assert_eq!(scheduler.stats().num_submitted, 1);
}

#[test]
fn options_without_meaning_are_refused() {
    let broken = [
        Options { fifo_share: f64::NAN, ..Options::default() },
        Options { fifo_share: 1.5, ..Options::default() },
        Options { preempt_gain: 0.5, ..Options::default() },
        Options { prefill_weight: f64::INFINITY, ..Options::default() },
        Options { unknown_output_tokens: 0, ..Options::default() },
    ];
    for options in broken {
        assert!(Scheduler::new(options).is_err());
    }
}
