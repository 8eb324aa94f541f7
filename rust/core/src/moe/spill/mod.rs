//! Spill: tokens of overloaded ranks go to idle ones, with the weights they need, for this step only.
//!
//! Every expert has a home. A rank above its capacity gives tokens of its largest experts away, each piece as large as
//! the rank's surplus, the expert and the room of the receiver allow; what nobody can take stays at home. Several
//! orders and several capacities are tried, and the plan that the cost model likes best wins; doing nothing is one of
//! them. After "least-loaded expert parallelism" (arXiv 2601.17111), whose rule is kept in [`llep`].

mod capacity;
mod greedy;
mod links;
pub mod llep;
mod options;
mod spiller;

pub use options::{Options, SWEEP, Tolerance};
pub use spiller::{Outcome, Reason, Spiller, Transfer};
