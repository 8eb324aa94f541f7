//! Which requests run in the next engine step.
//!
//! A [`Scheduler`] keeps waiting requests in an indexed heap ordered by a [`policy::Policy`] and running requests in order of
//! admission. [`Scheduler::next_batch`] forms one step the way vLLM's V1 scheduler does: running requests first, then waiting
//! ones while slots, tokens and KV blocks last. Time is an argument, keys are integers and every tie is broken by age, so equal
//! calls give equal answers; [`log`] records them and replays them.
//!
//! A serving engine and the simulator of this crate drive the same interface.

mod batch;
pub mod blocks;
pub mod job;
pub mod log;
mod named;
pub mod options;
pub mod policy;
pub mod queue;
pub mod request;
mod scheduler;
pub mod share;

pub use named::NamedScheduler;
pub use options::{Options, PolicyKind, Preempt};
pub use request::{Batch, KvCache, Limits, Request, RequestIndex, Scheduled, Unlimited};
pub use scheduler::{Scheduler, Stats};
