//! How large a model is and how long an engine step takes on given hardware.

pub mod attention;
pub mod collective;
pub mod compile;
mod curve;
pub mod decode;
pub mod experts;
mod formats;
pub mod grid;
mod hardware;
mod lattice;
mod layout;
mod matrices;
pub mod memory;
mod mixed;
mod model;
pub mod operators;
mod provenance;
mod shape;
pub mod sizes;
pub mod step;
pub mod tables;
pub mod terms;
pub mod work;

pub use curve::Curve;
pub use formats::{KvFormat, WeightFormat};
pub use hardware::Peak;
pub use layout::Layout;
pub use memory::{MemoryOptions, StageMemory};
pub use mixed::{MixedCall, MixedTable};
pub use model::{Attention, Ffn, Layers, Model};
pub use provenance::Provenance;
pub use shape::StepShape;
pub use sizes::{RankSizes, Sizes};
pub use step::StepTime;
pub use work::Work;
