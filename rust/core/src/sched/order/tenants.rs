//! Fair shares of tenants around any order (VTC: Sheng and others 2024): the tenant that was served least goes first,
//! and inside it whoever an order of its own says.
//!
//! Served is `prefill_weight` per prompt token when a request first enters and 1 per output token when it comes, over
//! the weight of the tenant. A tenant that comes back after nobody of it waited starts at the least of those that
//! wait, or where nobody waits at what the last that did was served: nobody saves up. Two tenants that always wait
//! thus differ by at most twice what one batch can serve unseen. Equal ones go in the order in which they came. The
//! FIFO share is kept inside every tenant, as between tenants it would serve whoever submits most.

use super::accounts::{Accounts, Tenant};
use super::{Job, Order, Policy, RequestIndex};
use crate::sched::options::MICRO;
use crate::sched::policy::Price;
use crate::sched::queue::Queue;
use crate::sched::share::FifoShare;

const ABSENT: u32 = u32::MAX;

/// One order per tenant, and who was served how much.
pub struct Tenants {
    make: Box<dyn Fn() -> Box<dyn Order> + Send + Sync>,
    /// Answers for all orders what does not depend on who waits.
    sample: Box<dyn Order>,
    prefill_weight: u64,
    share: FifoShare,
    accounts: Accounts,
    /// Place of each request in the order of its tenant.
    places: Vec<u32>,
    num_waiting: usize,
    /// Who would enter because it is the oldest of its tenant.
    turn: Option<RequestIndex>,
}

/// The requests of one tenant, under small numbers of their own so that its heaps need no room for other tenants.
pub(super) struct Line {
    order: Box<dyn Order>,
    by_age: Queue<u64>,
    /// The request behind each number, and whether it was preempted.
    requests: Vec<(RequestIndex, bool)>,
    free: Vec<u32>,
}

impl Tenants {
    /// `make` gives an empty order for a tenant; `share`, in millionths, goes to the oldest of each.
    pub fn new(make: Box<dyn Fn() -> Box<dyn Order> + Send + Sync>, prefill_weight: u64, share: u64) -> Self {
        let sample = make();
        let share = FifoShare::new(if sample.is_fifo() { 0 } else { share });
        let (accounts, places) = (Accounts::new(share), Vec::new());
        Self { make, sample, prefill_weight, share, accounts, places, num_waiting: 0, turn: None }
    }

    /// The order of a live request's tenant.
    fn line(&mut self, job: &Job) -> (u32, &mut Line) {
        let index = self.accounts.index(job.request.tenant);
        let make = &self.make;
        let line = self.accounts.known[index as usize].line.get_or_insert_with(|| Line {
            order: make(),
            by_age: Queue::new(),
            requests: Vec::new(),
            free: Vec::new(),
        });
        (index, line)
    }

    fn tenant(&self, job: &Job) -> Option<&Tenant> {
        self.accounts.get(job.request.tenant)
    }

    /// What a tenant was served, in millionths of an output token over its weight; 0 if it is forgotten.
    pub fn served(&self, tenant: u32) -> u128 {
        self.accounts.get(tenant).map_or(0, |tenant| tenant.served / u128::from(MICRO))
    }
}

impl Order for Tenants {
    fn policy(&self) -> &dyn Policy {
        self.sample.policy()
    }

    fn enter(&mut self, request: RequestIndex, job: &Job) {
        if self.places.len() <= request as usize {
            self.places.resize(request as usize + 1, ABSENT);
        }
        let mut place = self.places[request as usize];
        let is_new = place == ABSENT;
        let by_age = self.share.is_active();
        let (index, line) = self.line(job);
        let known = (request, job.num_preemptions > 0);
        if is_new {
            place = line.free.pop().unwrap_or(line.requests.len() as u32);
            if place as usize == line.requests.len() {
                line.requests.push(known);
            }
        }
        line.requests[place as usize] = known;
        line.order.enter(place, job);
        if by_age {
            line.by_age.set(place, job.sequence);
        }
        self.places[request as usize] = place;
        self.num_waiting += usize::from(is_new);
        self.accounts.wait(index);
    }

    fn leave(&mut self, request: RequestIndex, job: &Job) {
        let Some(&place) = self.places.get(request as usize).filter(|&&place| place != ABSENT) else { return };
        self.places[request as usize] = ABSENT;
        self.num_waiting -= 1;
        let (index, line) = self.line(job);
        line.order.leave(place, job);
        line.by_age.remove(place);
        line.free.push(place);
        if line.order.is_empty() {
            self.accounts.stop_waiting(job.request.tenant, index);
        }
    }

    fn first(&mut self, now_ns: u64) -> Option<RequestIndex> {
        let index = self.accounts.first()? as usize;
        let tenant = &mut self.accounts.known[index];
        let line = tenant.line.as_mut()?;
        let best = line.order.first(now_ns)?;
        let again = line.requests[best as usize].1;
        let oldest = line.by_age.peek().filter(|_| tenant.share.is_due(again));
        let request = line.requests[oldest.unwrap_or(best) as usize].0;
        self.turn = oldest.map(|_| request);
        Some(request)
    }

    fn len(&self) -> usize {
        self.num_waiting
    }

    fn arrive(&mut self, job: &Job) {
        let least = self.accounts.least();
        let (index, line) = self.line(job);
        line.order.arrive(job);
        let returns = line.order.is_empty();
        let tenant = &mut self.accounts.known[index as usize];
        if tenant.num_live == 0 {
            tenant.since = job.sequence;
        }
        tenant.num_live += 1;
        if returns {
            tenant.served = tenant.served.max(least);
        }
    }

    /// A tenant without requests keeps nothing but what it was served and its weight.
    fn depart(&mut self, job: &Job) {
        let (index, line) = self.line(job);
        line.order.depart(job);
        let share = self.share;
        let tenant = &mut self.accounts.known[index as usize];
        tenant.num_live -= 1;
        if tenant.num_live == 0 {
            (tenant.line, tenant.share) = (None, share);
        }
    }

    fn start(&mut self, request: RequestIndex, job: &Job, num_new: u32) -> bool {
        let (index, line) = self.line(job);
        line.order.start(request, job, num_new);
        self.accounts.known[index as usize].share.admit(job.num_preemptions > 0);
        self.accounts.charge(job.request.tenant, self.prefill_weight * u64::from(num_new));
        self.turn.take() == Some(request)
    }

    fn serve(&mut self, job: &Job, num_computed: u32, num_sampled: u32) {
        self.line(job).1.order.serve(job, num_computed, num_sampled);
        self.accounts.charge(job.request.tenant, u64::from(num_sampled) * MICRO);
    }

    /// As the order says, but not for a tenant that was served more than the victim's.
    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        let (Some(new), Some(old)) = (self.tenant(newcomer), self.tenant(victim)) else { return false };
        let order = new.line.as_ref().map_or(&self.sample, |line| &line.order);
        new.served <= old.served && order.displaces(newcomer, victim, price)
    }

    fn state(&self) -> Vec<u64> {
        self.accounts.state()
    }

    fn set_state(&mut self, state: &[u64]) -> bool {
        self.accounts.set_state(state)
    }

    fn remembered_tenants(&mut self) -> Vec<u32> {
        self.accounts.forget();
        self.accounts.remembered().into_iter().map(|(number, _)| number).collect()
    }

    fn is_fifo(&self) -> bool {
        false
    }

    fn gives_turns(&self) -> bool {
        true
    }

    fn drifts(&self) -> bool {
        true
    }

    /// A tenant that comes back starts at the least that others were served.
    fn counts_progress(&self) -> bool {
        true
    }

    fn set_tenant_weight(&mut self, tenant: u32, weight: u64) -> bool {
        let index = self.accounts.index(tenant);
        self.accounts.known[index as usize].weight = weight;
        true
    }
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (tenants, waiting) = (self.accounts.known.len(), self.num_waiting);
        formatter
            .debug_struct("Tenants")
            .field("inner", &self.sample)
            .field("tenants", &tenants)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}
