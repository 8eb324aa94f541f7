//! What happens to a request trace on a serving configuration: a discrete-event simulator.
//!
//! Replicas behind a router batch continuously, with chunked prefill under a token budget, over KV blocks with prefix
//! hits and preemption by recomputation. Every decision about who runs is taken by [`crate::sched`], the time of every
//! step by [`crate::cost::StepTime`]; this module owns time, cache and bookkeeping. Time is integer nanoseconds, a
//! fraction of one is carried from step to step, and equal input gives equal output.

mod active;
mod clock;
mod engine;
pub mod experts;
mod group;
pub mod jobs;
mod kv;
mod lane;
mod options;
mod replica;
mod result;
mod router;
mod terms;
mod trace;
mod worst_case;

pub use engine::simulate;
pub use kv::KvBlocks;
pub use options::{Options, Refusal};
pub use result::{DecisionLog, Rows, Run, Totals};
pub use router::Router;
pub use terms::Terms;
pub use trace::{PrefixHashes, Trace};
pub use worst_case::{Climb, WorstCase, worst_case};
