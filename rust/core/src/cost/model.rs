//! The architecture of a model as the cost functions see it.
//!
//! Layers may differ (windows, dense layers before experts, pruned experts), so a model is a list of runs of equal
//! layers.

use crate::{Error, Result};

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

impl Model {
    /// Refuse what cannot be a model: no layers, a zero size, or sizes whose weights no machine could hold.
    pub fn check(&self) -> Result<()> {
        positive("hidden", self.hidden)?;
        positive("vocab", self.vocab)?;
        if self.layers.is_empty() {
            return Err(Error::value("layers", "at least one run of layers", "none"));
        }
        self.layers.iter().try_for_each(Layers::check)?;
        // In floating point, because the integer product is what could overflow.
        let parameters: f64 = self.layers.iter().map(|run| run.estimate(f64::from(self.hidden))).sum::<f64>()
            + 2.0 * f64::from(self.hidden) * f64::from(self.vocab);
        if parameters > MAX_PARAMETERS {
            return Err(Error::value(
                "layers",
                format!("a model of at most {MAX_PARAMETERS:e} parameters"),
                format!("{parameters:e}"),
            ));
        }
        Ok(())
    }

    /// Whether any layer is a mixture of experts.
    pub fn has_experts(&self) -> bool {
        self.layers.iter().any(|run| matches!(run.ffn, Ffn::Moe { .. }))
    }

    /// Layers in all runs.
    pub fn num_layers(&self) -> u64 {
        self.layers.iter().map(|run| u64::from(run.count)).sum()
    }
}

/// Far above any model, far below where 64-bit byte counts overflow.
const MAX_PARAMETERS: f64 = 1e15;

fn positive(argument: &'static str, value: u32) -> Result<()> {
    if value == 0 { Err(Error::value(argument, "at least 1", value)) } else { Ok(()) }
}

impl Layers {
    fn check(&self) -> Result<()> {
        positive("count", self.count)?;
        match self.attention {
            Attention::Gqa { num_heads, num_kv_heads, head_dim, window } => {
                positive("num_heads", num_heads)?;
                positive("num_kv_heads", num_kv_heads)?;
                positive("head_dim", head_dim)?;
                if !num_heads.is_multiple_of(num_kv_heads) {
                    return Err(Error::value(
                        "num_kv_heads",
                        format!("a divisor of `num_heads` {num_heads}"),
                        num_kv_heads,
                    ));
                }
                window.map_or(Ok(()), |window| positive("window", window))?;
            }
            Attention::Mla { num_heads, q_lora_rank, kv_lora_rank, nope_dim, rope_dim, value_dim } => {
                positive("num_heads", num_heads)?;
                q_lora_rank.map_or(Ok(()), |rank| positive("q_lora_rank", rank))?;
                positive("kv_lora_rank", kv_lora_rank)?;
                positive("nope_dim", nope_dim)?;
                positive("rope_dim", rope_dim)?;
                positive("value_dim", value_dim)?;
            }
        }
        match self.ffn {
            Ffn::Dense { width } => positive("width", width),
            Ffn::Moe { num_experts, top_k, width, .. } => {
                positive("num_experts", num_experts)?;
                positive("width", width)?;
                if top_k == 0 || top_k > num_experts {
                    return Err(Error::value("top_k", format!("1 to `num_experts` {num_experts}"), top_k));
                }
                Ok(())
            }
        }
    }

    /// An upper estimate of the parameters of the run.
    fn estimate(&self, hidden: f64) -> f64 {
        let attention = match self.attention {
            Attention::Gqa { num_heads, num_kv_heads, head_dim, .. } => {
                2.0 * hidden * f64::from(head_dim) * (f64::from(num_heads) + f64::from(num_kv_heads))
            }
            Attention::Mla { num_heads, q_lora_rank, kv_lora_rank, nope_dim, rope_dim, value_dim } => {
                let rank = hidden.max(q_lora_rank.map_or(0.0, f64::from)).max(f64::from(kv_lora_rank));
                let width = f64::from(nope_dim) + f64::from(rope_dim) + f64::from(value_dim);
                4.0 * rank * f64::from(num_heads) * width + 4.0 * hidden * rank
            }
        };
        let ffn = match self.ffn {
            Ffn::Dense { width } => 3.0 * hidden * f64::from(width),
            Ffn::Moe { num_experts, width, shared_width, .. } => {
                3.0 * hidden * (f64::from(width) * f64::from(num_experts) + f64::from(shared_width))
                    + hidden * f64::from(num_experts)
            }
        };
        f64::from(self.count) * (attention + ffn)
    }
}
