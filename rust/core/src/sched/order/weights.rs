//! Weighted flow time (Bansal and Dhamdhere 2007, as Gupta and others 2026 state it): weights are rounded down to
//! powers of two, the class whose live requests weigh most together goes first, the heavier one of equals, and inside
//! it the shortest remaining work. O(log W)-competitive on one machine for weights up to W times each other.

use super::{Job, Order, Policy, RequestIndex};
use crate::sched::options::MICRO;
use crate::sched::policy::{Key, Price, Wsrpt};
use crate::sched::queue::Queue;

/// A heap for each class of weights.
#[derive(Debug)]
pub struct Weights {
    policy: Wsrpt,
    classes: Vec<Class>,
}

#[derive(Debug, Default)]
struct Class {
    waiting: Queue<Key>,
    /// Requests that wait or run.
    num_live: u64,
}

impl Weights {
    /// Nobody waits.
    pub fn new(policy: Wsrpt) -> Self {
        Self { policy, classes: (0..Wsrpt::NUM_CLASSES).map(|_| Class::default()).collect() }
    }

    /// The weight of all that live in a class, with the class for ties.
    fn total(&self, class: usize) -> (u128, usize) {
        (u128::from(self.classes[class].num_live) << class, class)
    }
}

impl Order for Weights {
    fn policy(&self) -> &dyn Policy {
        &self.policy
    }

    fn enter(&mut self, request: RequestIndex, job: &Job) {
        let key = (self.policy.size.rank(job), job.sequence);
        self.classes[Wsrpt::class(job)].waiting.set(request, key);
    }

    fn leave(&mut self, request: RequestIndex, job: &Job) {
        self.classes[Wsrpt::class(job)].waiting.remove(request);
    }

    /// O(1): there are 30 classes.
    fn first(&mut self, _now_ns: u64) -> Option<RequestIndex> {
        let waiting = (0..self.classes.len()).filter(|&class| !self.classes[class].waiting.is_empty());
        let heaviest = waiting.max_by_key(|&class| self.total(class))?;
        self.classes[heaviest].waiting.peek()
    }

    fn len(&self) -> usize {
        self.classes.iter().map(|class| class.waiting.len()).sum()
    }

    fn arrive(&mut self, job: &Job) {
        self.classes[Wsrpt::class(job)].num_live += 1;
    }

    fn depart(&mut self, job: &Job) {
        self.classes[Wsrpt::class(job)].num_live -= 1;
    }

    /// Inside a class by remaining work. A heavier class goes before a lighter one at once, unless what is computed
    /// again delays all that live by more than the victim's remaining work would delay the heavier class.
    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        let (new, old) = (Wsrpt::class(newcomer), Wsrpt::class(victim));
        if new == old {
            return self.policy.size.displaces(newcomer, victim, price);
        }
        let recompute = self.policy.recompute(victim).unwrap_or(0);
        let all: u128 = (0..self.classes.len()).map(|class| self.total(class).0).sum();
        let saved = self.total(new).0.saturating_mul(u128::from(self.policy.size.rank(victim)));
        let cost = all.saturating_mul(u128::from(recompute)).saturating_mul(u128::from(price.gain));
        self.total(new) > self.total(old) && (recompute == 0 || saved.saturating_mul(u128::from(MICRO)) > cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;

    #[test]
    fn many_light_requests_outweigh_a_heavy_one() {
        let mut order = Weights::new(Wsrpt::new(0));
        let submit = |order: &mut Weights, request: RequestIndex, weight: u64, estimate: u32| {
            let request_of = Request { prompt_tokens: 1, weight, ..Request::default() };
            let job = Job { request: request_of, sequence: u64::from(request), estimate, ..Job::default() };
            order.arrive(&job);
            order.enter(request, &job);
            job
        };
        submit(&mut order, 0, 1 << 20, 9);
        submit(&mut order, 1, 4 << 20, 50);
        submit(&mut order, 2, 4 << 20, 40);
        assert_eq!(order.first(0), Some(2), "8 outweighs 1");
        let light: Vec<Job> = (3..9).map(|request| submit(&mut order, request, 1 << 20, 12 - request)).collect();
        assert_eq!(order.first(0), Some(2), "7 does not outweigh 8");
        submit(&mut order, 9, 1 << 20, 7);
        assert_eq!(order.first(0), Some(2), "8 and 8: the heavier");
        submit(&mut order, 10, 1 << 20, 7);
        assert_eq!(order.first(0), Some(8), "the shortest of the light ones");
        order.leave(8, &light[5]);
        order.depart(&light[5]);
        assert_eq!(order.first(0), Some(2));
        assert_eq!(order.len(), 10);
    }
}
