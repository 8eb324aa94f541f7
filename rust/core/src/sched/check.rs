//! What the scheduler refuses. A refused call has changed nothing.

use super::job::State;
use super::options::{MAX_WEIGHT, MICRO};
use super::request::{Request, RequestIndex};
use super::scheduler::Scheduler;
use crate::{Error, Result};

impl Scheduler {
    /// Whether [`Scheduler::submit_cached`] would accept this.
    pub(super) fn check(&self, request: &Request, cached_tokens: u32) -> Result<()> {
        if request.arrival_ns < self.last_arrival_ns {
            let expected = format!("at least {}, the arrival before it", self.last_arrival_ns);
            return Err(Error::value("arrival_ns", expected, request.arrival_ns));
        }
        self.check_request(request, cached_tokens)
    }

    /// Whether a request is one that this scheduler may hold, whenever it came.
    pub(super) fn check_request(&self, request: &Request, cached_tokens: u32) -> Result<()> {
        check_time("arrival_ns", request.arrival_ns)?;
        if let Some(deadline_ns) = request.deadline_ns {
            check_time("deadline_ns", deadline_ns)?;
        }
        if !(1..=MAX_WEIGHT as u64 * MICRO).contains(&request.weight) {
            return Err(Error::value("weight", "between 0.000001 and 1000", request.weight as f64 / MICRO as f64));
        }
        if let Some((least, most)) = request.output_range.filter(|&(least, most)| least == 0 || most < least) {
            let expected = "the least and the most output tokens, 1 <= least <= most";
            return Err(Error::value("output_range", expected, format!("({least}, {most})")));
        }
        if let Some(known) = self.policy().num_distributions().filter(|&known| request.distribution as usize >= known) {
            return Err(Error::value("distribution", format!("below {known}, the number given"), request.distribution));
        }
        if let Some(program) = request.program {
            self.programs.get(program)?;
        }
        check_sizes(request, cached_tokens)
    }

    /// Whether [`Scheduler::advance`] would accept this.
    pub(super) fn check_advance(&self, request: RequestIndex, num_computed: u32, num_sampled: u32) -> Result<()> {
        let job = self.job(request)?;
        if job.state != State::Running {
            return Err(Error::value("request", "running", "a waiting request"));
        }
        let sampled = job.num_sampled.checked_add(num_sampled);
        let tokens = sampled.and_then(|sampled| sampled.checked_add(job.request.prompt_tokens));
        let Some(tokens) = tokens else {
            return Err(Error::value(
                "num_sampled",
                "a number of tokens below 4294967296 with the prompt",
                num_sampled,
            ));
        };
        let left = tokens - job.num_computed;
        if num_computed > left {
            return Err(Error::value(
                "num_computed",
                format!("at most {left}, the tokens that are left"),
                num_computed,
            ));
        }
        Ok(())
    }
}

/// Times fit a signed 64-bit number everywhere: 292 years.
pub(super) fn check_time(argument: &'static str, time_ns: u64) -> Result<()> {
    if i64::try_from(time_ns).is_err() {
        return Err(Error::value(argument, "below 2**63 nanoseconds", time_ns));
    }
    Ok(())
}

pub(super) fn check_sizes(request: &Request, cached_tokens: u32) -> Result<()> {
    if request.prompt_tokens == 0 {
        return Err(Error::value("prompt_tokens", "at least 1", 0));
    }
    if request.expected_output_tokens == Some(0) {
        return Err(Error::value("expected_output_tokens", "at least 1", 0));
    }
    if cached_tokens > request.prompt_tokens {
        let expected = format!("at most {}, the prompt", request.prompt_tokens);
        return Err(Error::value("cached_tokens", expected, cached_tokens));
    }
    Ok(())
}

/// Who learns a size afterwards knows what was sampled until then.
pub(super) fn check_estimate(expected_output_tokens: Option<u32>, num_sampled: u32) -> Result<()> {
    let Some(expected) = expected_output_tokens.filter(|&expected| expected < num_sampled) else { return Ok(()) };
    let least = format!("at least {num_sampled}, the output so far");
    Err(Error::value("expected_output_tokens", least, expected))
}
