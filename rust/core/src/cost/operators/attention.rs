//! Attention over a cache with grouped-query heads: prompt chunks and single new tokens, with or without a sliding
//! window.

use super::{Estimate, Features, Operator, Operators, Table, roofline};
use crate::cost::{KvFormat, Peak, Provenance};

/// Heads of one rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heads {
    /// Query heads.
    pub num_heads: f64,
    /// Key and value heads.
    pub num_kv_heads: f64,
    /// Width of one head.
    pub head_dim: f64,
    /// Sliding window in tokens; infinite without one.
    pub window: f64,
}

/// `batch` equal prompt chunks of `chunk` tokens, each behind `past` tokens that are already in the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrefillAttention {
    /// Heads of the rank.
    pub heads: Heads,
    /// Format of the cache.
    pub kv: KvFormat,
    /// Requests.
    pub batch: f64,
    /// New tokens of each.
    pub chunk: f64,
    /// Cached tokens of each.
    pub past: f64,
}

/// One new token for each of `batch` requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodeAttention {
    /// Heads of the rank.
    pub heads: Heads,
    /// Format of the cache.
    pub kv: KvFormat,
    /// Requests.
    pub batch: f64,
    /// Tokens each of them attends to, the new one included.
    pub context: f64,
}

const LAUNCH_NS: f64 = 6000.0;

/// Launch and share of the bandwidth of decode attention that finds nothing in the L2.
const COLD_NS: f64 = 10_000.0;
const COLD_FRACTION: f64 = 0.8;

/// Queries that one block of a prefill kernel serves; each multiprocessor runs one block at a time.
const QUERIES_PER_BLOCK: f64 = 64.0;

/// Query-key pairs of one chunk: query `i` sees `min(past + i, window)` keys.
fn pairs(chunk: f64, past: f64, window: f64) -> f64 {
    let growing = (window - past).clamp(0.0, chunk);
    growing * past + growing * (growing + 1.0) / 2.0 + (chunk - growing) * window.min(past + chunk)
}

impl Operator for PrefillAttention {
    /// Logarithms of chunk, requests x heads, group size, head width, and chunk over visible keys (the window's
    /// effect).
    const AXES: usize = 5;

    fn features(&self, peak: &Peak) -> Features {
        let Self { heads, kv, batch, chunk, past } = *self;
        if batch * chunk == 0.0 {
            return Features::NONE;
        }
        let pairs = pairs(chunk, past, heads.window);
        let flops = 4.0 * batch * heads.num_heads * heads.head_dim * pairs / peak.bf16_flops;
        let keys = (past + chunk).min(heads.window + chunk);
        let bytes = batch
            * heads.head_dim
            * (4.0 * heads.num_heads * chunk + 2.0 * heads.num_kv_heads * keys * kv.bytes() as f64);
        // Blocks run in waves, and the last one walks all keys: with few queries behind a long past most of the GPU
        // idles.
        let rate = peak.bf16_flops / f64::from(peak.multiprocessors);
        let blocks = batch * heads.num_heads * (chunk / QUERIES_PER_BLOCK).ceil();
        let waves = (blocks / f64::from(peak.multiprocessors)).ceil();
        let walk = 4.0 * QUERIES_PER_BLOCK * heads.head_dim / rate;
        let block = walk * keys.max(waves * pairs / chunk);
        // Twice the mean number of visible keys less one: the chunk itself when nothing is cached and no window cuts.
        let depth = 2.0 * pairs / chunk - 1.0;
        // The tables have no cached tokens. A chunk behind a long past is looked up as a full prompt with as deep tiles
        // and as much work: more tokens, fewer heads.
        let length = depth.max(chunk);
        let parallel = batch * heads.num_heads * chunk * depth / (length * depth.min(length)).max(1.0);
        Features {
            analytic_ns: roofline(LAUNCH_NS, flops.max(block), bytes / peak.memory_bandwidth),
            point: [
                length.log2(),
                parallel.log2(),
                (heads.num_heads / heads.num_kv_heads).log2(),
                heads.head_dim.log2(),
                (length / depth).log2(),
                0.0,
            ],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        borrowed(self.kv, Table::Prefill)
    }
}

impl DecodeAttention {
    /// Bytes of keys and values read, queries and results.
    fn bytes(&self) -> f64 {
        let Heads { num_heads, num_kv_heads, head_dim, window } = self.heads;
        let cached = 2.0 * num_kv_heads * self.context.min(window) * self.kv.bytes() as f64;
        self.batch * head_dim * (cached + 4.0 * num_heads)
    }
}

impl Operator for DecodeAttention {
    /// Logarithms of requests, visible keys, key-value heads, group size and head width; 1 with a window, which runs
    /// another kernel even where it cuts nothing.
    const AXES: usize = 6;

    fn features(&self, peak: &Peak) -> Features {
        let Self { heads, batch, context, .. } = *self;
        if batch * context == 0.0 {
            return Features::NONE;
        }
        let keys = context.min(heads.window);
        let flops = 4.0 * batch * heads.num_heads * heads.head_dim * keys / peak.bf16_flops;
        let bytes = self.bytes();
        // More heads than the tables have are looked up as more requests: the same number of independent streams.
        let kv_heads = heads.num_kv_heads.min(8.0);
        Features {
            analytic_ns: roofline(LAUNCH_NS, flops, bytes / peak.memory_bandwidth),
            point: [
                (batch * heads.num_kv_heads / kv_heads).log2(),
                keys.log2(),
                kv_heads.log2(),
                (heads.num_heads / heads.num_kv_heads).log2(),
                heads.head_dim.log2(),
                f64::from(u8::from(heads.window.is_finite())),
            ],
        }
    }

    fn tables(&self) -> [Option<Table>; 4] {
        borrowed(self.kv, Table::Decode)
    }
}

impl Operators {
    /// Decode attention inside a model, whose other layers push the cache out of the L2 before it is read again.
    ///
    /// The tables repeat one call, so that caches below the size of the L2 (50 to 130 MB) are read from it: two to
    /// three times too fast. Checked against profiles of whole vLLM layers on RTX PRO 6000: 7 to 8 % mean error where
    /// the table alone has 15 %.
    pub fn decode_cold(&self, call: &DecodeAttention) -> Estimate {
        let table = self.estimate(call);
        let cold_ns = roofline(COLD_NS, 0.0, call.bytes() / (self.peak.memory_bandwidth * COLD_FRACTION));
        if table.ns == 0.0 || table.ns >= cold_ns {
            return table;
        }
        Estimate { ns: cold_ns, provenance: table.provenance.max(Provenance::Fitted) }
    }
}

/// The table of a cache format, then that of the other one.
fn borrowed(kv: KvFormat, table: impl Fn(KvFormat) -> Table) -> [Option<Table>; 4] {
    [Some(table(kv)), Some(table(kv.other())), None, None]
}
