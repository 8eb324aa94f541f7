//! Lanes that step together, and the stretch of equal steps that they are in.

use super::kv::KvBlocks;
use super::lane::{Lane, PoolView};
use super::options::Options;
use super::terms::Terms;
use crate::Result;
use crate::cost::StepShape;

/// One or more equal steps that are being computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) start_ns: u64,
    pub(super) num_steps: u64,
    pub(super) end_ns: u64,
    /// Part of a nanosecond by which the end is later than `end_ns`.
    pub(super) fraction: f64,
}

/// What happens next to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// Its flight ends.
    Land,
    /// Its next flight begins.
    Launch,
}

/// One lane per data-parallel rank.
pub(super) struct Group {
    pub(super) lanes: Vec<Lane>,
    /// Of the step in flight, or the first one in flight.
    pub(super) shapes: Vec<StepShape>,
    pub(super) flight: Option<Flight>,
    /// How often the batches of the lanes run; 0 if there are none.
    pub(super) planned: u64,
    /// How often they have run.
    pub(super) done: u64,
    /// When the next flight may begin.
    pub(super) ready_ns: u64,
    /// Carried from step to step, so that a stretch ends when its single steps would.
    pub(super) fraction: f64,
    /// How often in a row nothing could run although nothing was in flight.
    pub(super) vain_launches: u32,
    index: u32,
    num_groups: u32,
}

impl Group {
    pub(super) fn new(options: &Options, terms: &Terms<'_>, index: u32) -> Result<Self> {
        Ok(Self {
            lanes: (0..options.data_parallel).map(|_| Lane::new(options, terms)).collect::<Result<_>>()?,
            shapes: vec![StepShape::default(); options.data_parallel as usize],
            flight: None,
            planned: 0,
            done: 0,
            ready_ns: 0,
            fraction: 0.0,
            vain_launches: 0,
            index,
            num_groups: options.pipeline,
        })
    }

    pub(super) fn has_work(&self) -> bool {
        self.lanes.iter().any(Lane::has_work)
    }

    /// What this group sees of a pool.
    pub(super) fn view<'p, 'a>(&self, pool: &'p mut KvBlocks<'a>) -> PoolView<'p, 'a> {
        PoolView { pool, lane: self.index, num_lanes: self.num_groups }
    }

    /// Take the blocks of the first `num_steps` steps of the stretch.
    pub(super) fn reserve_ahead(&self, num_steps: u64, pools: &mut [KvBlocks<'_>]) {
        for (lane, pool) in self.lanes.iter().zip(pools) {
            lane.reserve_ahead(num_steps, &mut self.view(pool));
        }
    }

    /// Steps of the stretch that have begun, if each flight is one step.
    pub(super) fn begun(&self) -> u64 {
        self.done + u64::from(self.flight.is_some())
    }
}
