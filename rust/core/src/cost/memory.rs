//! How many tokens of cache fit beside the weights of a layout.
//!
//! Per GPU: memory * utilization - weights - activations of the largest step - what the engine, CUDA graphs and NCCL
//! hold. The stage with the least room decides, because every stage keeps the same tokens.

use super::formats::{KvFormat, WeightFormat};
use super::layout::Layout;
use super::model::{Attention, Ffn, Layers, Model};
use super::sizes::{RankSizes, kv_bytes, rank_sizes, stages};
use crate::{Error, Result};

/// What the memory of a GPU has to hold beside weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryOptions {
    /// Bytes of one GPU.
    pub memory_bytes: u64,
    /// Share of them that the engine may use.
    pub utilization: f64,
    /// Bytes held by the engine itself, CUDA graphs and communication buffers.
    pub reserved_bytes: u64,
    /// Sequences per step.
    pub max_num_seqs: u32,
    /// Tokens per step.
    pub max_num_batched_tokens: u32,
    /// Tokens per cache block.
    pub block_size: u32,
    /// Length for which windowed layers are charged; `None` charges every layer for every token.
    pub context_tokens: Option<u64>,
}

/// What one GPU of a stage holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageMemory {
    /// Weights and cache per token.
    pub sizes: RankSizes,
    /// Largest intermediate tensors of one step.
    pub activation_bytes: u64,
    /// What is left for the cache; negative is what is missing.
    pub cache_bytes: i64,
    /// Bytes of cache per token at the context length asked for.
    pub bytes_per_token: f64,
}

impl StageMemory {
    /// Whole cache blocks that fit.
    pub fn num_blocks(&self, block_size: u32) -> u64 {
        // One part in 10^12 of slack, so that rounding of the division does not lose a block that fits exactly.
        (self.cache_bytes.max(0) as f64 / (self.bytes_per_token * f64::from(block_size)) * (1.0 + 1e-12)).floor() as u64
    }
}

/// An exbibyte: above any machine, and sums of a few stay inside 64 bits.
const MAX_BYTES: u64 = 1 << 60;

impl MemoryOptions {
    fn check(&self) -> Result<()> {
        for (argument, bytes) in [("memory_bytes", self.memory_bytes), ("reserved_bytes", self.reserved_bytes)] {
            if bytes > MAX_BYTES {
                return Err(Error::value(argument, format!("at most {MAX_BYTES}"), bytes));
            }
        }
        if !(self.utilization > 0.0 && self.utilization <= 1.0) {
            return Err(Error::value("gpu_memory_utilization", "above 0 and at most 1", self.utilization));
        }
        for (argument, value) in [
            ("max_num_seqs", self.max_num_seqs),
            ("max_num_batched_tokens", self.max_num_batched_tokens),
            ("block_size", self.block_size),
        ] {
            if value == 0 {
                return Err(Error::value(argument, "at least 1", value));
            }
        }
        match self.context_tokens {
            Some(0) => Err(Error::value("context_tokens", "at least 1", 0)),
            _ => Ok(()),
        }
    }
}

/// Memory of the fullest GPU of each pipeline stage.
pub fn rank_memory(
    model: &Model,
    layout: &Layout,
    weights: WeightFormat,
    kv: KvFormat,
    options: &MemoryOptions,
) -> Result<Vec<StageMemory>> {
    options.check()?;
    let ranks = rank_sizes(model, layout, weights, kv)?;
    let usable = (options.memory_bytes as f64 * options.utilization).floor() as i64;
    let tokens = options.context_tokens.unwrap_or(1);
    Ok(ranks
        .into_iter()
        .zip(stages(model, layout.pipeline))
        .map(|(sizes, layers)| {
            let last = sizes.stage + 1 == layout.pipeline;
            let activation_bytes = activation_bytes(model, &layers, layout, options, last);
            let held = sizes.weight_bytes + activation_bytes + options.reserved_bytes;
            let bytes_per_token = kv_bytes(&layers, layout.tensor, kv, tokens) as f64 / tokens as f64;
            StageMemory { sizes, activation_bytes, cache_bytes: usable - held as i64, bytes_per_token }
        })
        .collect())
}

/// The largest intermediate tensors that live at once: residual stream, its copy and the output of a layer; the widest
/// inside of a layer; on the last stage float32 logits and probabilities of every sampled sequence.
fn activation_bytes(model: &Model, layers: &[Layers], layout: &Layout, options: &MemoryOptions, last: bool) -> u64 {
    let (tokens, hidden) = (u128::from(options.max_num_batched_tokens), u128::from(model.hidden));
    let inside = layers.iter().map(|run| attention_width(run, layout).max(ffn_width(run, layout, hidden))).max();
    let logits = if last { 8 * u128::from(options.max_num_seqs) * u128::from(model.vocab) } else { 0 };
    (2 * tokens * (3 * hidden + inside.unwrap_or(0)) + logits).min(u128::from(MAX_BYTES)) as u64
}

fn attention_width(run: &Layers, layout: &Layout) -> u128 {
    let width = match run.attention {
        Attention::Gqa { num_heads, num_kv_heads, head_dim, .. } => {
            2 * (u128::from(num_heads) + u128::from(num_kv_heads)) * u128::from(head_dim)
        }
        Attention::Mla { num_heads, nope_dim, rope_dim, value_dim, .. } => {
            u128::from(num_heads) * (2 * (u128::from(nope_dim) + u128::from(rope_dim)) + u128::from(value_dim))
        }
    };
    width.div_ceil(u128::from(layout.tensor))
}

/// Gate, up and their product; for experts once per routed copy, with the gathered input.
fn ffn_width(run: &Layers, layout: &Layout, hidden: u128) -> u128 {
    match run.ffn {
        Ffn::Dense { width } => 3 * u128::from(width).div_ceil(u128::from(layout.tensor)),
        Ffn::Moe { top_k, width, shared_width, .. } => {
            let ranks = u128::from(layout.tensor) * u128::from(layout.data);
            // All data-parallel ranks send their tokens; a rank computes its columns of all copies or all columns of
            // its share.
            let copies = u128::from(top_k) * u128::from(layout.data);
            let (copies, columns) = if layout.expert {
                (copies.div_ceil(ranks), u128::from(width))
            } else {
                (copies, u128::from(width).div_ceil(ranks))
            };
            copies * (3 * columns + hidden) + 3 * u128::from(shared_width).div_ceil(u128::from(layout.tensor))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: MemoryOptions = MemoryOptions {
        memory_bytes: 1_000_000,
        utilization: 0.9,
        reserved_bytes: 1000,
        max_num_seqs: 4,
        max_num_batched_tokens: 8,
        block_size: 16,
        context_tokens: None,
    };
    const LAYOUT: Layout = Layout { tensor: 1, pipeline: 1, data: 1, expert: false, redundant: 0 };

    fn tiny() -> Model {
        let attention = Attention::Gqa { num_heads: 2, num_kv_heads: 2, head_dim: 16, window: Some(32) };
        let layers = vec![Layers { count: 2, attention, ffn: Ffn::Dense { width: 64 } }];
        Model { hidden: 32, vocab: 100, tied_embeddings: true, layers }
    }

    fn stage(options: &MemoryOptions) -> Result<StageMemory> {
        rank_memory(&tiny(), &LAYOUT, WeightFormat::Bf16, KvFormat::Bf16, options).map(|stages| stages[0])
    }

    #[test]
    fn the_account_adds_up() {
        let found = stage(&OPTIONS).unwrap();
        let weights = 2 * (100 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 64));
        // 8 tokens of 3 * 32 residual and 3 * 64 inside, float32 logits and probabilities of 4 sequences.
        let activations = 2 * 8 * (3 * 32 + 3 * 64) + 8 * 4 * 100;
        assert_eq!(found.sizes.weight_bytes, weights);
        assert_eq!(found.activation_bytes, activations);
        assert_eq!(found.cache_bytes as u64, 900_000 - weights - activations - 1000);
        assert!((found.bytes_per_token - 256.0).abs() < 1e-9);
        assert_eq!(found.num_blocks(16), found.cache_bytes as u64 / (16 * 256));
    }

    #[test]
    fn windows_count_once_the_length_is_known() {
        let long = stage(&MemoryOptions { context_tokens: Some(64), ..OPTIONS }).unwrap();
        assert!((long.bytes_per_token - 128.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_missing_is_negative_and_holds_no_block() {
        let found = stage(&MemoryOptions { memory_bytes: 1000, ..OPTIONS }).unwrap();
        assert!(found.cache_bytes < 0);
        assert_eq!(found.num_blocks(16), 0);
    }

    #[test]
    fn impossible_options_are_refused() {
        for options in [
            MemoryOptions { utilization: f64::NAN, ..OPTIONS },
            MemoryOptions { utilization: 0.0, ..OPTIONS },
            MemoryOptions { block_size: 0, ..OPTIONS },
            MemoryOptions { memory_bytes: u64::MAX, ..OPTIONS },
            MemoryOptions { context_tokens: Some(0), ..OPTIONS },
        ] {
            assert!(stage(&options).is_err());
        }
        let huge = MemoryOptions { max_num_seqs: u32::MAX, max_num_batched_tokens: u32::MAX, ..OPTIONS };
        assert!(stage(&huge).unwrap().cache_bytes < 0);
    }
}
