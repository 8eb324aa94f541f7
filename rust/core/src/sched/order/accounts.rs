//! What tenants were served, and for how long that is remembered.
//!
//! A tenant without requests is forgotten once it was served no more than anybody who comes will start with: its
//! counter would be lifted anyway, so nothing changes. Endless tenants thus leave no more behind than those whose
//! counters are ahead.

use std::collections::HashMap;

use super::tenants::Line;
use crate::sched::options::MICRO;
use crate::sched::queue::Queue;
use crate::sched::share::FifoShare;

/// What is known about a tenant.
pub(super) struct Tenant {
    /// In millionths of millionths of an output token at weight 1.
    pub(super) served: u128,
    pub(super) weight: u64,
    pub(super) share: FifoShare,
    pub(super) num_live: u64,
    /// The sequence of the request with which it came back when none of it lived: breaks ties.
    pub(super) since: u64,
    pub(super) line: Option<Line>,
}

impl Tenant {
    fn key(&self) -> (u128, u64) {
        (self.served, self.since)
    }

    /// Whether nothing changes if nobody remembers it, when all that come start with `floor` at least.
    fn is_idle(&self, floor: u128) -> bool {
        self.num_live == 0 && self.weight == MICRO && self.served <= floor
    }
}

/// Tenants by their numbers, under places of their own.
pub(super) struct Accounts {
    share: FifoShare,
    /// In no order; the places in `free` are nobody's.
    pub(super) known: Vec<Tenant>,
    free: Vec<u32>,
    indices: HashMap<u32, u32>,
    /// Tenants of which somebody waits, by what they were served.
    active: Queue<(u128, u64)>,
    /// The tenant that stopped waiting last, and what it was served by now.
    last: Option<u32>,
    last_served: u128,
}

impl Accounts {
    /// `share` is the FIFO share of every tenant.
    pub(super) fn new(share: FifoShare) -> Self {
        let (known, free, indices, active) = (Vec::new(), Vec::new(), HashMap::new(), Queue::new());
        Self { share, known, free, indices, active, last: None, last_served: 0 }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Tenant> {
        self.indices.get(&number).map(|&index| &self.known[index as usize])
    }

    /// The place of a tenant, a new one if nothing is known about it.
    pub(super) fn index(&mut self, number: u32) -> u32 {
        if let Some(&index) = self.indices.get(&number) {
            return index;
        }
        let index = self.place();
        let tenant = Tenant { served: 0, weight: MICRO, share: self.share, num_live: 0, since: 0, line: None };
        match self.known.get_mut(index as usize) {
            Some(place) => *place = tenant,
            None => self.known.push(tenant),
        }
        self.indices.insert(number, index);
        index
    }

    fn place(&mut self) -> u32 {
        let mut free = self.free.pop();
        if free.is_none() && is_time_to_forget(self.known.len()) {
            self.forget();
            // With less it would soon be time again.
            free = if self.free.len() >= self.known.len() / 4 { self.free.pop() } else { None };
        }
        free.unwrap_or(self.known.len() as u32)
    }

    /// The tenant of which somebody waits that was served least.
    pub(super) fn first(&self) -> Option<u32> {
        self.active.peek()
    }

    /// What whoever comes now starts with at least.
    pub(super) fn least(&self) -> u128 {
        self.first().map_or(self.last_served, |index| self.known[index as usize].served)
    }

    /// Somebody of it waits.
    pub(super) fn wait(&mut self, index: u32) {
        self.active.set(index, self.known[index as usize].key());
    }

    /// Nobody of it waits any more.
    pub(super) fn stop_waiting(&mut self, number: u32, index: u32) {
        self.active.remove(index);
        (self.last, self.last_served) = (Some(number), self.known[index as usize].served);
    }

    /// A tenant was given so much work, in millionths of an output token.
    pub(super) fn charge(&mut self, number: u32, work: u64) {
        let index = self.index(number);
        let tenant = &mut self.known[index as usize];
        tenant.served += u128::from(work) * u128::from(MICRO) * u128::from(MICRO) / u128::from(tenant.weight);
        if self.last == Some(number) {
            self.last_served = tenant.served;
        }
        if self.active.key(index).is_some() {
            self.wait(index);
        }
    }

    /// What everybody who comes from now on will start with at least; it never falls. Whoever lives may wait again, and
    /// then the least of those that wait counts; if nobody waits, the last that did.
    fn floor(&self) -> u128 {
        let live = self.known.iter().filter(|tenant| tenant.num_live > 0).map(|tenant| tenant.served);
        let last = self.active.is_empty().then_some(self.last_served);
        live.chain(last).min().unwrap_or(0)
    }

    /// Forget whoever makes no difference. O(tenants known).
    pub(super) fn forget(&mut self) {
        let (floor, known, free) = (self.floor(), &self.known, &mut self.free);
        self.indices.retain(|_, &mut index| {
            let idle = known[index as usize].is_idle(floor);
            if idle {
                free.push(index);
            }
            !idle
        });
    }

    /// Numbers and places of those that make a difference, in order of the numbers.
    pub(super) fn remembered(&self) -> Vec<(u32, u32)> {
        let floor = self.floor();
        let mut remembered: Vec<(u32, u32)> = self.indices.iter().map(|(&number, &index)| (number, index)).collect();
        remembered.retain(|&(_, index)| !self.known[index as usize].is_idle(floor));
        remembered.sort_unstable();
        remembered
    }

    /// Who waited last and what it was served, then for every tenant that makes a difference its number, what it was
    /// served, its weight, its credits and since when it lives. Of those of whom nobody lives only what matters, so
    /// that it does not depend on when others were forgotten.
    pub(super) fn state(&self) -> Vec<u64> {
        let floor = self.floor();
        let halves = |served: u128| [served as u64, (served >> 64) as u64];
        let mut state = vec![self.last.map_or(0, |last| u64::from(last) + 1)];
        state.extend(halves(self.last_served));
        for (number, index) in self.remembered() {
            let tenant = &self.known[index as usize];
            let (served, since) = if tenant.num_live > 0 { tenant.key() } else { (tenant.served.max(floor), 0) };
            state.push(u64::from(number));
            state.extend(halves(served));
            state.push(tenant.weight);
            state.extend(tenant.share.credit);
            state.push(since);
        }
        state
    }

    pub(super) fn set_state(&mut self, state: &[u64]) -> bool {
        let whole = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        let Some((&[last, low, high], rest)) = state.split_first_chunk() else { return false };
        let Ok(last) = last.checked_sub(1).map(u32::try_from).transpose() else { return false };
        let (tenants, []) = rest.as_chunks::<7>() else { return false };
        for &[number, low, high, weight, first, again, since] in tenants {
            let Ok(number) = u32::try_from(number) else { return false };
            let index = self.index(number);
            let tenant = &mut self.known[index as usize];
            (tenant.served, tenant.weight, tenant.since) = (whole(low, high), weight.max(1), since);
            tenant.share.credit = [first, again];
            if first.max(again) >= MICRO {
                return false;
            }
            if self.active.key(index).is_some() {
                self.wait(index);
            }
        }
        (self.last, self.last_served) = (last, whole(low, high));
        true
    }
}

/// Whether all of so many places are taken for the first time since they were half as many.
pub(in crate::sched) fn is_time_to_forget(num_places: usize) -> bool {
    num_places >= 64 && num_places.is_power_of_two()
}
