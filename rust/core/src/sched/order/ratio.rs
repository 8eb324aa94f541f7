//! Highest response ratio next, exactly: the largest (wait + size) / size goes first, which ages every request at a
//! rate of its own.
//!
//! A ratio is a line in time, steeper for smaller sizes. A kinetic tournament holds them: every inner node knows which
//! of its leaves is ahead and until when that is certain; moving on in time looks only at nodes whose time is up. Every
//! comparison is one of products of integers. A change is O(log n), and so are, amortized over the changes, the nodes
//! that time overtakes between them, up to another logarithm.

use super::{Job, Order, Policy, RequestIndex};
use crate::sched::policy::Hrrn;

const ABSENT: u32 = u32::MAX;

/// A kinetic tournament of response ratios.
#[derive(Debug)]
pub struct Ratio {
    policy: Hrrn,
    now_ns: u64,
    /// By leaf; leaves without a request are in `free`.
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Leaf of each request.
    places: Vec<u32>,
    /// A binary tree: the root is 1, the children of `n` are `2n` and `2n + 1`, the second half are the leaves.
    nodes: Vec<Node>,
    num_waiting: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    request: RequestIndex,
    since: i128,
    size: i128,
    sequence: u64,
}

impl Entry {
    fn is_ahead(&self, other: &Self, now: i128) -> bool {
        let (mine, others) = ((now - self.since) * other.size, (now - other.since) * self.size);
        mine > others || (mine == others && self.sequence < other.sequence)
    }

    /// When `other`, which is behind now, comes ahead: only a smaller size ever does.
    fn until(&self, other: &Self) -> u64 {
        let faster = self.size - other.size;
        if faster <= 0 {
            return u64::MAX;
        }
        let ahead = other.since * self.size - self.since * other.size;
        let wins_ties = other.sequence < self.sequence;
        let first = if wins_ties { (ahead + faster - 1).div_euclid(faster) } else { ahead.div_euclid(faster) + 1 };
        u64::try_from(first).unwrap_or(if first < 0 { 0 } else { u64::MAX })
    }
}

/// Who is ahead in a subtree (a leaf, or `ABSENT`), and the first time at which that is not certain.
#[derive(Debug, Clone, Copy)]
struct Node {
    winner: u32,
    until: u64,
}

const NOBODY: Node = Node { winner: ABSENT, until: u64::MAX };

impl Ratio {
    /// Nobody waits.
    pub fn new(policy: Hrrn) -> Self {
        let (entries, free, places) = (Vec::new(), Vec::new(), Vec::new());
        Self { policy, now_ns: 0, entries, free, places, nodes: vec![NOBODY; 2], num_waiting: 0 }
    }

    fn place(&self, request: RequestIndex) -> Option<u32> {
        self.places.get(request as usize).copied().filter(|&place| place != ABSENT)
    }

    fn num_leaves(&self) -> usize {
        self.nodes.len() / 2
    }

    /// Play the matches from a leaf to the root again.
    fn replay(&mut self, leaf: u32, winner: u32) {
        let mut node = self.num_leaves() + leaf as usize;
        self.nodes[node] = Node { winner, until: u64::MAX };
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.play(node);
        }
    }

    /// The match between the winners of two subtrees, now.
    fn play(&self, node: usize) -> Node {
        let (left, right) = (self.nodes[2 * node], self.nodes[2 * node + 1]);
        if left.winner == ABSENT || right.winner == ABSENT {
            return if left.winner == ABSENT { right } else { left };
        }
        let (one, two) = (&self.entries[left.winner as usize], &self.entries[right.winner as usize]);
        let first = one.is_ahead(two, i128::from(self.now_ns));
        let overtaken = if first { one.until(two) } else { two.until(one) };
        let winner = if first { left.winner } else { right.winner };
        Node { winner, until: overtaken.min(left.until).min(right.until) }
    }

    /// Play every match below `node` whose time is up.
    fn refresh(&mut self, node: usize) {
        if self.nodes[node].until <= self.now_ns && node < self.num_leaves() {
            self.refresh(2 * node);
            self.refresh(2 * node + 1);
            self.nodes[node] = self.play(node);
        }
    }

    /// Twice the leaves.
    fn grow(&mut self) {
        let leaves = self.num_leaves();
        let mut nodes = vec![NOBODY; 4 * leaves];
        nodes[2 * leaves..3 * leaves].copy_from_slice(&self.nodes[leaves..]);
        self.nodes = nodes;
        for node in (1..2 * leaves).rev() {
            self.nodes[node] = self.play(node);
        }
    }
}

impl Order for Ratio {
    fn policy(&self) -> &dyn Policy {
        &self.policy
    }

    fn enter(&mut self, request: RequestIndex, job: &Job) {
        let (since, size) = (i128::from(job.request.arrival_ns), i128::from(self.policy.size.work(job)));
        let entry = Entry { request, since, size, sequence: job.sequence };
        let leaf = self.place(request).or_else(|| self.free.pop()).unwrap_or(self.entries.len() as u32);
        self.num_waiting += usize::from(self.place(request).is_none());
        match self.entries.get_mut(leaf as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        if self.entries.len() > self.num_leaves() {
            self.grow();
        }
        if self.places.len() <= request as usize {
            self.places.resize(request as usize + 1, ABSENT);
        }
        self.places[request as usize] = leaf;
        self.replay(leaf, leaf);
    }

    fn leave(&mut self, request: RequestIndex, _job: &Job) {
        if let Some(leaf) = self.place(request) {
            self.places[request as usize] = ABSENT;
            self.free.push(leaf);
            self.num_waiting -= 1;
            self.replay(leaf, ABSENT);
        }
    }

    fn first(&mut self, now_ns: u64) -> Option<RequestIndex> {
        self.now_ns = self.now_ns.max(now_ns);
        self.refresh(1);
        self.entries.get(self.nodes[1].winner as usize).map(|entry| entry.request)
    }

    fn len(&self) -> usize {
        self.num_waiting
    }

    fn drifts(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Request;
    use proptest::prelude::*;

    fn job(arrival_ns: u64, estimate: u32, sequence: u64) -> Job {
        let request = Request { arrival_ns, prompt_tokens: 1, ..Request::default() };
        Job { request, sequence, estimate, ..Job::default() }
    }

    #[test]
    fn ages_of_small_requests_count_more() {
        let mut order = Ratio::new(Hrrn::new(0));
        order.enter(0, &job(0, 10, 0));
        order.enter(1, &job(90, 1, 1));
        assert_eq!([90, 99, 100, 101].map(|now| order.first(now)), [Some(0), Some(0), Some(0), Some(1)]);
    }

    proptest! {
        #[test]
        fn the_first_is_that_of_a_search(calls in proptest::collection::vec((0..3_u8, 0..12_u32, 1..20_u32, 0..9_u64), 1..120)) {
            let mut order = Ratio::new(Hrrn::new(0));
            let mut waiting: Vec<Option<Job>> = vec![None; 12];
            let mut now = 0;
            for (sequence, (call, request, size, pause)) in (0_u64..).zip(calls) {
                let place = &mut waiting[request as usize];
                match (call, *place) {
                    (0, Some(known)) => {
                        order.leave(request, &known);
                        *place = None;
                    }
                    (_, known) => {
                        // The same request with another size keeps its age.
                        let known = known.unwrap_or(job(now, size, sequence));
                        *place = Some(Job { estimate: size, ..known });
                        order.enter(request, &place.unwrap());
                    }
                }
                now += pause * pause * pause;
                let ahead = |one: &Job, two: &Job| {
                    let waited = |job: &Job| u128::from(now - job.request.arrival_ns);
                    let (mine, others) = (waited(one) * u128::from(two.estimate), waited(two) * u128::from(one.estimate));
                    others.cmp(&mine).then(one.sequence.cmp(&two.sequence))
                };
                let best = (0..12_u32).filter_map(|request| waiting[request as usize].map(|job| (request, job)));
                let best = best.min_by(|(_, one), (_, two)| ahead(one, two)).map(|(request, _)| request);
                prop_assert_eq!(order.first(now), best);
                prop_assert_eq!(order.len(), waiting.iter().flatten().count());
            }
        }
    }
}
