//! Which replica gets an arriving request. Every rule is deterministic; ties go to the replica with the smaller index.

use crate::{Error, Result};

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Router {
    /// In turn, whatever the load.
    RoundRobin,
    /// Fewest unfinished requests; then the fewest prompt tokens among them.
    #[default]
    LeastLoaded,
    /// Fewest prompt tokens of unfinished requests after adding those that this request would have to compute there, so
    /// that a resident prefix attracts and a queue repels.
    PrefixAffinity,
}

/// Unfinished work of one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    /// Requests that have not finished.
    pub requests: u32,
    /// Their prompt tokens.
    pub prompt_tokens: u64,
}

impl Router {
    /// The rule a user means by `name`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "round_robin" => Ok(Self::RoundRobin),
            "least_loaded" => Ok(Self::LeastLoaded),
            "prefix_affinity" => Ok(Self::PrefixAffinity),
            _ => {
                let expected = "\"round_robin\", \"least_loaded\" or \"prefix_affinity\"";
                Err(Error::value("router", expected, format!("{name:?}")))
            }
        }
    }

    /// The replica for the request number `turn`. `load` tells a replica's load, `uncached` how many prompt tokens of
    /// the request it would have to compute.
    pub fn choose(
        self,
        turn: usize,
        replicas: usize,
        load: impl Fn(usize) -> Load,
        uncached: impl Fn(usize) -> u64,
    ) -> usize {
        let best = match self {
            Self::RoundRobin => Some(turn % replicas),
            Self::LeastLoaded => (0..replicas).min_by_key(|&index| load(index)),
            Self::PrefixAffinity => (0..replicas).min_by_key(|&index| {
                let load = load(index);
                (load.prompt_tokens + uncached(index), load.requests)
            }),
        };
        best.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_loaded_takes_the_first_of_equals() {
        let loads =
            [(2, 10), (1, 70), (1, 60), (1, 60)].map(|(requests, prompt_tokens)| Load { requests, prompt_tokens });
        assert_eq!(Router::LeastLoaded.choose(0, 4, |index| loads[index], |_| 5), 2);
        assert_eq!(Router::RoundRobin.choose(7, 4, |index| loads[index], |_| 5), 3);
    }

    #[test]
    fn a_resident_prefix_is_worth_a_longer_queue() {
        let loads = [Load { requests: 0, prompt_tokens: 0 }, Load { requests: 1, prompt_tokens: 40 }];
        let choose = |uncached: [u64; 2]| Router::PrefixAffinity.choose(0, 2, |i| loads[i], |i| uncached[i]);
        assert_eq!(choose([100, 10]), 1);
        assert_eq!(choose([100, 60]), 0);
        assert_eq!(choose([100, 90]), 0);
    }
}
