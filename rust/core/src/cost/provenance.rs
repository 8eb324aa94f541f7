//! How an estimate was obtained.

/// How an estimate was obtained, from the most to the least trusted; the provenance of a sum is the largest of its
/// parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// A measured row.
    Measured,
    /// Between measured rows of the same operator, format and GPU.
    Interpolated,
    /// A fitted or analytic form outside measured rows.
    Fitted,
    /// A ratio of another format or GPU, or none at all.
    Transferred,
}

impl Provenance {
    /// The word users see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Interpolated => "interpolated",
            Self::Fitted => "fitted",
            Self::Transferred => "transferred",
        }
    }
}
