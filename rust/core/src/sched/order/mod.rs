//! The requests that wait, in the order in which they are admitted.
//!
//! [`Ranked`] is a heap over the ranks of a policy and enough for most. Others need to know more than one request: how
//! long it has waited ([`Ratio`]), who else lives ([`Stack`], [`Weights`]), what its tenant has received ([`Tenants`]).

mod accounts;
mod ranked;
mod ratio;
mod stack;
mod tenants;
mod weights;

pub(super) use accounts::is_time_to_forget;
pub use ranked::Ranked;
pub use ratio::Ratio;
pub use stack::Stack;
pub use tenants::Tenants;
pub use weights::Weights;

use std::sync::Arc;

use super::job::Job;
use super::options::{Options, PolicyKind, micro};
use super::policy::{
    AMin, Balance, Edf, External, Fcfs, Gittins, Hrrn, McSf, Plas, Policy, Price, Priority, Slf, Srpt, Wsrpt,
};
use super::request::RequestIndex;
use crate::Result;

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

    /// `request` has left because it runs from now on; `num_new` tokens of its prompt are computed for the first time.
    /// Returns whether its turn came because it was the oldest, if the order gives such turns.
    fn start(&mut self, _request: RequestIndex, _job: &Job, _num_new: u32) -> bool {
        false
    }

    /// A running request computed `num_computed` tokens that were not cached and sampled `num_sampled`.
    fn serve(&mut self, _job: &Job, _num_computed: u32, _num_sampled: u32) {}

    /// What it remembers beside the live requests, for a snapshot.
    fn state(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Remember this, from [`Order::state`] of an order like this one: first before the live requests arrive again and
    /// those that wait enter, then once more after that. False if it makes no sense.
    fn set_state(&mut self, state: &[u64]) -> bool {
        state.is_empty()
    }

    /// Whether `newcomer`, the first of those that wait, may take the slot of `victim`.
    fn displaces(&self, newcomer: &Job, victim: &Job, price: Price) -> bool {
        self.policy().displaces(newcomer, victim, price)
    }

    /// Whether requests enter in order of submission.
    fn is_fifo(&self) -> bool {
        self.policy().is_fifo()
    }

    /// Whether the order itself gives the FIFO share to the oldest, so that nobody else has to.
    fn gives_turns(&self) -> bool {
        false
    }

    /// Whether an arrival is placed by what was served before it, so that progress has to be told first.
    fn counts_progress(&self) -> bool {
        false
    }

    /// Whether who is first may change with time or with progress alone.
    fn drifts(&self) -> bool {
        false
    }

    /// Forget tenants on whom no further decision depends; returns, in order, those of which something is known.
    fn remembered_tenants(&mut self) -> Vec<u32> {
        Vec::new()
    }

    /// Give a tenant a weight in millionths; false if tenants do not matter.
    fn set_tenant_weight(&mut self, _tenant: u32, _weight: u64) -> bool {
        false
    }
}

/// The order that `options` ask for; `samples` are the distributions of `gittins`.
pub(crate) fn make(options: &Options, samples: &[Vec<u32>]) -> Result<Box<dyn Order>> {
    let prefill_weight = micro(options.prefill_weight);
    let policy: Arc<dyn Policy> = match options.policy {
        PolicyKind::Fcfs | PolicyKind::Vtc => Arc::new(Fcfs),
        PolicyKind::Priority => Arc::new(Priority),
        PolicyKind::Srpt => Arc::new(Srpt::new(prefill_weight, true)),
        PolicyKind::OpSrpt => Arc::new(Srpt::new(prefill_weight, false)),
        PolicyKind::Edf => Arc::new(Edf),
        PolicyKind::Plas => Arc::new(Plas),
        PolicyKind::External => Arc::new(External),
        PolicyKind::Slf => Arc::new(Slf::new(prefill_weight, micro(options.eps))),
        PolicyKind::Gittins => Arc::new(Gittins::new(prefill_weight, samples)?),
        PolicyKind::McSf => Arc::new(McSf::new(prefill_weight)),
        PolicyKind::AMin => Arc::new(AMin),
        PolicyKind::Balance | PolicyKind::ChunkBalance => {
            return Ok(shared(options, move || Box::new(Stack::new(Balance::new(prefill_weight)))));
        }
        PolicyKind::Wsrpt => return Ok(shared(options, move || Box::new(Weights::new(Wsrpt::new(prefill_weight))))),
        PolicyKind::Hrrn => return Ok(shared(options, move || Box::new(Ratio::new(Hrrn::new(prefill_weight))))),
    };
    Ok(ranked(options, policy))
}

/// The ranks of one policy, for each tenant if they share.
pub(crate) fn ranked(options: &Options, policy: Arc<dyn Policy>) -> Box<dyn Order> {
    shared(options, move || Box::new(Ranked::new(Arc::clone(&policy))))
}

fn shared(options: &Options, make: impl Fn() -> Box<dyn Order> + Send + Sync + 'static) -> Box<dyn Order> {
    if options.shares_tenants() {
        let [prefill_weight, share] = [options.prefill_weight, options.fifo_share].map(micro);
        return Box::new(Tenants::new(Box::new(make), prefill_weight, share));
    }
    make()
}
