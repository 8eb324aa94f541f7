//! Collectives between the GPUs of a node, and the exchange of tokens between expert ranks.

use super::{Features, Operator, Table, roofline};
use crate::cost::Peak;

/// Which collective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every rank gets the sum of all.
    AllReduce,
    /// Every rank sends an equal part to every other.
    AllToAll,
    /// Every rank gets the parts of all.
    AllGather,
    /// Every rank gets its part of the sum.
    ReduceScatter,
}

/// A collective over `num_gpus` ranks on a buffer of `bytes`: the whole message of one rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Collective {
    /// Which one.
    pub kind: Kind,
    /// Ranks.
    pub num_gpus: f64,
    /// Bytes of one rank's whole buffer.
    pub bytes: f64,
}

/// One way of the exchange of `tokens` per rank with the ranks of their experts (`DeepEP` within a node).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    /// Whether this is the way back.
    pub combine: bool,
    /// Tokens of one rank.
    pub tokens: f64,
    /// Width of the residual stream.
    pub hidden: f64,
    /// Experts per token.
    pub top_k: f64,
    /// Ranks.
    pub num_gpus: f64,
}

const LAUNCH_NS: f64 = 4000.0;
const EXCHANGE_NS: f64 = 30_000.0;

/// Bytes per second between ranks: the links of a node, or the network as soon as a node does not hold them all.
fn bandwidth(peak: &Peak, num_gpus: f64) -> f64 {
    if num_gpus <= f64::from(peak.gpus_per_node) { peak.link_bandwidth } else { peak.network_bandwidth }
}

impl Operator for Collective {
    /// Logarithms of ranks and bytes.
    const AXES: usize = 2;

    fn features(&self, peak: &Peak) -> Features {
        let Self { kind, num_gpus, bytes } = *self;
        if num_gpus <= 1.0 || bytes == 0.0 {
            return Features::NONE;
        }
        let rounds = if kind == Kind::AllReduce { 2.0 } else { 1.0 };
        let sent = rounds * bytes * (num_gpus - 1.0) / num_gpus;
        Features {
            analytic_ns: roofline(LAUNCH_NS, 0.0, sent / bandwidth(peak, num_gpus)),
            point: [num_gpus.log2(), bytes.log2(), 0.0, 0.0, 0.0, 0.0],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        [Some(Table::Collective(self.kind)), None, None, None]
    }
}

impl Operator for Exchange {
    /// Logarithms of tokens, copies per token and hidden width.
    const AXES: usize = 3;

    fn features(&self, peak: &Peak) -> Features {
        let Self { tokens, hidden, top_k, num_gpus, .. } = *self;
        if num_gpus <= 1.0 || tokens == 0.0 {
            return Features::NONE;
        }
        // A token goes once to every rank that holds one of its experts.
        let copies = num_gpus * (1.0 - (1.0 - 1.0 / num_gpus).powf(top_k));
        let bytes = tokens * copies * hidden * 2.0 * (num_gpus - 1.0) / num_gpus;
        Features {
            analytic_ns: roofline(EXCHANGE_NS, 0.0, bytes / bandwidth(peak, num_gpus)),
            point: [tokens.log2(), copies.log2(), hidden.log2(), 0.0, 0.0, 0.0],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        [Some(if self.combine { Table::Combine } else { Table::Dispatch }), None, None, None]
    }
}
