//! Tenants without end: what is remembered of them stays small, and every answer is that of an order that forgets
//! nothing.

use std::collections::{BTreeSet, HashMap};

use paretoserve_core::sched::log::replay;
use paretoserve_core::sched::order::Order;
use paretoserve_core::sched::policy::{Fcfs, Policy};
use paretoserve_core::sched::{
    Batch, Job, Limits, NamedScheduler, Names, Options, PolicyKind, Request, RequestIndex, Scheduler, Unlimited,
};

const MICRO: u128 = 1_000_000;
const PREFILL_WEIGHT: f64 = 0.5;

/// VTC word by word: a counter for every tenant that ever came.
#[derive(Debug, Default)]
struct Obvious {
    served: HashMap<u32, u128>,
    since: HashMap<u32, u64>,
    num_live: HashMap<u32, u64>,
    waiting: HashMap<u32, BTreeSet<(u64, RequestIndex)>>,
    /// Tenants of whom somebody waits.
    active: BTreeSet<(u128, u64, u32)>,
    last: Option<u32>,
}

impl Obvious {
    fn first_tenant(&self) -> Option<u32> {
        self.active.first().map(|&(_, _, tenant)| tenant)
    }

    fn key(&self, tenant: u32) -> (u128, u64, u32) {
        (self.served[&tenant], self.since[&tenant], tenant)
    }

    fn charge(&mut self, tenant: u32, work: u128) {
        let waits = self.active.remove(&self.key(tenant));
        *self.served.get_mut(&tenant).unwrap() += work;
        if waits {
            self.active.insert(self.key(tenant));
        }
    }
}

impl Order for Obvious {
    fn policy(&self) -> &dyn Policy {
        &Fcfs
    }

    fn enter(&mut self, request: RequestIndex, job: &Job) {
        self.waiting.entry(job.request.tenant).or_default().insert((job.sequence, request));
        self.active.insert(self.key(job.request.tenant));
    }

    fn leave(&mut self, request: RequestIndex, job: &Job) {
        let tenant = job.request.tenant;
        let Some(line) = self.waiting.get_mut(&tenant) else { return };
        if line.remove(&(job.sequence, request)) && line.is_empty() {
            self.waiting.remove(&tenant);
            self.active.remove(&self.key(tenant));
            self.last = Some(tenant);
        }
    }

    fn first(&mut self, _now_ns: u64) -> Option<RequestIndex> {
        self.first_tenant().and_then(|tenant| self.waiting[&tenant].first()).map(|&(_, request)| request)
    }

    fn len(&self) -> usize {
        self.waiting.values().map(BTreeSet::len).sum()
    }

    fn arrive(&mut self, job: &Job) {
        let tenant = job.request.tenant;
        let least = self.first_tenant().or(self.last).map_or(0, |tenant| self.served[&tenant]);
        let served = self.served.entry(tenant).or_default();
        if !self.waiting.contains_key(&tenant) {
            *served = least.max(*served);
        }
        let num_live = self.num_live.entry(tenant).or_default();
        if *num_live == 0 {
            self.since.insert(tenant, job.sequence);
        }
        *num_live += 1;
    }

    fn depart(&mut self, job: &Job) {
        *self.num_live.get_mut(&job.request.tenant).unwrap() -= 1;
    }

    fn start(&mut self, _request: RequestIndex, job: &Job, num_new: u32) -> bool {
        self.charge(job.request.tenant, MICRO / 2 * u128::from(num_new));
        false
    }

    fn serve(&mut self, job: &Job, _num_computed: u32, num_sampled: u32) {
        self.charge(job.request.tenant, MICRO * u128::from(num_sampled));
    }

    fn is_fifo(&self) -> bool {
        false
    }

    fn gives_turns(&self) -> bool {
        true
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn options() -> Options {
    Options { policy: PolicyKind::Vtc, prefill_weight: PREFILL_WEIGHT, ..Options::default() }
}

fn num_remembered(scheduler: &Scheduler) -> usize {
    let text = format!("{scheduler:?}");
    let number = text.split("Tenants {").nth(1).unwrap().split("tenants: ").nth(1).unwrap();
    number.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn a_million_tenants_are_served_as_if_none_were_forgotten() {
    let mut random = Random(7);
    let mut ours = Scheduler::new(options()).unwrap();
    let mut obvious = Scheduler::with_order(options(), Box::new(Obvious::default())).unwrap();
    let (limits, mut batch, mut expected) = (Limits::new(8, 4096), Batch::default(), Batch::default());
    let (mut num_tenants, mut most_remembered) = (0_u32, 0);
    let mut now = 0;
    while num_tenants < 1_000_000 {
        now += 1;
        // Now and then nobody waits, or everybody does.
        for _ in 0..random.below([3, 8, 30][(now / 1000 % 3) as usize]) {
            // Half are new; the others came lately, or long ago.
            let tenant = match random.below(8) {
                0..=3 => num_tenants,
                4..=6 => num_tenants.saturating_sub(random.below(20) as u32),
                _ => random.below(u64::from(num_tenants) + 1) as u32,
            };
            num_tenants = num_tenants.max(tenant + 1);
            let prompt_tokens = 1 + random.below(40) as u32;
            let request = Request { arrival_ns: now, prompt_tokens, tenant, ..Request::default() };
            assert_eq!(ours.submit(request).unwrap(), obvious.submit(request).unwrap());
        }
        ours.next_batch(now, &limits, &mut Unlimited, &mut batch).unwrap();
        obvious.next_batch(now, &limits, &mut Unlimited, &mut expected).unwrap();
        assert_eq!(batch, expected);
        for step in &batch.scheduled {
            let ends = random.below(3) == 0;
            for scheduler in [&mut ours, &mut obvious] {
                scheduler.advance(step.request, step.num_tokens, 1).unwrap();
                if ends {
                    scheduler.finish(step.request).unwrap();
                }
            }
        }
        if now % 1000 == 0 {
            // Those that wait too long go away.
            let waits = |&request: &RequestIndex| ours.job(request).is_ok_and(|job| job.num_computed == 0);
            let waiting: Vec<RequestIndex> = (0..100_000).filter(waits).collect();
            for request in waiting {
                ours.cancel(request).unwrap();
                obvious.cancel(request).unwrap();
            }
            most_remembered = most_remembered.max(num_remembered(&ours));
        }
    }
    assert_eq!(ours.stats(), obvious.stats());
    println!("{most_remembered} of {num_tenants} tenants were remembered at most");
    assert!(most_remembered < 100_000, "{most_remembered}");
}

#[test]
fn names_and_counters_of_a_million_tenants_leave_no_growth() {
    for policy in [PolicyKind::Fcfs, PolicyKind::Vtc] {
        let mut scheduler = NamedScheduler::new(Scheduler::new(Options { policy, ..options() }).unwrap(), 16).unwrap();
        let limits = Limits::new(4, 4096);
        for tenant in 0..1_000_000_i64 {
            let request = Request { arrival_ns: tenant as u64, prompt_tokens: 10, ..Request::default() };
            scheduler.submit(tenant, request, 0, Names { tenant: tenant * 7919 - 500, program: None }).unwrap();
            if tenant % 3 == 0 {
                scheduler.next_batch(tenant as u64, &limits, None).unwrap();
                scheduler.advance(tenant, 10, 1).unwrap();
                scheduler.finish(tenant).unwrap();
            } else {
                scheduler.cancel(tenant).unwrap();
            }
        }
        assert!(scheduler.snapshot().len() < 2000, "{policy:?}: {} bytes", scheduler.snapshot().len());
        if policy == PolicyKind::Vtc {
            assert!(num_remembered(scheduler.scheduler()) <= 64);
        }
    }
}

#[test]
fn weights_are_remembered_and_credits_begin_anew() {
    let options = Options { policy: PolicyKind::Srpt, tenant_fairness: true, ..options() };
    let mut scheduler = Scheduler::new(options).unwrap();
    scheduler.set_tenant_weight(9, 3_000_000).unwrap();
    for tenant in 10..200 {
        let request = scheduler.submit(Request { prompt_tokens: 5, tenant, ..Request::default() }).unwrap();
        scheduler.cancel(request).unwrap();
    }
    let text = scheduler.snapshot();
    let restored = Scheduler::restore(&text).unwrap();
    assert_eq!(restored.snapshot(), text);
    assert!(num_remembered(&restored) == 1, "the one with a weight");
}

#[test]
fn logs_of_older_rules_are_refused_only_where_tenants_share() {
    for (policy, replays) in [(PolicyKind::Srpt, true), (PolicyKind::Vtc, false)] {
        let mut scheduler = Scheduler::new(Options { policy, ..options() }).unwrap();
        scheduler.record(true);
        scheduler.submit(Request { prompt_tokens: 5, ..Request::default() }).unwrap();
        let mut rows = scheduler.log().to_vec();
        assert!(replay(&rows).is_ok());
        rows[2][1] += 1;
        let newer = replay(&rows).unwrap_err().to_string();
        assert!(newer.contains("row 2 must hold version 2 of the rules or less"), "{newer}");
        rows.remove(2);
        match replay(&rows) {
            Ok(_) => assert!(replays),
            Err(error) => assert!(!replays && error.to_string().contains("which the shares of tenants need")),
        }
    }
}
