//! One attempt at a plan: which rank gives next, and who takes.

use super::options::Options;
use crate::moe::Ranks;

/// Tokens of an expert that leave its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) expert: u32,
    pub(super) source: u32,
    pub(super) destination: u32,
    pub(super) tokens: u64,
}

/// Order in which an attempt gives tokens away. All but the first send a surplus that fits one rank to where least room
/// is left over, and one that does not to the emptiest rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The largest expert first, always to the emptiest rank: least-loaded assignment.
    LargestExpert,
    /// The rank with the largest surplus gives next.
    LargestSurplus,
    /// The rank with the smallest surplus gives next: what fits exactly is matched before what has to be spread.
    SmallestSurplus,
    /// As the smallest surplus, but to ranks of the same node while one of them has room.
    NearFirst,
}

/// What an attempt starts from; the same for all of them.
pub(super) struct Start<'a> {
    pub(super) ranks: &'a Ranks,
    pub(super) options: &'a Options,
    pub(super) counts: &'a [u64],
    /// Tokens of each rank when everything stays at home.
    pub(super) loads: &'a [u64],
    pub(super) capacity: &'a [u64],
    /// Experts of rank `r`, largest first, at `first_native[r]..first_native[r + 1]`.
    pub(super) natives: &'a [u32],
    pub(super) first_native: &'a [u32],
    /// Work of each rank in picoseconds when everything stays at home; empty without a cost model.
    pub(super) work: &'a [u64],
    pub(super) min_tokens: u64,
    /// Whether a rank sends each of its experts once, and others pass it on.
    pub(super) relay: bool,
}

/// A rank that has more than its capacity.
#[derive(Debug, Clone, Copy)]
struct Giver {
    rank: u32,
    surplus: u64,
    /// Where its next expert stands in `natives`, and how many of its tokens are still at home.
    next: u32,
    left: u64,
    out: u32,
}

impl Giver {
    /// Whether it is at its capacity or at its limit, or what it has is too little for a piece.
    fn is_done(&self, min_tokens: u64) -> bool {
        self.out == 0 || self.surplus < min_tokens || self.left < min_tokens
    }
}

/// A rank that has room.
#[derive(Debug, Clone, Copy)]
struct Taker {
    rank: u32,
    room: u64,
    slots: u32,
}

/// One attempt, with room to be made again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    pub(super) pieces: Vec<Piece>,
    /// Tokens above capacity that nobody took.
    pub(super) excess: u64,
    /// Work of each rank in picoseconds.
    pub(super) work: Vec<u64>,
    givers: Vec<Giver>,
    takers: Vec<Taker>,
}

impl Attempt {
    pub(super) fn with_room(num_experts: usize, num_ranks: usize) -> Self {
        Self {
            pieces: Vec::with_capacity(num_experts + num_ranks),
            excess: 0,
            work: Vec::with_capacity(num_ranks),
            givers: Vec::with_capacity(num_ranks),
            takers: Vec::with_capacity(num_ranks),
        }
    }

    /// Nothing moves.
    pub(super) fn clear(&mut self, start: &Start<'_>) {
        self.pieces.clear();
        self.work.clear();
        self.work.extend_from_slice(start.work);
        self.givers.clear();
        self.takers.clear();
        self.excess = 0;
        for rank in 0..start.loads.len() {
            let (load, capacity) = (start.loads[rank], start.capacity[rank]);
            if load > capacity {
                let next = start.first_native[rank];
                let left = start.counts[start.natives[next as usize] as usize];
                let giver =
                    Giver { rank: rank as u32, surplus: load - capacity, next, left, out: start.options.max_out };
                if giver.is_done(start.min_tokens) {
                    self.excess += giver.surplus;
                } else {
                    self.givers.push(giver);
                }
            } else if load < capacity {
                let slots = start.options.max_foreign[rank].min(start.options.max_in);
                if slots > 0 && capacity - load >= start.min_tokens {
                    self.takers.push(Taker { rank: rank as u32, room: capacity - load, slots });
                }
            }
        }
    }

    /// Give away what is above capacity.
    pub(super) fn run(&mut self, start: &Start<'_>, order: Order) {
        self.clear(start);
        while let Some(giver) = self.next_giver(start, order) {
            let Giver { rank, surplus, .. } = self.givers[giver];
            let node = start.ranks.node(rank as usize);
            let near = |taker: &Taker| start.ranks.node(taker.rank as usize) == node;
            let mut taker = None;
            if order == Order::NearFirst {
                taker = self.next_taker(surplus, order, near);
            }
            let Some(taker) = taker.or_else(|| self.next_taker(surplus, order, |_| true)) else { break };
            self.give(start, giver, taker);
        }
        self.excess += self.givers.iter().map(|giver| giver.surplus).sum::<u64>();
    }

    fn next_giver(&self, start: &Start<'_>, order: Order) -> Option<usize> {
        let key = |giver: &Giver| match order {
            Order::LargestExpert => start.counts[start.natives[giver.next as usize] as usize],
            Order::LargestSurplus => giver.surplus,
            Order::SmallestSurplus | Order::NearFirst => u64::MAX - giver.surplus,
        };
        let mut best: Option<(u64, usize)> = None;
        for (place, giver) in self.givers.iter().enumerate() {
            let key = key(giver);
            if best.is_none_or(|(most, _)| key > most) {
                best = Some((key, place));
            }
        }
        best.map(|(_, place)| place)
    }

    fn next_taker(&self, surplus: u64, order: Order, allowed: impl Fn(&Taker) -> bool) -> Option<usize> {
        let mut emptiest: Option<(u64, usize)> = None;
        let mut tightest: Option<(u64, usize)> = None;
        for (place, taker) in self.takers.iter().enumerate().filter(|(_, taker)| allowed(taker)) {
            if emptiest.is_none_or(|(room, _)| taker.room > room) {
                emptiest = Some((taker.room, place));
            }
            if taker.room >= surplus && tightest.is_none_or(|(room, _)| taker.room < room) {
                tightest = Some((taker.room, place));
            }
        }
        let chosen = if order == Order::LargestExpert { emptiest } else { tightest.or(emptiest) };
        chosen.map(|(_, place)| place)
    }

    /// One piece, and who is done with it.
    fn give(&mut self, start: &Start<'_>, giver_place: usize, taker_place: usize) {
        let giver = &mut self.givers[giver_place];
        let taker = &mut self.takers[taker_place];
        let expert = start.natives[giver.next as usize];
        let tokens = giver.surplus.min(taker.room).min(giver.left);
        if let Some(cost) = &start.options.cost {
            self.work[giver.rank as usize] -= cost.block(giver.left) - cost.block(giver.left - tokens);
            self.work[taker.rank as usize] += cost.block(tokens);
        }
        self.pieces.push(Piece { expert, source: giver.rank, destination: taker.rank, tokens });
        giver.surplus -= tokens;
        giver.left -= tokens;
        giver.out -= u32::from(!start.relay);
        taker.room -= tokens;
        taker.slots -= 1;
        if taker.slots == 0 || taker.room < start.min_tokens {
            self.takers.remove(taker_place);
        }
        if giver.left < start.min_tokens {
            giver.out -= u32::from(start.relay);
            giver.next += 1;
            let end = start.first_native[giver.rank as usize + 1];
            giver.left = if giver.next < end { start.counts[start.natives[giver.next as usize] as usize] } else { 0 };
        }
        if giver.is_done(start.min_tokens) {
            self.excess += giver.surplus;
            self.givers.remove(giver_place);
        }
    }
}
