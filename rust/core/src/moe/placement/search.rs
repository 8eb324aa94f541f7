//! A placement made better step by step: the rank that takes longest gives load away until all are below a limit.
//!
//! Two kinds of steps: two ranks swap an expert each, or a slot that is empty or holds one of several copies of an
//! expert gets another expert (or, on ranks of different speeds, nothing). Each step is the one that takes most time
//! above the limit away per copy that it fetches; it never makes a rank as slow as the slowest was. Which copies are
//! fetched is counted against the placement from which the search started, so that taking something back costs nothing.

use super::cell::{Cell, EMPTY};

/// One change of the placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Exchange the contents of two slots.
    Swap(usize, usize),
    /// Put an expert, or nothing, into a slot in place of what it holds.
    Replace(usize, u32),
}

impl Step {
    /// The slots that it changes, a single one twice.
    fn slots(self) -> [usize; 2] {
        match self {
            Self::Swap(from, to) => [from, to],
            Self::Replace(slot, _) => [slot, slot],
        }
    }
}

/// How good a step is.
#[derive(Debug, Clone, Copy)]
struct Score {
    /// Time above the limit that it saves.
    gain: u64,
    /// Copies that it fetches.
    fetches: u64,
    /// Time that the rank which takes load has no longer for others; breaks ties.
    spent: u64,
}

impl Score {
    /// Whether this is better per fetch.
    fn beats(self, other: Self) -> bool {
        let (one, two) = (self.gain * price(other.fetches), other.gain * price(self.fetches));
        if one == two { (other.spent, self.gain) > (self.spent, other.gain) } else { one > two }
    }
}

/// What fetches cost; a step without any costs little. A gain has at most 58 bits, and a step fetches at most twice.
fn price(fetches: u64) -> u64 {
    16 * fetches + 1
}

/// The best step so far.
#[derive(Debug, Default)]
struct Best(Option<(Score, Step)>);

impl Best {
    /// Whether a step could be the best with this gain for this many fetches.
    fn admits(&self, gain: u64, fetches: u64) -> bool {
        self.0.is_none_or(|(best, _)| gain * price(best.fetches) >= best.gain * price(fetches))
    }

    fn consider(&mut self, score: Score, step: Step) {
        if self.0.is_none_or(|(best, _)| score.beats(best)) {
            self.0 = Some((score, step));
        }
    }
}

/// An expert on the rank that is to give load away.
#[derive(Debug, Clone, Copy)]
struct Given {
    share: u64,
    slot: usize,
    expert: u32,
    /// Whether it was fetched in an earlier step.
    fetched: bool,
}

/// What a step led to: what both of its slots hold now, copies fetched since the start, and the slowest rank's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) slots: [usize; 2],
    pub(super) experts: [i64; 2],
    pub(super) fetches: i64,
    pub(super) most: u64,
}

/// Searches in one cell at a time; memory is kept.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Whether a rank had an expert at the start: `rank * num_experts + expert`.
    before: Vec<bool>,
    stuck: Vec<bool>,
    /// What the hot rank holds, heaviest first.
    given: Vec<Given>,
    /// Slots of other ranks that can get another expert.
    spare: Vec<usize>,
    limit: u64,
}

impl Search {
    /// Make at most `most_steps`, of which none costs anything, to get below `limit`.
    pub(super) fn run_free(&mut self, cell: &mut Cell, limit: u64, most_steps: usize) {
        self.limit = limit;
        self.before.clear();
        self.before.resize(cell.num_experts() * cell.num_ranks(), true);
        self.stuck.clear();
        self.stuck.resize(cell.num_ranks(), false);
        for _ in 0..most_steps {
            let Some(step) = self.hottest(cell).and_then(|hot| self.best_step(cell, hot)) else { return };
            apply(cell, step);
        }
    }

    /// Make steps until no rank takes longer than `limit`, or none helps. Each is appended to `log` if there is one.
    pub(super) fn run(&mut self, cell: &mut Cell, limit: u64, mut log: Option<&mut Vec<Done>>) {
        self.limit = limit;
        let mut fetches = 0;
        self.remember(cell);
        self.stuck.clear();
        self.stuck.resize(cell.num_ranks(), false);
        let mut changed = false;
        loop {
            let Some(hot) = self.hottest(cell) else {
                // What a stuck rank could not give before, it may now.
                if !changed {
                    return;
                }
                self.stuck.fill(false);
                changed = false;
                continue;
            };
            if let Some(step) = self.best_step(cell, hot) {
                let slots = step.slots();
                fetches -= self.fetched_in(cell, slots);
                apply(cell, step);
                fetches += self.fetched_in(cell, slots);
                changed = true;
                if let Some(log) = &mut log {
                    let most = (0..cell.num_ranks()).map(|rank| cell.rank_time(rank)).max().unwrap_or(0);
                    let experts = slots.map(|slot| cell.held_in_layer(slot));
                    log.push(Done { slots: slots.map(|slot| cell.slot_in_layer(slot)), experts, fetches, most });
                }
            } else {
                self.stuck[hot] = true;
            }
        }
    }

    fn remember(&mut self, cell: &Cell) {
        self.before.clear();
        self.before.resize(cell.num_experts() * cell.num_ranks(), false);
        for (slot, &expert) in cell.slots.iter().enumerate().filter(|&(_, &expert)| expert != EMPTY) {
            self.before[cell.rank_of[slot] as usize * cell.num_experts() + expert as usize] = true;
        }
    }

    /// The slowest rank above the limit that is not stuck.
    fn hottest(&self, cell: &Cell) -> Option<usize> {
        let above = (0..cell.num_ranks()).filter(|&rank| !self.stuck[rank] && cell.rank_time(rank) > self.limit);
        above.max_by_key(|&rank| (cell.rank_time(rank), std::cmp::Reverse(rank)))
    }

    fn above(&self, time: u64) -> u64 {
        time.saturating_sub(self.limit)
    }

    /// Whether `rank` would have to fetch `expert`: not if it had it at the start.
    fn fetches(&self, cell: &Cell, rank: usize, expert: u32) -> bool {
        expert != EMPTY && !self.before[rank * cell.num_experts() + expert as usize]
    }

    /// How many of a step's slots hold what was fetched.
    fn fetched_in(&self, cell: &Cell, slots: [usize; 2]) -> i64 {
        let distinct = if slots[0] == slots[1] { &slots[..1] } else { &slots[..] };
        let fetched = |&&slot: &&usize| self.fetches(cell, cell.rank_of[slot] as usize, cell.slots[slot]);
        distinct.iter().filter(fetched).count() as i64
    }

    fn best_step(&mut self, cell: &Cell, hot: usize) -> Option<Step> {
        self.list_given(cell, hot);
        let mut best = Best::default();
        for rank in (0..cell.num_ranks()).filter(|&rank| rank != hot) {
            self.swaps(cell, hot, rank, &mut best);
        }
        self.copies_elsewhere(cell, hot, &mut best);
        if !cell.is_uniform() {
            self.drops(cell, hot, &mut best);
        }
        if best.0.is_none() {
            self.lighter_copies(cell, hot, &mut best);
        }
        best.0.map(|(_, step)| step)
    }

    fn list_given(&mut self, cell: &Cell, hot: usize) {
        let mut given = std::mem::take(&mut self.given);
        given.clear();
        for slot in cell.start[hot]..cell.start[hot + 1] {
            let expert = cell.slots[slot];
            if expert != EMPTY {
                let fetched = self.fetches(cell, hot, expert);
                given.push(Given { share: cell.share[expert as usize], slot, expert, fetched });
            }
        }
        given.sort_unstable_by_key(|given| (std::cmp::Reverse(given.share), given.slot));
        self.given = given;
    }

    /// Exchanges of an expert of the hot rank with a lighter one, or an empty slot, of another rank.
    fn swaps(&self, cell: &Cell, hot: usize, other: usize, best: &mut Best) {
        let (hot_time, other_time) = (cell.rank_time(hot), cell.rank_time(other));
        // Of equal ranks, one above the limit only gains what the other loses.
        if cell.is_uniform() && other_time >= self.limit {
            return;
        }
        let old = self.above(hot_time) + self.above(other_time);
        for slot in cell.start[other]..cell.start[other + 1] {
            let taken = cell.slots[slot];
            let share = if taken == EMPTY { 0 } else { cell.share[taken as usize] };
            let (fetched, back) = (self.fetches(cell, hot, taken), self.fetches(cell, other, taken));
            for given in &self.given {
                if given.share <= share {
                    break;
                }
                let less = given.share - share;
                let after = cell.time(other, cell.rank_load[other] + less);
                let new = self.above(cell.time(hot, cell.rank_load[hot] - less)) + self.above(after);
                if new >= old || after >= hot_time {
                    continue;
                }
                let fetches = (u64::from(fetched) + u64::from(self.fetches(cell, other, given.expert)))
                    .saturating_sub(u64::from(given.fetched) + u64::from(back));
                if best.admits(old - new, fetches)
                    && !cell.has_twice(other, given.expert)
                    && !cell.has_twice(hot, taken)
                    && cell.fits(other, given.expert, taken)
                    && cell.fits(hot, taken, given.expert)
                {
                    let score = Score { gain: old - new, fetches, spent: after - other_time };
                    best.consider(score, Step::Swap(given.slot, slot));
                }
            }
        }
    }

    /// Copies given up by the hot rank, which may be too slow for any of them.
    fn drops(&self, cell: &Cell, hot: usize, best: &mut Best) {
        let most = cell.rank_time(hot);
        for given in self.given.iter().filter(|given| cell.copies(given.expert as usize) > 1) {
            let expert = given.expert as usize;
            let more = cell.load[expert] / (cell.copies(expert) as u64 - 1) - given.share;
            let (mut old, mut new, mut slowest) = (0, 0, 0);
            for &holder in &cell.holders[expert] {
                let (rank, load) = (holder as usize, cell.rank_load[holder as usize]);
                let after = cell.time(rank, if rank == hot { load - given.share } else { load + more });
                old += self.above(cell.time(rank, load));
                new += self.above(after);
                slowest = slowest.max(after);
            }
            if slowest < most && new < old {
                best.consider(Score { gain: old - new, fetches: 0, spent: more }, Step::Replace(given.slot, EMPTY));
            }
        }
    }

    /// Further copies of experts of the hot rank on other ranks.
    fn copies_elsewhere(&mut self, cell: &Cell, hot: usize, best: &mut Best) {
        let spare = |&slot: &usize| cell.rank_of[slot] as usize != hot && is_spare(cell, slot);
        self.spare.clear();
        self.spare.extend((0..cell.slots.len()).filter(spare));
        for given in &self.given {
            let expert = given.expert as usize;
            let share = cell.load[expert] / (cell.copies(expert) as u64 + 1);
            let relief = self.relief(cell, expert);
            for &slot in &self.spare {
                let (rank, held) = (cell.rank_of[slot] as usize, cell.slots[slot]);
                let gone = if held == EMPTY { 0 } else { cell.share[held as usize] };
                let after = self.above(cell.time(rank, cell.rank_load[rank] + share - gone));
                // More than this it cannot be: others than the hot rank only lose by it.
                let gain = (relief + self.above(cell.rank_time(rank))).saturating_sub(after);
                if gain > 0 && best.admits(gain, 1) {
                    self.replace(cell, hot, slot, expert, best);
                }
            }
        }
    }

    /// Lighter experts in the hot rank's slots, in place of experts that others have too.
    fn lighter_copies(&self, cell: &Cell, hot: usize, best: &mut Best) {
        let most = self.above(cell.rank_time(hot));
        for given in self.given.iter().filter(|given| is_spare(cell, given.slot)) {
            for expert in 0..cell.num_experts() {
                let share = cell.load[expert] / (cell.copies(expert) as u64 + 1);
                if share < given.share && best.admits(most + self.relief(cell, expert), 1) {
                    self.replace(cell, hot, given.slot, expert, best);
                }
            }
        }
    }

    /// Time above the limit that one more copy of an expert takes from the ranks that hold it.
    fn relief(&self, cell: &Cell, expert: usize) -> u64 {
        let less = cell.share[expert] - cell.load[expert] / (cell.copies(expert) as u64 + 1);
        let saved = |&rank: &u32| {
            let (rank, load) = (rank as usize, cell.rank_load[rank as usize]);
            self.above(cell.time(rank, load)) - self.above(cell.time(rank, load - less))
        };
        cell.holders[expert].iter().map(saved).sum()
    }

    /// Consider putting an expert into a spare slot in place of what it holds.
    ///
    /// The other copies of what it holds get larger shares, as those of the new expert get smaller ones.
    fn replace(&self, cell: &Cell, hot: usize, slot: usize, expert: usize, best: &mut Best) {
        let (rank, held) = (cell.rank_of[slot] as usize, cell.slots[slot]);
        let empty = held == EMPTY && !cell.has_room(rank);
        if empty || cell.holds(rank, expert) || !cell.fits(rank, expert as u32, held) {
            return;
        }
        let share = cell.load[expert] / (cell.copies(expert) as u64 + 1);
        let less = cell.share[expert] - share;
        let (gone, more, others) = if held == EMPTY {
            (0, 0, &[][..])
        } else {
            let held = held as usize;
            let more = cell.load[held] / (cell.copies(held) as u64 - 1) - cell.share[held];
            (cell.share[held], more, &cell.holders[held][..])
        };
        let most = cell.rank_time(hot);
        let (mut old, mut new) = (0, 0);
        let mut change = |rank: usize, load: u64| {
            let after = cell.time(rank, load);
            old += self.above(cell.rank_time(rank));
            new += self.above(after);
            load <= cell.rank_load[rank] || after < most
        };
        let mut allowed = change(rank, cell.rank_load[rank] + share - gone);
        for &holder in &cell.holders[expert] {
            let also = if others.contains(&holder) { more } else { 0 };
            allowed &= change(holder as usize, cell.rank_load[holder as usize] + also - less);
        }
        for &holder in others.iter().filter(|&&holder| holder as usize != rank) {
            if !cell.holds(holder as usize, expert) {
                allowed &= change(holder as usize, cell.rank_load[holder as usize] + more);
            }
        }
        if !allowed || new >= old {
            return;
        }
        let fetched = u64::from(self.fetches(cell, rank, expert as u32));
        let fetches = fetched.saturating_sub(u64::from(self.fetches(cell, rank, held)));
        let score = Score { gain: old - new, fetches, spent: share.saturating_sub(gone) + more };
        best.consider(score, Step::Replace(slot, expert as u32));
    }
}

/// Whether a slot can get another expert: it is empty, or its expert has other copies.
fn is_spare(cell: &Cell, slot: usize) -> bool {
    cell.slots[slot] == EMPTY || cell.copies(cell.slots[slot] as usize) > 1
}

fn apply(cell: &mut Cell, step: Step) {
    match step {
        Step::Swap(from, to) => cell.swap(from, to),
        Step::Replace(slot, expert) => {
            if cell.slots[slot] != EMPTY {
                cell.empty(slot);
            }
            if expert != EMPTY {
                cell.fill(slot, expert as usize);
            }
        }
    }
}
