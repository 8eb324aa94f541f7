//! Partition: where to cut a model over a chain of devices, as the exact front of latency, throughput and energy.
//!
//! A split is a sequence of stages: contiguous blocks of the model, each on one device or on several equal ones. Its
//! latency is the sum of stages and transfers, its period (1 / throughput) the largest of them, its energy a sum. All
//! three only grow when a stage is added, so it is enough to keep the splits of each suffix that no other beats: label
//! setting. Generalizes `ParetoPipe` (arXiv 2601.08025), which tries all single cuts between two devices.

mod chain;
mod front;
mod labels;
mod missing;
mod tables;

pub use front::{Outcome, Split, Stage, split_front};
pub use missing::Shortfall;

use crate::{Error, Result};

/// Sums of times and energies stay below this, so that no addition overflows.
const MOST: u128 = 1 << 62;

/// What is to be split, and over what. Blocks come in their order; devices of one kind are equal to each other.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Nanoseconds of each block on each kind, (kinds, blocks).
    pub time: &'a [u64],
    /// Nanojoules of each block on each kind, (kinds, blocks).
    pub energy: &'a [u64],
    /// Bytes that a device needs for each block.
    pub memory: &'a [u64],
    /// Nanoseconds that the output of a block takes from a device of one kind to one of another, (from, to, blocks).
    pub transfer: &'a [u64],
    /// As `transfer`: for how long the slowest link on that way is busy.
    pub hold: &'a [u64],
    /// Nanojoules that a kind spends on sending the output of a block, (kinds, blocks).
    pub send: &'a [u64],
    /// Devices of each kind.
    pub count: &'a [usize],
    /// Bytes that each device of a kind has.
    pub capacity: &'a [u64],
}

/// How devices may be used, and what counts.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most devices of one kind that share the requests of a stage.
    pub max_replicas: usize,
    /// Whether devices may stand in any order; otherwise kinds keep theirs.
    pub free_order: bool,
    /// Whether every device must get a block.
    pub use_all: bool,
    /// Whether a device computes while it sends.
    pub overlap: bool,
    /// Whether latency, throughput and energy count.
    pub objectives: [bool; 3],
    /// Splits that are this share worse than another may be left out.
    pub epsilon: f64,
    /// Most partial splits to keep.
    pub max_labels: usize,
}

impl Problem<'_> {
    fn kinds(&self) -> usize {
        self.count.len()
    }

    fn blocks(&self) -> usize {
        self.memory.len()
    }

    /// Refuse what does not fit together or would overflow.
    fn check(&self, options: &Options) -> Result<()> {
        let (kinds, blocks) = (self.kinds(), self.blocks());
        let plane = kinds * blocks;
        let fits = [self.time.len(), self.energy.len(), self.send.len()] == [plane; 3]
            && [self.transfer.len(), self.hold.len()] == [plane * kinds; 2]
            && self.capacity.len() == kinds;
        if plane == 0 || !fits || blocks > 1 << 24 {
            let got = format!("{blocks} blocks and {} times", self.time.len());
            return Err(Error::shape("time", format_args!("(kinds, blocks) for {kinds} kinds"), got));
        }
        if self.count.contains(&0) || options.max_replicas == 0 {
            return Err(Error::value("count", "positive for every kind", format_args!("{:?}", self.count)));
        }
        if !options.epsilon.is_finite() || options.epsilon < 0.0 || !options.objectives.contains(&true) {
            return Err(Error::value("epsilon", "finite and not negative, with an objective", options.epsilon));
        }
        let total = |values: &[u64]| values.iter().map(|&value| u128::from(value)).sum::<u128>();
        for (name, values) in
            [("seconds", [self.time, self.transfer, self.hold]), ("joules", [self.energy, self.send, &[]])]
        {
            let sum = values.into_iter().map(total).sum::<u128>();
            if sum * kinds as u128 >= MOST {
                return Err(Error::value(name, "below 2^62 nano-units in sum over blocks and devices", sum));
            }
        }
        if total(self.memory) >= MOST {
            return Err(Error::value("memory_bytes", "below 2^62 in sum", total(self.memory)));
        }
        let stages: usize = self.count.iter().map(|count| count.div_ceil(options.max_replicas)).sum();
        if options.use_all && stages > blocks {
            let got = format!("{stages} for {blocks} blocks");
            return Err(Error::value("devices", "at most as many stages as there are blocks", got));
        }
        Ok(())
    }
}
