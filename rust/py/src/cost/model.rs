//! Models, their sizes and their memory per GPU.

use paretoserve_core::cost::memory::rank_memory;
use paretoserve_core::cost::sizes::{RankSizes, kv_bytes, rank_sizes, sizes};
use paretoserve_core::cost::{self, Attention, Ffn, KvFormat, Layout, MemoryOptions, WeightFormat};
use pyo3::prelude::*;

use crate::errors::{detached, to_python};

/// A run of layers, read from the attributes of `paretoserve.cost.Layers`.
#[derive(FromPyObject)]
struct LayersInput {
    count: u32,
    attention: AttentionInput,
    ffn: FfnInput,
}

#[derive(FromPyObject)]
enum AttentionInput {
    Gqa { num_heads: u32, num_kv_heads: u32, head_dim: u32, window: Option<u32> },
    Mla { num_heads: u32, q_lora_rank: Option<u32>, kv_lora_rank: u32, nope_dim: u32, rope_dim: u32, value_dim: u32 },
}

#[derive(FromPyObject)]
enum FfnInput {
    Moe { num_experts: u32, top_k: u32, width: u32, shared_width: u32 },
    Dense { width: u32 },
}

impl From<LayersInput> for cost::Layers {
    fn from(input: LayersInput) -> Self {
        let attention = match input.attention {
            AttentionInput::Gqa { num_heads, num_kv_heads, head_dim, window } => {
                Attention::Gqa { num_heads, num_kv_heads, head_dim, window }
            }
            AttentionInput::Mla { num_heads, q_lora_rank, kv_lora_rank, nope_dim, rope_dim, value_dim } => {
                Attention::Mla { num_heads, q_lora_rank, kv_lora_rank, nope_dim, rope_dim, value_dim }
            }
        };
        let ffn = match input.ffn {
            FfnInput::Dense { width } => Ffn::Dense { width },
            FfnInput::Moe { num_experts, top_k, width, shared_width } => {
                Ffn::Moe { num_experts, top_k, width, shared_width }
            }
        };
        Self { count: input.count, attention, ffn }
    }
}

/// A checked architecture.
#[pyclass(frozen, module = "paretoserve._native")]
pub(crate) struct Model {
    pub(crate) inner: cost::Model,
}

/// Stage, layers, parameters, weight bytes, KV bytes per token.
type RankRow = (u32, u64, u64, u64, u64);

/// Memory of one stage: (layers, parameters, weight bytes, KV bytes per token, activation bytes, cache bytes,
/// cache bytes per token at the context asked for, blocks).
type StageRow = (u64, u64, u64, u64, u64, i64, f64, u64);

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (hidden, vocab, tied_embeddings, layers))]
    fn new(py: Python<'_>, hidden: u32, vocab: u32, tied_embeddings: bool, layers: Vec<LayersInput>) -> PyResult<Self> {
        let layers = layers.into_iter().map(Into::into).collect();
        let inner = cost::Model { hidden, vocab, tied_embeddings, layers };
        inner.check().map_err(|error| to_python(py, &error))?;
        Ok(Self { inner })
    }

    /// (parameters, active parameters, KV elements per token).
    fn sizes(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        let sizes = detached(py, || Ok(sizes(&self.inner)))?;
        Ok((sizes.parameters, sizes.active_parameters, sizes.kv_elements_per_token))
    }

    /// Bytes of the cache of one sequence of `num_tokens`.
    fn kv_bytes(&self, py: Python<'_>, kv_format: &str, num_tokens: u64) -> PyResult<u64> {
        detached(py, || Ok(kv_bytes(&self.inner.layers, 1, KvFormat::parse(kv_format)?, num_tokens)))
    }

    /// Sizes on the fullest GPU of each pipeline stage.
    fn rank_sizes(
        &self,
        py: Python<'_>,
        layout: (u32, u32, u32, bool, u32),
        weight_format: &str,
        kv_format: &str,
    ) -> PyResult<Vec<RankRow>> {
        let (tensor, pipeline, data, expert, redundant) = layout;
        let layout = Layout { tensor, pipeline, data, expert, redundant };
        detached(py, || {
            let (weights, kv) = (WeightFormat::parse(weight_format)?, KvFormat::parse(kv_format)?);
            let ranks = rank_sizes(&self.inner, &layout, weights, kv)?;
            let row = |rank: &RankSizes| {
                (rank.stage, rank.num_layers, rank.parameters, rank.weight_bytes, rank.kv_bytes_per_token)
            };
            Ok(ranks.iter().map(row).collect())
        })
    }

    /// Memory of the fullest GPU of each pipeline stage.
    #[expect(clippy::too_many_arguments, reason = "called by one Python function, which names them")]
    #[pyo3(signature = (layout, weight_format, kv_format, memory_bytes, utilization, reserved_bytes, max_num_seqs,
        max_num_batched_tokens, block_size, context_tokens))]
    fn rank_memory(
        &self,
        py: Python<'_>,
        layout: (u32, u32, u32, bool, u32),
        weight_format: &str,
        kv_format: &str,
        memory_bytes: u64,
        utilization: f64,
        reserved_bytes: u64,
        max_num_seqs: u32,
        max_num_batched_tokens: u32,
        block_size: u32,
        context_tokens: Option<u64>,
    ) -> PyResult<Vec<StageRow>> {
        let (tensor, pipeline, data, expert, redundant) = layout;
        let layout = Layout { tensor, pipeline, data, expert, redundant };
        let options = MemoryOptions {
            memory_bytes,
            utilization,
            reserved_bytes,
            max_num_seqs,
            max_num_batched_tokens,
            block_size,
            context_tokens,
        };
        detached(py, || {
            let (weights, kv) = (WeightFormat::parse(weight_format)?, KvFormat::parse(kv_format)?);
            let stages = rank_memory(&self.inner, &layout, weights, kv, &options)?;
            Ok(stages
                .iter()
                .map(|stage| {
                    let sizes = &stage.sizes;
                    (
                        sizes.num_layers,
                        sizes.parameters,
                        sizes.weight_bytes,
                        sizes.kv_bytes_per_token,
                        stage.activation_bytes,
                        stage.cache_bytes,
                        stage.bytes_per_token,
                        stage.num_blocks(block_size),
                    )
                })
                .collect())
        })
    }
}
