//! The architecture of a model as the cost functions see it, and how it is cut over devices.
//!
//! Layers may differ (windows, dense layers before experts, pruned experts), so a model is a list of runs of equal layers.

/// Attention of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Grouped-query attention; multi-head and multi-query are its special cases.
    Gqa {
        /// Query heads.
        num_heads: u32,
        /// Key and value heads.
        num_kv_heads: u32,
        /// Width of one head.
        head_dim: u32,
        /// Sliding window in tokens, if the layer has one.
        window: Option<u32>,
    },
    /// Multi-head latent attention (DeepSeek-V2): the cache holds one compressed vector per token, shared by all heads.
    Mla {
        /// Query heads.
        num_heads: u32,
        /// Rank of the query compression, if queries are compressed.
        q_lora_rank: Option<u32>,
        /// Rank of the key-value compression: what the cache holds.
        kv_lora_rank: u32,
        /// Width of a head's part without position.
        nope_dim: u32,
        /// Width of the rotary part, shared by all heads and cached.
        rope_dim: u32,
        /// Width of a value head.
        value_dim: u32,
    },
}

/// Feed-forward part of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ffn {
    /// Gated dense layer: three matrices of `hidden` x `width`.
    Dense {
        /// Intermediate width.
        width: u32,
    },
    /// Mixture of experts, each a gated layer of `width`.
    Moe {
        /// Routed experts.
        num_experts: u32,
        /// Routed experts per token.
        top_k: u32,
        /// Intermediate width of one routed expert.
        width: u32,
        /// Intermediate width of all shared experts together; 0 without.
        shared_width: u32,
    },
}

/// A run of equal layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// How many.
    pub count: u32,
    /// Their attention.
    pub attention: Attention,
    /// Their feed-forward part.
    pub ffn: Ffn,
}

/// A decoder-only transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Width of the residual stream.
    pub hidden: u32,
    /// Vocabulary size.
    pub vocab: u32,
    /// Whether input and output embeddings share their weights.
    pub tied_embeddings: bool,
    /// Runs of layers from the first to the last.
    pub layers: Vec<Layers>,
}

/// How one engine (one replica) is cut over GPUs, as in vLLM: it uses `tensor * pipeline * data` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Ranks that share each matrix.
    pub tensor: u32,
    /// Pipeline stages.
    pub pipeline: u32,
    /// Attention replicas inside the engine, which step together.
    pub data: u32,
    /// Whether experts are spread whole over the `tensor * data` ranks instead of being cut by columns.
    pub expert: bool,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// bfloat16.
    Bf16,
    /// FP8 E4M3, one scale per tensor or channel.
    Fp8,
    /// FP8 E4M3, one scale per 128 x 128 block.
    Fp8Block,
    /// 4-bit integer weights, 16-bit activations, groups of 128.
    Int4,
    /// 4-bit float weights with one E8M0 scale per 32.
    Mxfp4,
    /// 4-bit float weights with one E4M3 scale per 16.
    Nvfp4,
}
