//! Time of collectives over one kind of link, when only its latency and bandwidth are known.

use super::provenance::Provenance;
use super::terms::{By, Term};
use crate::{Error, Result};

/// A link between GPUs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Nanoseconds of a collective of no bytes.
    pub latency_ns: f64,
    /// Bytes per nanosecond (GB/s) and direction.
    pub bytes_per_ns: f64,
}

impl Link {
    /// A link of positive bandwidth.
    pub fn new(latency_ns: f64, bytes_per_ns: f64) -> Result<Self> {
        if !(latency_ns.is_finite() && latency_ns >= 0.0) {
            return Err(Error::value("latency", "finite and not negative", latency_ns));
        }
        if !(bytes_per_ns.is_finite() && bytes_per_ns > 0.0) {
            return Err(Error::value("bandwidth", "finite and positive", bytes_per_ns));
        }
        Ok(Self { latency_ns, bytes_per_ns })
    }

    /// Sum over `ranks` of `bytes` each, every rank gets the result.
    pub fn all_reduce(&self, ranks: u32, bytes: f64) -> f64 {
        self.moved(ranks, 2.0 * f64::from(ranks - 1) / f64::from(ranks) * bytes)
    }

    /// Every rank gets the `bytes` of all together, of which it holds its share; a reduce-scatter costs the same.
    pub fn all_gather(&self, ranks: u32, bytes: f64) -> f64 {
        self.moved(ranks, f64::from(ranks - 1) / f64::from(ranks) * bytes)
    }

    fn moved(&self, ranks: u32, bytes: f64) -> f64 {
        if ranks <= 1 { 0.0 } else { self.latency_ns + bytes / self.bytes_per_ns }
    }

    /// `count` collectives whose time is `time(tokens)`, linear in tokens.
    pub fn term(&self, name: &str, by: By, count: f64, time: impl Fn(f64) -> f64) -> Result<Term> {
        Term::sample(name, by, &[0.0, 1.0, 2.0], count, |tokens| (time(tokens), Provenance::Fitted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rank_moves_nothing() {
        let link = Link::new(1000.0, 50.0).unwrap();
        assert!(link.all_reduce(1, 1e6) == 0.0);
        assert!((link.all_reduce(2, 1e6) - 21_000.0).abs() < 1e-6);
        assert!((link.all_gather(4, 1e6) - 16_000.0).abs() < 1e-6);
        assert!(Link::new(1.0, 0.0).is_err() && Link::new(f64::NAN, 1.0).is_err());
    }
}
