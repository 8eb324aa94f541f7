//! Label setting: for each first stage and first block of a suffix, the splits of it that no other one beats.
//!
//! The suffixes that begin with one state are built from the last block to the first. Written as "objective of the
//! suffix plus that of all blocks before it on the same kind", what a stage adds to a sum no longer depends on where
//! the stage begins, so one pool of candidates serves all beginnings: each step adds those whose stage ends behind the
//! current block and drops those that are too large for the memory or beaten for good. Only the stage's own time must
//! be brought up to date, and it only grows.

use super::chain::State;
use super::tables::Tables;
use super::{Options, Problem};
use crate::{Error, Result};

/// `next` of a label that is the last stage.
pub(super) const NONE: u32 = u32::MAX;

/// A suffix that none beats, by its first stage and the label of the rest.
#[derive(Clone, Copy)]
pub(super) struct Label {
    pub(super) first: u64,
    pub(super) bottleneck: u64,
    pub(super) third: u64,
    pub(super) next: u32,
    pub(super) start: u32,
    pub(super) state: u32,
}

/// A suffix whose first stage has an end but no beginning yet.
#[derive(Clone, Copy)]
struct Candidate {
    first: u64,
    bottleneck: u64,
    third: u64,
    /// Time of all blocks before the stage's end, and of sending if that takes the device.
    due: u64,
    end: u32,
    next: u32,
}

impl Candidate {
    fn order(&self) -> (u64, u64, u64, u32, u32) {
        (self.first, self.bottleneck, self.third, self.end, self.next)
    }

    /// Whether this one, of no larger `first`, beats or equals `other` now and wherever both stages may begin.
    fn always_beats(&self, other: &Self) -> bool {
        self.bottleneck <= other.bottleneck
            && self.third <= other.third
            && self.end <= other.end
            && self.due <= other.due
    }
}

/// Of the candidates so far those that no other beats in bottleneck and third: one up, the other down.
#[derive(Default)]
struct Stairs(Vec<Candidate>);

impl Stairs {
    /// The candidate of least third among those of at most this bottleneck.
    fn best(&self, bottleneck: u64) -> Option<&Candidate> {
        let position = self.0.partition_point(|step| step.bottleneck <= bottleneck);
        self.0[..position].last()
    }

    fn insert(&mut self, candidate: &Candidate) {
        let from = self.0.partition_point(|step| step.bottleneck < candidate.bottleneck);
        let beaten = self.0[from..].iter().take_while(|step| step.third >= candidate.third).count();
        self.0.splice(from..from + beaten, [*candidate]);
    }
}

/// The search, and what it has found.
pub(super) struct Search<'a> {
    problem: &'a Problem<'a>,
    options: &'a Options,
    tables: &'a Tables<'a>,
    states: &'a [State],
    pub(super) labels: Vec<Label>,
    /// Where the labels of each state and first block are, (states, blocks).
    cells: Vec<(usize, usize)>,
    /// In units of 2^-32: by which share of itself a suffix may be worse than another in one step.
    slack: u64,
    pool: Vec<Candidate>,
    stairs: Stairs,
    newest: Stairs,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        problem: &'a Problem<'a>,
        options: &'a Options,
        tables: &'a Tables<'a>,
        states: &'a [State],
    ) -> Self {
        let most_stages = problem.count.iter().sum::<usize>().min(tables.blocks);
        // As many steps as there are stages, each at most this much worse, make at most the whole.
        let step = (options.epsilon.ln_1p() / most_stages as f64).exp_m1() * (1_u64 << 32) as f64;
        Self {
            problem,
            options,
            tables,
            states,
            labels: Vec::new(),
            cells: vec![(0, 0); states.len() * tables.blocks],
            slack: (step as u64).saturating_sub(1).min(1 << 62),
            pool: Vec::new(),
            stairs: Stairs::default(),
            newest: Stairs::default(),
        }
    }

    /// The labels of a state from its first block `start` on.
    pub(super) fn cell(&self, state: usize, start: usize) -> std::ops::Range<usize> {
        let (from, to) = self.cells[state * self.tables.blocks + start];
        from..to
    }

    /// Fill the cells of all states.
    pub(super) fn run(&mut self) -> Result<()> {
        for (index, state) in self.states.iter().enumerate() {
            self.pool.clear();
            let mut refresh_at = 4096;
            for start in (usize::from(!state.is_front)..self.tables.blocks).rev() {
                self.gather(state, start + 1);
                let wanted = start == 0 || state.is_preceded;
                if wanted || self.pool.len() > refresh_at {
                    let from = self.labels.len();
                    self.refresh(state, index, start, wanted);
                    self.cells[index * self.tables.blocks + start] = (from, self.labels.len());
                    refresh_at = 2 * self.pool.len() + 4096;
                }
                if self.labels.len() > self.options.max_labels {
                    let got = format!(
                        "{} with more than {} partial splits that none beats\nhint: give epsilon=0.01, or a larger one",
                        self.options.epsilon, self.options.max_labels
                    );
                    return Err(Error::value("epsilon", "larger for a problem of this size", got));
                }
            }
        }
        Ok(())
    }

    /// Put the suffixes into the pool whose first stage ends before block `end`.
    fn gather(&mut self, state: &State, end: usize) {
        let tables = self.tables;
        let due = tables.time_before(state.kind, end);
        let first = tables.before(&tables.first, state.kind, end);
        let third = tables.before(&tables.third, state.kind, end);
        if end == tables.blocks {
            if state.is_end {
                self.pool.push(Candidate { first, bottleneck: 0, third, due, end: end as u32, next: NONE });
            }
            return;
        }
        for &follower in &state.followers {
            let to = &self.states[follower];
            let (transfer, hold) = tables.transfer(state.kind, to.kind, end);
            let hold = hold.div_ceil(state.replicas.min(to.replicas));
            let due = if self.options.overlap { due } else { due + transfer };
            let first = first + tables.hop(&tables.first, state.kind, to.kind, end);
            let third = third + tables.hop(&tables.third, state.kind, to.kind, end);
            let (no_first, no_third) =
                (tables.before(&tables.first, to.kind, end), tables.before(&tables.third, to.kind, end));
            for next in self.cell(follower, end) {
                let label = self.labels[next];
                self.pool.push(Candidate {
                    first: label.first - no_first + first,
                    bottleneck: if self.options.objectives[1] { label.bottleneck.max(hold) } else { 0 },
                    third: label.third - no_third + third,
                    due,
                    end: end as u32,
                    next: next as u32,
                });
            }
        }
    }

    /// Bring the pool up to date for stages that begin at `start`; keep as labels what no other beats, if `wanted`.
    fn refresh(&mut self, state: &State, index: usize, start: usize, wanted: bool) {
        let (tables, slack) = (self.tables, self.slack);
        let began = tables.time_before(state.kind, start);
        let third_before = tables.before(&tables.third, state.kind, start);
        let capacity = self.problem.capacity[state.kind];
        let timed = self.options.objectives[1];
        self.pool.retain_mut(|candidate| {
            if timed {
                candidate.bottleneck = candidate.bottleneck.max((candidate.due - began).div_ceil(state.replicas));
            }
            tables.memory(start, candidate.end as usize) <= capacity
        });
        // Runs that are in order already, as most are, are only merged.
        self.pool.sort_by_key(Candidate::order);
        self.stairs.0.clear();
        self.newest.0.clear();
        let (stairs, newest, labels) = (&mut self.stairs, &mut self.newest, &mut self.labels);
        let more = |value: u64, part: u64| value + ((u128::from(part) * u128::from(slack)) >> 32) as u64;
        self.pool.retain(|candidate| {
            if newest.best(candidate.bottleneck).is_some_and(|best| best.always_beats(candidate)) {
                return false;
            }
            if candidate.end as usize == start + 1 {
                newest.insert(candidate);
            }
            let &Candidate { first, bottleneck, third, next, .. } = candidate;
            if let Some(best) = stairs.best(bottleneck)
                && best.always_beats(candidate)
            {
                return false;
            }
            let near = stairs.best(more(bottleneck, bottleneck));
            if near.is_some_and(|best| best.third <= more(third, third - third_before)) {
                return true;
            }
            stairs.insert(candidate);
            if wanted {
                labels.push(Label { first, bottleneck, third, next, start: start as u32, state: index as u32 });
            }
            true
        });
    }
}
