//! The whole multi-head latent attention module of DeepSeek-V3 (projections and attention), measured per number of
//! heads.

use super::table::{lenders, weight_bytes};
use super::{Features, Operator, Table, roofline};
use crate::cost::{KvFormat, Peak, WeightFormat};

/// The module on `batch` prompt chunks of `chunk` tokens behind `past` cached ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MlaPrefill {
    /// How projection weights are stored.
    pub format: WeightFormat,
    /// Format of the cache.
    pub kv: KvFormat,
    /// Query heads of the rank.
    pub num_heads: f64,
    /// Requests.
    pub batch: f64,
    /// New tokens of each.
    pub chunk: f64,
    /// Cached tokens of each.
    pub past: f64,
}

/// The module on one new token for each of `batch` requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MlaDecode {
    /// How projection weights are stored.
    pub format: WeightFormat,
    /// Format of the cache.
    pub kv: KvFormat,
    /// Query heads of the rank.
    pub num_heads: f64,
    /// Requests.
    pub batch: f64,
    /// Tokens each of them attends to, the new one included.
    pub context: f64,
}

/// Sizes of the measured model: hidden width, query and key-value ranks, rotary, plain and value widths of a head.
const HIDDEN: f64 = 7168.0;
const QUERY_RANK: f64 = 1536.0;
const KV_RANK: f64 = 512.0;
const ROTARY: f64 = 64.0;
const PLAIN: f64 = 128.0;
const VALUE: f64 = 128.0;

const LAUNCH_NS: f64 = 40_000.0;

/// Elements of the projection weights of a rank with `heads` heads.
fn weights(heads: f64) -> f64 {
    HIDDEN * (QUERY_RANK + KV_RANK + ROTARY)
        + QUERY_RANK * heads * (PLAIN + ROTARY)
        + KV_RANK * heads * (PLAIN + VALUE)
        + heads * VALUE * HIDDEN
}

impl Operator for MlaPrefill {
    /// Logarithms of tokens, visible keys and heads.
    const AXES: usize = 3;

    fn features(&self, peak: &Peak) -> Features {
        let Self { format, kv, num_heads, batch, chunk, past } = *self;
        if batch * chunk == 0.0 {
            return Features::NONE;
        }
        let tokens = batch * chunk;
        let depth = 2.0 * past + chunk;
        // Prompts use the expanded form: every head has its own keys and values, also for the past.
        let attention = 2.0 * tokens * num_heads * (PLAIN + ROTARY + VALUE) * (depth + 1.0) / 2.0;
        let expand = 2.0 * batch * past * KV_RANK * num_heads * (PLAIN + VALUE);
        let flops = attention / peak.bf16_flops + (2.0 * tokens * weights(num_heads) + expand) / peak.flops(format);
        let bytes = weights(num_heads) * weight_bytes(format)
            + batch * (past + chunk) * (KV_RANK + ROTARY) * kv.bytes() as f64
            + tokens * (2.0 * HIDDEN + 4.0 * num_heads * (PLAIN + VALUE)) * 2.0;
        Features {
            analytic_ns: roofline(LAUNCH_NS, flops, bytes / peak.memory_bandwidth),
            point: [tokens.log2(), depth.log2(), num_heads.log2(), 0.0, 0.0, 0.0],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        borrowed(self.format, self.kv, Table::MlaPrefill)
    }
}

impl Operator for MlaDecode {
    /// Logarithms of requests, context and heads.
    const AXES: usize = 3;

    fn features(&self, peak: &Peak) -> Features {
        let Self { format, kv, num_heads, batch, context } = *self;
        if batch * context == 0.0 {
            return Features::NONE;
        }
        // Decoding uses the absorbed form: all heads read the same latent vectors.
        let attention = 2.0 * batch * num_heads * (2.0 * KV_RANK + ROTARY) * context;
        let flops = attention / peak.bf16_flops + 2.0 * batch * weights(num_heads) / peak.flops(format);
        let bytes =
            weights(num_heads) * weight_bytes(format) + batch * context * (KV_RANK + ROTARY) * kv.bytes() as f64;
        Features {
            analytic_ns: roofline(LAUNCH_NS, flops, bytes / peak.memory_bandwidth),
            point: [batch.log2(), context.log2(), num_heads.log2(), 0.0, 0.0, 0.0],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        borrowed(self.format, self.kv, Table::MlaDecode)
    }
}

/// The table of both formats, then those that share one of them.
fn borrowed(format: WeightFormat, kv: KvFormat, table: impl Fn(WeightFormat, KvFormat) -> Table) -> [Option<Table>; 4] {
    let [_, lender, other, _] = lenders(format);
    [
        Some(table(format, kv)),
        lender.map(|lender| table(lender, kv)),
        other.map(|other| table(other, kv)),
        Some(table(format, kv.other())),
    ]
}
