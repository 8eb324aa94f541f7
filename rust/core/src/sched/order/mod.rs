//! The requests that wait, in the order in which they are admitted.
//!
//! [`Ranked`] is a heap over the ranks of a policy and enough for most. Others need to know more than one request: how
//! long it has waited (`ratio`), how many others there are ([`Stack`]), what its tenant has received (`tenants`).

mod ranked;
mod stack;

pub use ranked::Ranked;
pub use stack::Stack;

use super::job::Job;
use super::options::{Options, PolicyKind, micro};
use super::policy::{Balance, Edf, External, Fcfs, Plas, Policy, Priority, Srpt};
use super::request::RequestIndex;

/// Waiting requests. Every call is O(log n) unless its implementation says otherwise.
pub trait Order: Send + Sync + std::fmt::Debug {
    /// What ranks say: who gives way, and what is explained.
    fn policy(&self) -> &dyn Policy;

    /// `request` waits from now on, or something that is known about it changed while it waits.
    fn enter(&mut self, request: RequestIndex, job: &Job);

    /// `request` waits no more.
    fn leave(&mut self, request: RequestIndex, job: &Job);

    /// Who should be admitted next. Time never runs backwards.
    fn first(&mut self, now_ns: u64) -> Option<RequestIndex>;

    /// How many wait.
    fn len(&self) -> usize;

    /// Whether nobody waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A request was submitted; it enters next.
    fn arrive(&mut self, _job: &Job) {}

    /// A request is gone for good; if it waited it has left already.
    fn depart(&mut self, _job: &Job) {}

    /// A running request computed `num_computed` tokens that were not cached and sampled `num_sampled`.
    fn serve(&mut self, _job: &Job, _num_computed: u32, _num_sampled: u32) {}

    /// Whether `newcomer`, the first of those that wait, may take the slot of `victim`.
    fn displaces(&self, newcomer: &Job, victim: &Job, gain: u64) -> bool {
        self.policy().displaces(newcomer, victim, gain)
    }
}

/// The order that `options` ask for.
pub(crate) fn make(options: &Options) -> Box<dyn Order> {
    let prefill_weight = micro(options.prefill_weight);
    let ranked = |policy: Box<dyn Policy>| -> Box<dyn Order> { Box::new(Ranked::new(policy)) };
    match options.policy {
        PolicyKind::Fcfs => ranked(Box::new(Fcfs)),
        PolicyKind::Priority => ranked(Box::new(Priority)),
        PolicyKind::Srpt => ranked(Box::new(Srpt::new(prefill_weight, true))),
        PolicyKind::OpSrpt => ranked(Box::new(Srpt::new(prefill_weight, false))),
        PolicyKind::Edf => ranked(Box::new(Edf)),
        PolicyKind::Plas => ranked(Box::new(Plas)),
        PolicyKind::External => ranked(Box::new(External)),
        PolicyKind::Balance | PolicyKind::ChunkBalance => Box::new(Stack::new(Balance::new(prefill_weight))),
    }
}
