//! Expert parallelism: which copy of an expert sits where, which tokens go to which copy, what to move now.
//!
//! Three layers, from slow to fast: [`placement`] of copies in slots (weights move, every few thousand steps), split
//! of tokens over the copies that exist (no weights move, every step), spill of excess tokens with their weights (every
//! step). Loads are token counts; every decision is made on integers with ties broken by number, because each rank
//! plans for itself and all must agree.

mod cost;
pub mod counts;
pub mod placement;
mod ranks;
pub mod remap;
pub mod spill;
pub mod split;

pub use cost::{Cost, WHOLE};
pub use ranks::{FULL_SPEED, Ranks};
