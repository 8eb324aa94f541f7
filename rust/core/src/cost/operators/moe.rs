//! Routed experts of one rank: gate-up and down products of every expert that has tokens.

use super::table::{lenders, weight_bytes};
use super::{Features, Operator, Table, roofline};
use crate::cost::{Peak, WeightFormat};

/// Balanced routing of `tokens` to `top_k` of `num_experts` experts, cut by columns over `tensor` ranks and whole over
/// `expert` ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moe {
    /// How weights are stored.
    pub format: WeightFormat,
    /// Tokens of all ranks that share the experts.
    pub tokens: f64,
    /// Width of the residual stream.
    pub hidden: f64,
    /// Intermediate width of one whole expert.
    pub width: f64,
    /// Experts per token.
    pub top_k: f64,
    /// Experts of the layer.
    pub num_experts: f64,
    /// Ranks that share each expert's columns.
    pub tensor: f64,
    /// Ranks over which experts are spread.
    pub expert: f64,
}

const LAUNCH_NS: f64 = 10_000.0;

impl Operator for Moe {
    /// Logarithms of tokens per active expert, active experts, idle share, expert width on the rank, hidden width.
    const AXES: usize = 5;

    fn features(&self, peak: &Peak) -> Features {
        let Self { format, tokens, hidden, top_k, num_experts, .. } = *self;
        if tokens * top_k == 0.0 {
            return Features::NONE;
        }
        let width = self.width / self.tensor;
        let experts = num_experts / self.expert;
        let pairs = (tokens * top_k / self.expert).max(1.0);
        let active = experts.min(pairs);
        let flops = 6.0 * pairs * hidden * width / peak.flops(format);
        let weights = 3.0 * active * hidden * width * weight_bytes(format);
        let activations = pairs * (2.0 * hidden + 3.0 * width) * 2.0 + 2.0 * tokens * hidden * 2.0;
        Features {
            analytic_ns: roofline(LAUNCH_NS, flops, (weights + activations) / peak.memory_bandwidth),
            point: [
                (pairs / active).log2(),
                active.log2(),
                (experts / active).log2(),
                width.log2(),
                hidden.log2(),
                0.0,
            ],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        lenders(self.format).map(|format| format.map(Table::Moe))
    }
}
