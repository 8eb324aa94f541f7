//! Prefix sums of times, bytes and the objectives that add up, so that a block of any length costs two look-ups.

use super::{Options, Problem};

/// An objective that is a sum over stages and transfers.
pub(super) struct Axis {
    /// Sum over the blocks before each one, (kinds, blocks + 1).
    prefix: Vec<u64>,
    /// What a transfer adds, (from, to, blocks).
    hop: Vec<u64>,
}

/// The numbers of a problem in the form that the search reads.
pub(super) struct Tables<'a> {
    problem: &'a Problem<'a>,
    pub(super) blocks: usize,
    kinds: usize,
    time: Vec<u64>,
    memory: Vec<u64>,
    /// Latency, or energy if latency does not count; else zero.
    pub(super) first: Axis,
    /// Energy if latency counts too; else zero.
    pub(super) third: Axis,
}

/// Prefix sums of each row of `values`.
fn prefix_sums(values: &[u64], row: usize) -> Vec<u64> {
    let mut sums = Vec::with_capacity(values.len() + values.len() / row);
    for values in values.chunks(row) {
        let mut sum = 0;
        sums.push(sum);
        for value in values {
            sum += value;
            sums.push(sum);
        }
    }
    sums
}

impl<'a> Tables<'a> {
    pub(super) fn new(problem: &'a Problem<'a>, options: &Options) -> Self {
        let (blocks, kinds) = (problem.blocks(), problem.kinds());
        let [latency, _, energy] = options.objectives;
        let time = prefix_sums(problem.time, blocks);
        let zero = || Axis { prefix: vec![0; time.len()], hop: vec![0; problem.transfer.len()] };
        let of_energy = || {
            let send = problem.send.chunks(blocks);
            let hop = send.flat_map(|row| std::iter::repeat_n(row, kinds).flatten().copied()).collect();
            Axis { prefix: prefix_sums(problem.energy, blocks), hop }
        };
        let first = match (latency, energy) {
            (true, _) => Axis { prefix: time.clone(), hop: problem.transfer.to_vec() },
            (false, true) => of_energy(),
            (false, false) => zero(),
        };
        let third = if latency && energy { of_energy() } else { zero() };
        let memory = prefix_sums(problem.memory, blocks);
        Self { problem, blocks, kinds, time, memory, first, third }
    }

    fn boundary(&self, from: usize, to: usize, start: usize) -> usize {
        (from * self.kinds + to) * self.blocks + start - 1
    }

    /// Nanoseconds of the transfer into a stage that begins at `start`, and for how long a link is busy with it.
    pub(super) fn transfer(&self, from: usize, to: usize, start: usize) -> (u64, u64) {
        let at = self.boundary(from, to, start);
        (self.problem.transfer[at], self.problem.hold[at])
    }

    /// Nanojoules of sending that transfer.
    pub(super) fn send(&self, from: usize, start: usize) -> u64 {
        self.problem.send[from * self.blocks + start - 1]
    }

    /// Nanoseconds of all blocks before `block` on a kind.
    pub(super) fn time_before(&self, kind: usize, block: usize) -> u64 {
        self.time[kind * (self.blocks + 1) + block]
    }

    /// Bytes of the blocks from `start` to before `end`.
    pub(super) fn memory(&self, start: usize, end: usize) -> u64 {
        self.memory[end] - self.memory[start]
    }

    /// What the blocks before `block` add to an objective on a kind.
    pub(super) fn before(&self, axis: &Axis, kind: usize, block: usize) -> u64 {
        axis.prefix[kind * (self.blocks + 1) + block]
    }

    /// What the transfer into a stage that begins at `start` adds to an objective.
    pub(super) fn hop(&self, axis: &Axis, from: usize, to: usize, start: usize) -> u64 {
        axis.hop[self.boundary(from, to, start)]
    }
}
