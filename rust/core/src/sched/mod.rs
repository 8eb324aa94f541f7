//! Which requests run in the next engine step.
//!
//! A [`Scheduler`] keeps waiting requests in an [`order::Order`], mostly an indexed heap over the ranks of a
//! [`policy::Policy`], and running requests in order of admission. [`Scheduler::next_batch`] forms one step the way
//! vLLM's V1 scheduler does: running requests first, then waiting ones while slots, tokens and KV blocks last. Time is
//! an argument, keys are integers and every tie is broken by age, so equal calls give equal answers; [`log`] records
//! them and replays them.
//!
//! A serving engine and the simulator of this crate drive the same interface:
//!
//! ```
//! use paretoserve_core::sched::{Batch, Limits, Options, Request, Scheduler, Unlimited};
//!
//! let mut scheduler = Scheduler::new(Options::default())?;
//! let request = scheduler.submit(Request { prompt_tokens: 100, ..Request::default() })?;
//! let (limits, mut batch) = (Limits::new(256, 64), Batch::default());
//! scheduler.next_batch(0, &limits, &mut Unlimited, &mut batch)?;
//! assert_eq!(batch.scheduled[0].num_tokens, 64);
//! scheduler.advance(request, 64, 0)?;
//! scheduler.next_batch(1, &limits, &mut Unlimited, &mut batch)?;
//! assert_eq!(batch.scheduled[0].num_tokens, 36);
//! scheduler.advance(request, 36, 1)?; // the prompt is read, the first token sampled
//! # Ok::<(), paretoserve_core::Error>(())
//! ```

mod batch;
mod blocks;
mod calls;
mod check;
mod forecast;
mod ids;
mod job;
pub mod log;
mod named;
mod options;
pub mod order;
pub mod policy;
mod program;
pub mod queue;
mod request;
mod scheduler;
mod share;
mod snapshot;
mod stats;
mod tenant_names;

pub use job::{Job, State};
pub use named::{NamedScheduler, Names};
pub(crate) use options::{MICRO, micro};
pub use options::{Options, POLICIES, PolicyKind, Preempt};
pub use program::Program;
pub use request::{Batch, KvCache, Limits, ProgramIndex, Request, RequestIndex, Scheduled, Unlimited};
pub use scheduler::Scheduler;
pub use stats::Stats;
