//! Architectures by the compiler's names: `sm_90`, `sm_100a`.
//!
//! Machine code for an `a` target runs on that exact chip only and may use all of its instructions. From capability
//! 10.0 on, that includes the conversions to FP8, FP6 and FP4 that the kernels want; before, there is nothing to gain.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// One architecture to compile for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arch {
    /// Ten times the major number plus the minor one.
    pub number: u32,
    /// `a` for the exact chip, `f` for its family, or nothing.
    pub suffix: Option<char>,
}

impl Arch {
    /// What to compile for a device of this compute capability.
    pub fn of_device((major, minor): (i32, i32)) -> Self {
        Self { number: (10 * major + minor) as u32, suffix: (major >= 10).then_some('a') }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sm_{}", self.number)?;
        self.suffix.map_or(Ok(()), |suffix| write!(f, "{suffix}"))
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let digits = name.strip_prefix("sm_").and_then(|rest| {
            let suffix = rest.chars().last().filter(|&last| matches!(last, 'a' | 'f'));
            let digits = suffix.map_or(rest, |_| &rest[..rest.len() - 1]);
            let plain = matches!(digits.len(), 2 | 3) && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| Self { number: digits.parse().unwrap_or_default(), suffix })
        });
        digits.ok_or_else(|| Error::UnknownArch { arch: name.to_owned(), nvrtc: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        for name in ["sm_80", "sm_90", "sm_90a", "sm_100a", "sm_100f", "sm_121a"] {
            assert_eq!(name.parse::<Arch>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "sm_", "sm_9", "sm_90b", "90", "compute_90", "sm_1000", "sm_90aa", "sm_9\u{0660}"] {
            assert!(name.parse::<Arch>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_device_gets_all_of_its_instructions() {
        assert_eq!(Arch::of_device((8, 0)).to_string(), "sm_80");
        assert_eq!(Arch::of_device((9, 0)).to_string(), "sm_90");
        assert_eq!(Arch::of_device((10, 3)).to_string(), "sm_103a");
        assert_eq!(Arch::of_device((12, 0)).to_string(), "sm_120a");
    }
}
