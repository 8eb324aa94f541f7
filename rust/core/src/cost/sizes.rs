//! How large a model is: parameters, active parameters and bytes of the KV cache, whole and per GPU of a layout.
//!
//! Formulas: attention `2 h n_q d + 2 h n_kv d` (MLA: its five projections), feed-forward `3 h w` per gated layer or
//! expert plus `h E` for a router, embeddings `V h` once if tied and twice if not.

use super::formats::{KvFormat, Role, WeightFormat};
use super::layout::Layout;
use super::matrices::{Cut, Matrix, layer_matrices};
use super::model::{Attention, Ffn, Layers, Model};
use crate::Result;

/// Sizes that do not depend on formats or layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Weights in all matrices, embeddings included.
    pub parameters: u64,
    /// Weights that one token multiplies: every layer with `top_k` routed experts, and the output head once.
    pub active_parameters: u64,
    /// Numbers cached per token while no window is full.
    pub kv_elements_per_token: u64,
}

/// What the fullest GPU of one pipeline stage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankSizes {
    /// Pipeline stage, from 0.
    pub stage: u32,
    /// Layers of the stage.
    pub num_layers: u64,
    /// Weights.
    pub parameters: u64,
    /// Bytes of the weights with their scales.
    pub weight_bytes: u64,
    /// Bytes cached per token while no window is full.
    pub kv_bytes_per_token: u64,
}

/// Sizes of a checked model.
pub fn sizes(model: &Model) -> Sizes {
    let embedding = u64::from(model.vocab) * u64::from(model.hidden);
    let mut sizes = Sizes {
        parameters: if model.tied_embeddings { embedding } else { 2 * embedding },
        active_parameters: embedding,
        kv_elements_per_token: 0,
    };
    for run in &model.layers {
        let count = u64::from(run.count);
        for matrix in layer_matrices(model.hidden, run, Cut::WHOLE) {
            sizes.parameters += count * matrix.parameters();
            sizes.active_parameters += count * active(&matrix, &run.ffn);
        }
        sizes.kv_elements_per_token += count * kv_elements(&run.attention, 1);
    }
    sizes
}

fn active(matrix: &Matrix, ffn: &Ffn) -> u64 {
    match *ffn {
        Ffn::Moe { top_k, .. } if matrix.role == Role::Expert => u64::from(top_k) * matrix.rows * matrix.columns,
        _ => matrix.parameters(),
    }
}

/// Bytes of the cache of one sequence of `num_tokens` over `layers`, on one of `tensor` ranks. Windowed layers stop
/// growing at their window. KV heads are replicated when there are fewer than ranks; the latent vector of MLA always
/// is.
pub fn kv_bytes(layers: &[Layers], tensor: u32, format: KvFormat, num_tokens: u64) -> u64 {
    let bytes = layers.iter().map(|run| {
        let tokens = match run.attention {
            Attention::Gqa { window: Some(window), .. } => num_tokens.min(u64::from(window)),
            _ => num_tokens,
        };
        u64::from(run.count).saturating_mul(kv_elements(&run.attention, tensor)).saturating_mul(tokens)
    });
    bytes.fold(0, u64::saturating_add).saturating_mul(format.bytes())
}

fn kv_elements(attention: &Attention, tensor: u32) -> u64 {
    match *attention {
        Attention::Gqa { num_kv_heads, head_dim, .. } => {
            2 * u64::from(num_kv_heads.div_ceil(tensor)) * u64::from(head_dim)
        }
        Attention::Mla { kv_lora_rank, rope_dim, .. } => u64::from(kv_lora_rank) + u64::from(rope_dim),
    }
}

/// The runs of layers of each pipeline stage. As in vLLM, what does not divide goes one layer each to the stages before
/// the last, from the back: the first and the last stage also hold embeddings.
pub fn stages(model: &Model, pipeline: u32) -> Vec<Vec<Layers>> {
    let (stages, layers) = (u64::from(pipeline), model.num_layers());
    let (base, rest) = (layers / stages, layers % stages);
    let mut runs = model.layers.iter().copied();
    let mut current = runs.next();
    let take = |count: u64| {
        let (mut wanted, mut taken) = (count, Vec::new());
        while let Some(run) = current.as_mut().filter(|_| wanted > 0) {
            let part = wanted.min(u64::from(run.count)) as u32;
            taken.push(Layers { count: part, ..*run });
            wanted -= u64::from(part);
            run.count -= part;
            if run.count == 0 {
                current = runs.next();
            }
        }
        taken
    };
    (0..stages).map(|stage| base + u64::from(stage + 1 < stages && stage + 1 + rest >= stages)).map(take).collect()
}

/// What the fullest GPU of each pipeline stage holds.
pub fn rank_sizes(model: &Model, layout: &Layout, weights: WeightFormat, kv: KvFormat) -> Result<Vec<RankSizes>> {
    layout.check(model, weights)?;
    let cut = Cut::from(layout);
    let has_experts = model.has_experts();
    let embedding = Matrix {
        role: Role::Embedding,
        copies: 1,
        rows: u64::from(model.vocab).div_ceil(cut.tensor),
        columns: u64::from(model.hidden),
    };
    let ranks = stages(model, layout.pipeline).into_iter().zip(0_u32..).map(|(layers, stage)| {
        let mut rank = RankSizes {
            stage,
            num_layers: layers.iter().map(|run| u64::from(run.count)).sum(),
            parameters: 0,
            weight_bytes: 0,
            kv_bytes_per_token: kv_bytes(&layers, layout.tensor, kv, 1),
        };
        let mut add = |count: u64, matrix: &Matrix| {
            let stored = weights.applied_to(matrix.role, has_experts);
            rank.parameters += count * matrix.parameters();
            rank.weight_bytes += count * matrix.copies * stored.matrix_bytes(matrix.rows, matrix.columns);
        };
        for run in &layers {
            for matrix in layer_matrices(model.hidden, run, cut) {
                add(u64::from(run.count), &matrix);
            }
        }
        let (first, last) = (stage == 0, stage + 1 == layout.pipeline);
        // Tied weights are one copy only where both ends are on the same GPU.
        let copies = if first && last && model.tied_embeddings { 1 } else { u64::from(first) + u64::from(last) };
        add(copies, &embedding);
        rank
    });
    Ok(ranks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Llama-3.1-8B.
    fn llama() -> Model {
        let attention = Attention::Gqa { num_heads: 32, num_kv_heads: 8, head_dim: 128, window: None };
        let layers = vec![Layers { count: 32, attention, ffn: Ffn::Dense { width: 14_336 } }];
        Model { hidden: 4096, vocab: 128_256, tied_embeddings: false, layers }
    }

    #[test]
    fn parameters_follow_the_formula() {
        let layer = 2 * 4096 * 32 * 128 + 2 * 4096 * 8 * 128 + 3 * 4096 * 14_336;
        let embedding = 128_256 * 4096;
        let found = sizes(&llama());
        assert_eq!(found.parameters, 32 * layer + 2 * embedding);
        assert_eq!(found.active_parameters, 32 * layer + embedding);
        assert_eq!(found.kv_elements_per_token, 32 * 2 * 8 * 128);
    }

    #[test]
    fn more_ranks_than_kv_heads_replicate_them() {
        let bytes = |tensor| kv_bytes(&llama().layers, tensor, KvFormat::Bf16, 1);
        assert_eq!([1, 4, 8, 16].map(bytes), [131_072, 32_768, 16_384, 16_384]);
    }
}
