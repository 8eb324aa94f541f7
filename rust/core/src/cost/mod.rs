//! How large a model is and how long an engine step takes on given hardware.

pub mod grid;
pub mod hardware;
pub mod model;
pub mod operators;
pub mod step;

pub use hardware::Peak;
pub use model::{Attention, Ffn, Layers, Layout, Model, WeightFormat};
pub use step::{StepShape, StepTime, Work};
