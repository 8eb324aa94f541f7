//! How a scheduler orders, shares and preempts; checked once, kept as integers.

use crate::{Error, Result};

/// One millionth: shares, weights and gains are kept in this unit so that no comparison depends on rounding.
pub(crate) const MICRO: u64 = 1_000_000;

/// Largest accepted weight or gain; keeps every product inside 64 bits.
pub(crate) const MAX_WEIGHT: f64 = 1000.0;

/// Order of the waiting requests; the numbers are those of the decision log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyKind {
    /// First come, first served.
    #[default]
    Fcfs = 0,
    /// By priority, then first come, first served.
    Priority = 1,
    /// Shortest remaining work first, with the calls that a program will make.
    Srpt = 2,
    /// Shortest remaining work of the current call first.
    OpSrpt = 3,
    /// By powers of two of estimates that may be wrong.
    Balance = 4,
    /// The same for calls that are revealed one by one.
    ChunkBalance = 5,
    /// Earliest deadline first.
    Edf = 6,
    /// Program that has received the least work first.
    Plas = 7,
    /// By ranks that are submitted.
    External = 8,
    /// Least work that is certainly left first, for sizes that become known late.
    Slf = 9,
    /// Shortest remaining work by powers of two of weights.
    Wsrpt = 10,
    /// Largest (wait + size) / size first.
    Hrrn = 11,
    /// First come, first served inside the tenant that was served least.
    Vtc = 12,
    /// Best chance of completion per unit of work, from samples of outputs.
    Gittins = 13,
    /// Shortest expected output first, while the cache is foreseen to hold everybody.
    McSf = 14,
    /// The same with lower bounds of outputs.
    AMin = 15,
}

/// Every policy with its name.
pub const POLICIES: [(&str, PolicyKind); 16] = [
    ("fcfs", PolicyKind::Fcfs),
    ("priority", PolicyKind::Priority),
    ("srpt", PolicyKind::Srpt),
    ("op_srpt", PolicyKind::OpSrpt),
    ("balance", PolicyKind::Balance),
    ("chunk_balance", PolicyKind::ChunkBalance),
    ("edf", PolicyKind::Edf),
    ("plas", PolicyKind::Plas),
    ("external", PolicyKind::External),
    ("slf", PolicyKind::Slf),
    ("wsrpt", PolicyKind::Wsrpt),
    ("hrrn", PolicyKind::Hrrn),
    ("vtc", PolicyKind::Vtc),
    ("gittins", PolicyKind::Gittins),
    ("mc_sf", PolicyKind::McSf),
    ("a_min", PolicyKind::AMin),
];

impl PolicyKind {
    /// The policy a user means by `name`.
    pub fn parse(name: &str) -> Result<Self> {
        POLICIES.iter().find(|(known, _)| *known == name).map(|&(_, kind)| kind).ok_or_else(|| {
            let known: Vec<String> = POLICIES.iter().map(|(known, _)| format!("{known:?}")).collect();
            Error::value("policy", format!("one of {}", known.join(", ")), format!("{name:?}"))
        })
    }
}

/// When a running request may be evicted although it has its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preempt {
    /// Never; only lack of blocks evicts.
    #[default]
    None,
    /// For a waiting request that is so much shorter that the recomputation pays.
    Slots,
}

impl Preempt {
    /// The rule a user means by `name`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::None),
            "slots" => Ok(Self::Slots),
            _ => Err(Error::value("preempt", "\"none\" or \"slots\"", format!("{name:?}"))),
        }
    }
}

/// Everything that is fixed when a scheduler is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Order of the waiting requests.
    pub policy: PolicyKind,
    /// Share of admissions that go to the oldest waiting request, 0 to 1 in steps of a millionth. FCFS has no use for
    /// it.
    pub fifo_share: f64,
    /// Whether slots are taken from running requests.
    pub preempt: Preempt,
    /// Evict only if `victim_remaining > (new_remaining + victim_recompute * num_live) * preempt_gain`, as what is
    /// computed again delays everybody; at least 1.
    pub preempt_gain: f64,
    /// How often one request may be evicted for a shorter one. Under SRPT the victim for blocks, too, is looked for
    /// first among requests below this number.
    pub max_preemptions: u32,
    /// Work of one prompt token in output tokens.
    pub prefill_weight: f64,
    /// Expected output of a request without an estimate while no request has finished yet; then their mean output is
    /// taken.
    pub unknown_output_tokens: u32,
    /// A request that has waited so long, in nanoseconds, goes before all that have not, oldest first.
    pub max_wait_ns: Option<u64>,
    /// Share of the output that is left when it becomes known, above 0 to 1 in steps of a millionth; only `slf` reads
    /// it.
    pub eps: f64,
    /// Whether the tenant that was served least goes first, and the policy decides inside it; always under `vtc`.
    pub tenant_fairness: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: PolicyKind::Fcfs,
            fifo_share: 0.5,
            preempt: Preempt::None,
            preempt_gain: 2.0,
            max_preemptions: 2,
            prefill_weight: 0.02,
            unknown_output_tokens: 256,
            max_wait_ns: None,
            eps: 0.5,
            tenant_fairness: false,
        }
    }
}

impl Options {
    /// Refuse what has no meaning.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.fifo_share) {
            return Err(Error::value("fifo_share", "between 0 and 1", self.fifo_share));
        }
        if !(1.0..=MAX_WEIGHT).contains(&self.preempt_gain) {
            return Err(Error::value("preempt_gain", "between 1 and 1000", self.preempt_gain));
        }
        if !(0.0..=MAX_WEIGHT).contains(&self.prefill_weight) {
            return Err(Error::value("prefill_weight", "between 0 and 1000", self.prefill_weight));
        }
        if self.unknown_output_tokens == 0 {
            return Err(Error::value("unknown_output_tokens", "at least 1", 0));
        }
        if !(1e-6..=1.0).contains(&self.eps) {
            return Err(Error::value("eps", "between 0.000001 and 1", self.eps));
        }
        if self.max_wait_ns.is_some_and(|longest| i64::try_from(longest).is_err()) {
            return Err(Error::value("max_wait_ns", "below 2**63 nanoseconds", "more"));
        }
        Ok(())
    }

    /// Whether tenants get equal shares.
    pub(crate) fn shares_tenants(&self) -> bool {
        self.tenant_fairness || self.policy == PolicyKind::Vtc
    }
}

/// A checked option in millionths.
pub(crate) fn micro(value: f64) -> u64 {
    (value * MICRO as f64).round() as u64
}
