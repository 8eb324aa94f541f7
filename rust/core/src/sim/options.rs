//! What a simulated service is made of: how many engines, how each is cut, how much cache it has and by which rules it
//! serves.

use super::router::Router;
use crate::sched;
use crate::{Error, Result};

/// Largest number of replicas, ranks or stages that is taken for a real service.
const MAX_PLACES: u32 = 1 << 16;

/// A service to simulate. The step time of its engines is an argument of its own.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a service, named where they are set")]
pub struct Options {
    /// Engines behind the router.
    pub replicas: u32,
    /// Data-parallel ranks of an engine: each has its own scheduler and cache, all wait for the slowest in every step.
    pub data_parallel: u32,
    /// Pipeline stages of an engine, and batches in flight.
    pub pipeline: u32,
    /// KV blocks of one data-parallel rank.
    pub num_blocks: u32,
    /// Tokens per block.
    pub block_size: u32,
    /// Whether prompts share blocks that the trace gives equal hashes.
    pub prefix_caching: bool,
    /// Limits of a step of one rank. With a pipeline the slots are divided among the batches in flight, rounded up.
    pub limits: sched::Limits,
    /// Rules of the scheduler.
    pub scheduler: sched::Options,
    /// Choice among replicas.
    pub router: Router,
    /// Time of the host per step that `StepTime` does not contain.
    pub host_ns: u64,
    /// Whether the host prepares a step while the device runs the one before: a step then takes the longer of the two.
    pub overlap_host: bool,
    /// Whether stretches of equal decode steps are advanced at once. Off only to check that it changes nothing.
    pub skip: bool,
    /// Whether each scheduler keeps its decision log.
    pub record: bool,
    /// Most threads used; results do not depend on it.
    pub threads: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            replicas: 1,
            data_parallel: 1,
            pipeline: 1,
            num_blocks: 8192,
            block_size: 16,
            prefix_caching: true,
            limits: sched::Limits::new(256, 8192),
            scheduler: sched::Options::default(),
            router: Router::default(),
            host_ns: 0,
            overlap_host: false,
            skip: true,
            record: false,
            threads: 1,
        }
    }
}

impl Options {
    /// Refuse what has no meaning.
    pub fn check(&self) -> Result<()> {
        let places =
            [("replicas", self.replicas), ("data_parallel", self.data_parallel), ("pipeline_parallel", self.pipeline)];
        for (argument, count) in places {
            if !(1..=MAX_PLACES).contains(&count) {
                return Err(Error::value(argument, format!("from 1 to {MAX_PLACES}"), count));
            }
        }
        let sizes = [
            ("num_blocks", self.num_blocks),
            ("block_size", self.block_size),
            ("max_num_seqs", self.limits.slots),
            ("max_num_batched_tokens", self.limits.token_budget),
            ("threads", self.threads),
        ];
        for (argument, size) in sizes {
            if size == 0 {
                return Err(Error::value(argument, "at least 1", size));
            }
        }
        self.scheduler.check()
    }

    /// Why no engine of this service can ever finish a request, if so.
    pub fn refusal(&self, prompt_tokens: u32, output_tokens: u32) -> Option<Refusal> {
        // The last token is sampled but never computed.
        let most = u64::from(prompt_tokens) + u64::from(output_tokens) - 1;
        if most.div_ceil(u64::from(self.block_size)) > u64::from(self.num_blocks) {
            Some(Refusal::KvBlocks)
        } else if !self.limits.chunked_prefill && most > u64::from(self.limits.token_budget) {
            Some(Refusal::TokenBudget)
        } else {
            None
        }
    }
}

/// Why a request was turned away on arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// Prompt and output together need more KV blocks than a rank has.
    KvBlocks = 1,
    /// Without chunked prefill, the prompt (with the output, after a preemption) exceeds the token budget.
    TokenBudget = 2,
}
