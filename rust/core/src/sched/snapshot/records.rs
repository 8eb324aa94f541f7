//! What a snapshot consists of, field by field.

use super::bytes::{Reader, Saved, broken, saved};
use crate::Result;
use crate::order::sort_by;
use crate::sched::blocks::Held;
use crate::sched::job::{Job, State};
use crate::sched::options::MICRO;
use crate::sched::program::{Program, Programs};
use crate::sched::request::{Request, RequestIndex};
use crate::sched::share::FifoShare;
use crate::sched::stats::Stats;

saved!(Request {
    arrival_ns,
    prompt_tokens,
    expected_output_tokens,
    output_range,
    distribution,
    priority,
    weight,
    tenant,
    deadline_ns,
    program,
    calls_left,
    rank,
});

saved!(Job {
    request,
    sequence,
    state,
    num_computed,
    num_sampled,
    num_cached,
    num_charged,
    estimate,
    num_preemptions,
    age,
    attained,
    later,
    class,
    start,
});

saved!(Program { age, attained, num_finished, num_live, class, start, paused });

saved!(Stats {
    num_waiting,
    num_running,
    num_programs,
    num_submitted,
    num_finished,
    num_cancelled,
    num_admitted,
    num_readmitted,
    num_fifo_admitted,
    num_revealed,
    num_preempted,
    num_wasted_tokens,
    num_output_tokens,
});

saved!(Held { cached_tokens, num_blocks });

impl Saved for State {
    fn save(&self, out: &mut Vec<u8>) {
        u8::from(*self == Self::Running).save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        // Free places are not written.
        Ok(if bool::load(input)? { Self::Running } else { Self::Waiting })
    }
}

impl Saved for FifoShare {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { share, credit } = self;
        share.save(out);
        credit.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        let (share, credit) = (u64::load(input)?, <[u64; 2]>::load(input)?);
        if share > MICRO || credit.iter().any(|&credit| credit >= MICRO) {
            return Err(broken("shares of at most one"));
        }
        Ok(Self { share, credit })
    }
}

impl Saved for Programs {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { entries, free } = self;
        entries.save(out);
        free.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self> {
        let (entries, free) = (<Vec<Option<Program>>>::load(input)?, Vec::load(input)?);
        check_free(entries.iter().map(Option::is_none).collect(), &free)?;
        Ok(Self { entries, free })
    }
}

/// Requests in their places.
pub(super) struct Live {
    pub(super) jobs: Vec<Job>,
    pub(super) free: Vec<RequestIndex>,
    /// In order of submission.
    pub(super) by_age: Vec<RequestIndex>,
}

impl Live {
    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self> {
        let num_places = u64::load(input)?;
        let live = <Vec<(RequestIndex, Job)>>::load(input)?;
        let free = <Vec<RequestIndex>>::load(input)?;
        if num_places != live.len() as u64 + free.len() as u64 {
            return Err(broken("a place for every request"));
        }
        let mut jobs = vec![Job::default(); live.len() + free.len()];
        let mut is_free = vec![true; jobs.len()];
        for &(index, job) in &live {
            let place = jobs.get_mut(index as usize).ok_or_else(|| broken("a place for every request"))?;
            *place = job;
            is_free[index as usize] = false;
        }
        check_free(is_free, &free)?;
        let mut by_age: Vec<RequestIndex> = live.iter().map(|&(index, _)| index).collect();
        sort_by(&mut by_age, &|a, b| jobs[a as usize].sequence.cmp(&jobs[b as usize].sequence));
        Ok(Self { jobs, free, by_age })
    }
}

/// Every free place is on the list, once.
fn check_free(mut is_free: Vec<bool>, free: &[u32]) -> Result<()> {
    let known = free.iter().all(|&place| is_free.get_mut(place as usize).is_some_and(std::mem::take));
    if known && !is_free.contains(&true) { Ok(()) } else { Err(broken("a list of the free places")) }
}
