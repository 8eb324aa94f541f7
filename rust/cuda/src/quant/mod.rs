//! Launches of the kernels of `quant`, one file per file of kernels: names, arguments in order, size of the grid.
//!
//! Addresses come first, outputs before inputs; 0 stands for an array that is left out. Options that the kernels know
//! by number have types here whose numbers are those of the headers.

pub mod bits;
pub mod block;
pub mod cast;
pub mod rotate;
pub mod run;

pub use cast::Scalar;

/// A wide float, as kernels are named after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wide {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

impl Wide {
    /// The end of the names of the kernels for it.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// Bytes of a number.
    pub(crate) fn bytes(self) -> u64 {
        if self == Self::F32 { 4 } else { 2 }
    }
}

/// Which of the two nearest codes is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Rounding {
    /// The nearest, ties to the even code.
    NearestEven = 0,
    /// The nearest, ties away from zero.
    HalfAway = 1,
    /// By the distance and a random word.
    Stochastic = 2,
}
