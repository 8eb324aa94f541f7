//! Split: which of the copies that exist serves which tokens, so that the slowest rank ends as early as it can.
//!
//! Loads that a split can reach form the bases of a polymatroid, so the split of least squares also has the least
//! maximum. Each expert in turn pours its tokens over its copies until none changes; then chains of experts pass single
//! tokens on from the slowest rank until none can, which proves the result optimal (max flow, min cut). Whole tokens
//! throughout.

mod active;
mod copies;
mod level;
mod splitter;
mod tables;
mod timed;

pub use copies::Copies;
pub use splitter::{Objective, Splitter};
