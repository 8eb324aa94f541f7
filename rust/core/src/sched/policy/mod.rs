//! What makes one request better than another: one file per policy.
//!
//! A policy maps a request to an integer rank; smaller runs earlier. Ranks are static while a request waits (they are
//! computed when it enters the queue or is updated), so no clock and no re-sorting is needed; equal ranks run in order
//! of submission. Policies that need more than a rank keep the waiting requests in an order of their own (`order`).

mod balance;
mod edf;
mod external;
mod fcfs;
mod gittins;
mod hrrn;
mod memory;
mod plas;
mod priority;
mod slf;
mod srpt;
mod wsrpt;

pub use balance::Balance;
pub(crate) use balance::class;
pub use edf::Edf;
pub use external::External;
pub use fcfs::Fcfs;
pub use gittins::Gittins;
pub use hrrn::Hrrn;
pub use memory::{AMin, McSf};
pub use plas::Plas;
pub use priority::Priority;
pub use slf::Slf;
pub use srpt::Srpt;
pub use wsrpt::Wsrpt;

use super::job::Job;
use super::options::MICRO;

/// Total order of requests: rank of the policy, then order of submission.
pub type Key = (u64, u64);

/// What an exchange of two requests costs.
#[derive(Debug, Clone, Copy)]
pub struct Price {
    /// How many times over it must pay, in millionths.
    pub gain: u64,
    /// Requests that wait or run: each is delayed by what must be computed again.
    pub num_delayed: u64,
}

impl Price {
    /// Whether a victim with so much work left may give way to a newcomer with so much, if `recompute` is lost.
    pub fn is_below(self, victim: u128, newcomer: u128, recompute: u64) -> bool {
        let price = newcomer + u128::from(recompute) * u128::from(self.num_delayed.max(1));
        victim * u128::from(MICRO) > price * u128::from(self.gain)
    }
}

/// What decides who runs first, and who gives way when blocks run out (the largest key).
///
/// A policy of your own goes to [`Scheduler::with_policy`](super::Scheduler::with_policy):
///
/// ```
/// use paretoserve_core::sched::policy::Policy;
/// use paretoserve_core::sched::{Batch, Job, Limits, Options, Request, Scheduler, Unlimited};
///
/// /// The shortest prompt first.
/// #[derive(Debug)]
/// struct ShortestPrompt;
///
/// impl Policy for ShortestPrompt {
///     fn rank(&self, job: &Job) -> u64 {
///         u64::from(job.request.prompt_tokens)
///     }
/// }
///
/// let options = Options { fifo_share: 0.0, ..Options::default() };
/// let mut scheduler = Scheduler::with_policy(options, Box::new(ShortestPrompt))?;
/// scheduler.submit(Request { prompt_tokens: 50, ..Request::default() })?;
/// let short = scheduler.submit(Request { prompt_tokens: 10, ..Request::default() })?;
/// let mut batch = Batch::default();
/// scheduler.next_batch(0, &Limits::new(1, 100), &mut Unlimited, &mut batch)?;
/// assert_eq!(batch.admitted, [short]);
/// # Ok::<(), paretoserve_core::Error>(())
/// ```
pub trait Policy: Send + Sync + std::fmt::Debug {
    /// Smaller runs earlier. Must depend on the job alone, and must not change while the job waits.
    fn rank(&self, job: &Job) -> u64;

    /// Work that an eviction of `job` throws away, in the unit of [`Policy::rank`]. `None` if ranks are not sizes, so
    /// that differences of ranks mean nothing.
    fn recompute(&self, _job: &Job) -> Option<u64> {
        None
    }

    /// Whether `newcomer` may take the slot of `victim`, which runs: under `Preempt::Slots`. By default if ranks are
    /// sizes and the exchange is worth its price.
    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        let Some(recompute) = self.recompute(victim) else { return false };
        price.is_below(u128::from(self.rank(victim)), u128::from(self.rank(newcomer)), recompute)
    }

    /// For how many output tokens more the rank of a running job certainly does not rise.
    fn patience(&self, _job: &Job) -> u32 {
        u32::MAX
    }

    /// Who gives way first when blocks run out: the largest.
    fn victim_rank(&self, job: &Job) -> u64 {
        self.rank(job)
    }

    /// Output tokens that `job` is taken to have left, at least 1, if it may enter only while everybody's blocks are
    /// foreseen to fit until they complete; `None` if it enters whenever it fits now.
    fn output_left(&self, _job: &Job) -> Option<u64> {
        None
    }

    /// How many distributions requests may choose from; `None` if nobody asks.
    fn num_distributions(&self) -> Option<usize> {
        None
    }

    /// Whether requests run in order of submission; the FIFO share is then idle.
    fn is_fifo(&self) -> bool {
        false
    }
}
