//! What schedulers are told about the requests of a trace beyond their lengths, and what they know before any arrives.

use crate::sched::{MICRO, Options, PolicyKind, Request, Scheduler, micro};
use crate::{Error, Result};

/// Columns of one row per request, named as in [`crate::sched::Request`]; what is absent has its default everywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Smaller runs earlier.
    pub priority: Option<&'a [i32]>,
    /// The least and the most output tokens.
    pub output_range: Option<&'a [[u32; 2]]>,
    /// In millionths.
    pub weight: Option<&'a [u64]>,
    /// Who pays.
    pub tenant: Option<&'a [u32]>,
    /// When each should be done, in nanoseconds; -1 for none.
    pub deadline_ns: Option<&'a [i64]>,
    /// Of which program each is a call, any number; -1 for none.
    pub program: Option<&'a [i64]>,
    /// Calls that its program makes after it.
    pub calls_left: Option<&'a [u32]>,
    /// Which of the samples its output follows.
    pub distribution: Option<&'a [u32]>,
    /// The place that somebody else computed.
    pub rank: Option<&'a [u64]>,
    /// Distributions of outputs, which `gittins` needs.
    pub samples: &'a [Vec<u32>],
    /// Weights of tenants in millionths, if not 1.
    pub tenant_weights: &'a [(u32, u64)],
}

impl Terms<'_> {
    /// What is known about one request; its times, lengths and program come from elsewhere.
    pub(super) fn request(&self, row: usize) -> Request {
        let usual = Request::default();
        let deadline = self.deadline_ns.map(|column| column[row]);
        Request {
            priority: self.priority.map_or(0, |column| column[row]),
            output_range: self.output_range.map(|column| column[row].into()),
            weight: self.weight.map_or(usual.weight, |column| column[row]),
            tenant: self.tenant.map_or(0, |column| column[row]),
            deadline_ns: deadline.and_then(|deadline| u64::try_from(deadline).ok()),
            calls_left: self.calls_left.map_or(0, |column| column[row]),
            distribution: self.distribution.map_or(0, |column| column[row]),
            rank: self.rank.map_or(0, |column| column[row]),
            ..usual
        }
    }

    /// A scheduler that knows what can be known before any request arrives.
    pub(super) fn scheduler(&self, options: Options, record: bool) -> Result<Scheduler> {
        let mut scheduler = Scheduler::with_samples(options, self.samples.to_vec())?;
        scheduler.record(record);
        for &(tenant, weight) in self.tenant_weights {
            scheduler.set_tenant_weight(tenant, weight)?;
        }
        Ok(scheduler)
    }

    /// Refuse columns that are not of `n` rows. Their values are checked when requests arrive.
    pub(super) fn check(&self, n: usize) -> Result<()> {
        let lengths = [
            ("priority", self.priority.map(<[i32]>::len)),
            ("output_range", self.output_range.map(<[[u32; 2]]>::len)),
            ("weight", self.weight.map(<[u64]>::len)),
            ("tenant", self.tenant.map(<[u32]>::len)),
            ("deadline_ns", self.deadline_ns.map(<[i64]>::len)),
            ("program", self.program.map(<[i64]>::len)),
            ("calls_left", self.calls_left.map(<[u32]>::len)),
            ("distribution", self.distribution.map(<[u32]>::len)),
            ("rank", self.rank.map(<[u64]>::len)),
        ];
        match lengths.iter().find(|(_, length)| length.is_some_and(|length| length != n)) {
            Some((name, length)) => {
                Err(Error::shape(name, format!("({n},)"), format!("({},)", length.unwrap_or_default())))
            }
            None => Ok(()),
        }
    }
}

/// How many output tokens of `total` are left when a scheduler is told how many there are; all of them unless the
/// policy is for outputs that become known late.
pub(super) fn left_when_known(options: &Options, total: u32) -> u32 {
    if options.policy != PolicyKind::Slf {
        return total;
    }
    (u64::from(total) * micro(options.eps) / MICRO) as u32
}
