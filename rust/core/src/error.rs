//! The one error type of the core. A variant holds data; `Display` makes the sentence.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What was wrong with the input of a core function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A slice has the wrong length for the sizes given.
    Shape {
        /// Name of the argument, as the user knows it.
        argument: &'static str,
        /// What would have been right.
        expected: String,
        /// What came.
        got: String,
    },
    /// A value is outside its range or does not fit the other arguments.
    Value {
        /// Name of the argument, as the user knows it.
        argument: &'static str,
        /// What would have been right.
        expected: String,
        /// What came.
        got: String,
    },
    /// The caller asked a long computation to stop.
    Interrupted,
}

impl Error {
    /// A [`Error::Shape`] from anything printable.
    pub fn shape(argument: &'static str, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::Shape { argument, expected: expected.to_string(), got: got.to_string() }
    }

    /// A [`Error::Value`] from anything printable.
    pub fn value(argument: &'static str, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::Value { argument, expected: expected.to_string(), got: got.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { argument, expected, got } => {
                write!(f, "`{argument}` must have shape {expected}, got {got}")
            }
            Self::Value { argument, expected, got } => {
                write!(f, "`{argument}` must be {expected}, got {got}")
            }
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}
