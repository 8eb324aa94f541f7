//! Requests to simulate, as the slices of a caller.

use super::terms::Terms;
use crate::{Error, Result};

/// Latest time that a simulation handles, about 146 years: sums of two times stay inside 64 bits.
pub(crate) const MAX_TIME_NS: u64 = 1 << 62;

/// Content of the prompts: request `i` has the ids `ids[offsets[i]..offsets[i + 1]]`, one per `block_tokens` prompt
/// tokens from its start; equal ids mean an equal prefix.
#[derive(Debug, Clone, Copy)]
pub struct PrefixHashes<'a> {
    /// One more than there are requests.
    pub offsets: &'a [i64],
    /// The ids of all requests.
    pub ids: &'a [i64],
    /// Prompt tokens that one id names.
    pub block_tokens: u32,
}

/// Requests in order of arrival.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    /// Arrival times in nanoseconds, not decreasing.
    pub arrival_ns: &'a [i64],
    /// Prompt lengths, at least 1.
    pub prompt_tokens: &'a [i32],
    /// Output lengths, at least 1.
    pub output_tokens: &'a [i32],
    /// Output lengths that the scheduler is told; without them it is told the true ones.
    pub expected_output_tokens: Option<&'a [i32]>,
    /// Shared prefixes, if the trace has them.
    pub hashes: Option<PrefixHashes<'a>>,
    /// What else the scheduler is told.
    pub terms: Terms<'a>,
}

impl<'a> Trace<'a> {
    /// Number of requests.
    pub fn len(&self) -> usize {
        self.arrival_ns.len()
    }

    /// Whether there is no request; [`Trace::check`] refuses that.
    pub fn is_empty(&self) -> bool {
        self.arrival_ns.is_empty()
    }

    /// The prefix ids of one request.
    pub fn hashes_of(&self, index: usize) -> &'a [i64] {
        self.hashes
            .map_or(&[], |hashes| &hashes.ids[hashes.offsets[index] as usize..hashes.offsets[index + 1] as usize])
    }

    /// Refuse what cannot be simulated.
    pub fn check(&self) -> Result<()> {
        let n = self.len();
        if n == 0 || n > i32::MAX as usize {
            return Err(Error::value("trace", "1 to 2147483647 requests", n));
        }
        check_lengths("prompt_tokens", self.prompt_tokens, n)?;
        check_lengths("output_tokens", self.output_tokens, n)?;
        if let Some(expected) = self.expected_output_tokens {
            check_lengths("expected_output_tokens", expected, n)?;
        }
        if self.arrival_ns[0] < 0 || self.arrival_ns[n - 1] as u64 > MAX_TIME_NS {
            let got = format!("{} to {}", self.arrival_ns[0], self.arrival_ns[n - 1]);
            return Err(Error::value("arrival_ns", format!("from 0 to {MAX_TIME_NS}"), got));
        }
        if let Some(row) = (1..n).find(|&row| self.arrival_ns[row] < self.arrival_ns[row - 1]) {
            let got = format!("{} after {} in request {row}", self.arrival_ns[row], self.arrival_ns[row - 1]);
            return Err(Error::value("arrival_ns", "in order", got));
        }
        self.terms.check(n)?;
        self.hashes.map_or(Ok(()), |hashes| check_hashes(&hashes, n))
    }
}

fn check_lengths(argument: &'static str, lengths: &[i32], n: usize) -> Result<()> {
    if lengths.len() != n {
        return Err(Error::shape(argument, format!("({n},)"), format!("({},)", lengths.len())));
    }
    match lengths.iter().position(|&length| length < 1) {
        Some(row) => Err(Error::value(argument, "at least 1", format!("{} in request {row}", lengths[row]))),
        None => Ok(()),
    }
}

fn check_hashes(hashes: &PrefixHashes<'_>, n: usize) -> Result<()> {
    if hashes.offsets.len() != n + 1 {
        return Err(Error::shape("hash_offsets", format!("({},)", n + 1), format!("({},)", hashes.offsets.len())));
    }
    if hashes.block_tokens == 0 {
        return Err(Error::value("hash_block_tokens", "at least 1", 0));
    }
    let ordered = hashes.offsets.windows(2).all(|pair| pair[0] <= pair[1]);
    if !ordered || hashes.offsets[0] != 0 || hashes.offsets[n] != hashes.ids.len() as i64 {
        let expected = format!("rising from 0 to {}, the length of `hash_ids`", hashes.ids.len());
        return Err(Error::value("hash_offsets", expected, "other offsets"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace<'a>(arrival_ns: &'a [i64], prompt: &'a [i32], output: &'a [i32]) -> Trace<'a> {
        Trace {
            arrival_ns,
            prompt_tokens: prompt,
            output_tokens: output,
            expected_output_tokens: None,
            hashes: None,
            terms: Terms::default(),
        }
    }

    #[test]
    fn bad_traces_are_refused_with_the_row() {
        let message = |trace: Trace<'_>| trace.check().unwrap_err().to_string();
        assert_eq!(message(trace(&[], &[], &[])), "`trace` must be 1 to 2147483647 requests, got 0");
        assert_eq!(message(trace(&[0, 1], &[1, 0], &[1, 1])), "`prompt_tokens` must be at least 1, got 0 in request 1");
        assert_eq!(message(trace(&[0, 1], &[1, 1], &[1])), "`output_tokens` must have shape (2,), got (1,)");
        assert_eq!(
            message(trace(&[5, 4], &[1, 1], &[1, 1])),
            "`arrival_ns` must be in order, got 4 after 5 in request 1"
        );
        assert!(message(trace(&[-1, 4], &[1, 1], &[1, 1])).contains("got -1 to 4"));
        assert!(message(trace(&[0, i64::MAX], &[1, 1], &[1, 1])).contains("must be from 0 to"));
    }

    #[test]
    fn bad_hashes_are_refused() {
        let plain = trace(&[0], &[8], &[1]);
        let with =
            |offsets, ids, block_tokens| Trace { hashes: Some(PrefixHashes { offsets, ids, block_tokens }), ..plain };
        assert!(with(&[0, 2], &[7, 8], 4).check().is_ok());
        assert!(with(&[0, 2], &[7, 8], 0).check().is_err());
        assert!(with(&[0, 3], &[7, 8], 4).check().is_err());
        assert!(with(&[0], &[], 4).check().is_err());
    }
}
