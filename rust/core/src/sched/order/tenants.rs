//! Fair shares of tenants around any order (VTC: Sheng and others 2024): the tenant that was served least goes first,
//! and inside it whoever an order of its own says.
//!
//! Served is `prefill_weight` per prompt token when a request first enters and 1 per output token when it comes, over
//! the weight of the tenant. A tenant that comes back after nobody of it waited starts at the least of those that
//! wait: nobody saves up. Two tenants that always wait thus differ by at most twice what one batch can serve unseen.
//! The FIFO share is kept inside every tenant, as between tenants it would serve whoever submits most.

use std::collections::HashMap;

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
    /// In the order in which they first came, which breaks ties.
    known: Vec<Tenant>,
    indices: HashMap<u32, u32>,
    /// Tenants of which somebody waits, by what they were served.
    active: Queue<(u128, u32)>,
    /// What the tenant that stopped waiting last was served.
    last_served: u128,
    /// Place of each request in the order of its tenant.
    places: Vec<u32>,
    num_waiting: usize,
    /// Who would enter because it is the oldest of its tenant.
    turn: Option<RequestIndex>,
}

struct Tenant {
    /// In millionths of millionths of an output token at weight 1.
    served: u128,
    weight: u64,
    share: FifoShare,
    num_live: u64,
    line: Option<Line>,
}

/// The requests of one tenant, under small numbers of their own so that its heaps need no room for other tenants.
struct Line {
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
        let (known, indices, active) = (Vec::new(), HashMap::new(), Queue::new());
        let (last_served, places, num_waiting, turn) = (0, Vec::new(), 0, None);
        Self { make, sample, prefill_weight, share, known, indices, active, last_served, places, num_waiting, turn }
    }

    fn index(&mut self, tenant: u32) -> u32 {
        let (known, share) = (&mut self.known, self.share);
        *self.indices.entry(tenant).or_insert_with(|| {
            known.push(Tenant { served: 0, weight: MICRO, share, num_live: 0, line: None });
            known.len() as u32 - 1
        })
    }

    /// The order of a live request's tenant.
    fn line(&mut self, job: &Job) -> (u32, &mut Line) {
        let index = self.index(job.request.tenant);
        let make = &self.make;
        let line = self.known[index as usize].line.get_or_insert_with(|| Line {
            order: make(),
            by_age: Queue::new(),
            requests: Vec::new(),
            free: Vec::new(),
        });
        (index, line)
    }

    fn tenant(&self, job: &Job) -> Option<&Tenant> {
        self.indices.get(&job.request.tenant).map(|&index| &self.known[index as usize])
    }

    /// A tenant was given so much work, in millionths of an output token.
    fn charge(&mut self, tenant: u32, work: u64) {
        let index = self.index(tenant);
        let tenant = &mut self.known[index as usize];
        tenant.served += u128::from(work) * u128::from(MICRO) * u128::from(MICRO) / u128::from(tenant.weight);
        if self.active.key(index).is_some() {
            self.active.set(index, (tenant.served, index));
        }
    }

    /// What a tenant was served, in millionths of an output token over its weight.
    pub fn served(&self, tenant: u32) -> u128 {
        self.indices.get(&tenant).map_or(0, |&index| self.known[index as usize].served / u128::from(MICRO))
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
        self.active.set(index, (self.known[index as usize].served, index));
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
            self.active.remove(index);
            self.last_served = self.known[index as usize].served;
        }
    }

    fn first(&mut self, now_ns: u64) -> Option<RequestIndex> {
        let index = self.active.peek()? as usize;
        let tenant = &mut self.known[index];
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
        let least = self.active.peek().map_or(self.last_served, |index| self.known[index as usize].served);
        let (index, line) = self.line(job);
        line.order.arrive(job);
        let returns = line.order.is_empty();
        let tenant = &mut self.known[index as usize];
        tenant.num_live += 1;
        if returns {
            tenant.served = tenant.served.max(least);
        }
    }

    /// A tenant without requests keeps nothing but what it was served.
    fn depart(&mut self, job: &Job) {
        let (index, line) = self.line(job);
        line.order.depart(job);
        let tenant = &mut self.known[index as usize];
        tenant.num_live -= 1;
        if tenant.num_live == 0 {
            tenant.line = None;
        }
    }

    fn start(&mut self, request: RequestIndex, job: &Job, num_new: u32) -> bool {
        let (index, line) = self.line(job);
        line.order.start(request, job, num_new);
        self.known[index as usize].share.admit(job.num_preemptions > 0);
        self.charge(job.request.tenant, self.prefill_weight * u64::from(num_new));
        self.turn.take() == Some(request)
    }

    fn serve(&mut self, job: &Job, num_computed: u32, num_sampled: u32) {
        self.line(job).1.order.serve(job, num_computed, num_sampled);
        self.charge(job.request.tenant, u64::from(num_sampled) * MICRO);
    }

    /// As the order says, but not for a tenant that was served more than the victim's.
    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        let (Some(new), Some(old)) = (self.tenant(newcomer), self.tenant(victim)) else { return false };
        let order = new.line.as_ref().map_or(&self.sample, |line| &line.order);
        new.served <= old.served && order.displaces(newcomer, victim, price)
    }

    /// What was served last, then for every tenant its number, what it was served, its weight and its credits.
    fn state(&self) -> Vec<u64> {
        let halves = |served: u128| [served as u64, (served >> 64) as u64];
        let mut numbers = vec![0; self.known.len()];
        for (&tenant, &index) in &self.indices {
            numbers[index as usize] = tenant;
        }
        let mut state = halves(self.last_served).to_vec();
        for (&number, tenant) in numbers.iter().zip(&self.known) {
            state.push(u64::from(number));
            state.extend(halves(tenant.served));
            state.push(tenant.weight);
            state.extend(tenant.share.credit);
        }
        state
    }

    fn set_state(&mut self, state: &[u64]) -> bool {
        let whole = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        let Some((&[low, high], rest)) = state.split_first_chunk() else { return false };
        let (tenants, []) = rest.as_chunks::<6>() else { return false };
        for &[number, low, high, weight, first, again] in tenants {
            let Ok(number) = u32::try_from(number) else { return false };
            let index = self.index(number);
            let tenant = &mut self.known[index as usize];
            (tenant.served, tenant.weight, tenant.share.credit) = (whole(low, high), weight.max(1), [first, again]);
            if first.max(again) >= MICRO {
                return false;
            }
            if self.active.key(index).is_some() {
                self.active.set(index, (tenant.served, index));
            }
        }
        self.last_served = whole(low, high);
        true
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
        let index = self.index(tenant);
        self.known[index as usize].weight = weight;
        true
    }
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (tenants, waiting) = (self.known.len(), self.num_waiting);
        formatter
            .debug_struct("Tenants")
            .field("inner", &self.sample)
            .field("tenants", &tenants)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}
