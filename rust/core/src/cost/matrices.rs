//! The matrices of a layer as one GPU of a layout holds them.
//!
//! Everything that counts weights goes through this list: parameters, active parameters, bytes per GPU, and the
//! matrix products of a step. Norms and biases are not in it; they are below 0.05 % of any model here.

use super::formats::Role;
use super::layout::Layout;
use super::model::{Attention, Ffn, Layers};

/// Equal matrices of one layer on one GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// What it does.
    pub role: Role,
    /// How many of them the GPU holds.
    pub copies: u64,
    /// Outputs.
    pub rows: u64,
    /// Inputs.
    pub columns: u64,
}

impl Matrix {
    /// Weights in all copies.
    pub(crate) fn parameters(&self) -> u64 {
        self.copies * self.rows * self.columns
    }
}

/// How the matrices of a layer are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Ranks that share attention heads, dense columns and the vocabulary.
    pub tensor: u64,
    /// Ranks over which whole experts are spread.
    pub expert_ranks: u64,
    /// Ranks that share the columns of each expert.
    pub expert_columns: u64,
    /// Copies of experts beyond one each.
    pub redundant: u64,
}

impl Cut {
    /// Everything on one GPU.
    pub(crate) const WHOLE: Self = Self { tensor: 1, expert_ranks: 1, expert_columns: 1, redundant: 0 };
}

impl From<&Layout> for Cut {
    fn from(layout: &Layout) -> Self {
        let ranks = u64::from(layout.tensor) * u64::from(layout.data);
        let (expert_ranks, expert_columns) = if layout.expert { (ranks, 1) } else { (1, ranks) };
        Self { tensor: u64::from(layout.tensor), expert_ranks, expert_columns, redundant: u64::from(layout.redundant) }
    }
}

/// The matrices of one layer of the run on the fullest rank; what does not divide is rounded up.
pub(crate) fn layer_matrices(hidden: u32, layers: &Layers, cut: Cut) -> Vec<Matrix> {
    let mut matrices = attention_matrices(u64::from(hidden), &layers.attention, cut);
    matrices.extend(ffn_matrices(u64::from(hidden), &layers.ffn, cut));
    matrices
}

fn attention_matrices(hidden: u64, attention: &Attention, cut: Cut) -> Vec<Matrix> {
    match *attention {
        Attention::Gqa { num_heads, num_kv_heads, head_dim, .. } => {
            let (heads, kv_heads) = (share(num_heads, cut.tensor), share(num_kv_heads, cut.tensor));
            let matrix = |rows, columns| Matrix { role: Role::Attention, copies: 1, rows, columns };
            let width = u64::from(head_dim);
            vec![matrix((heads + 2 * kv_heads) * width, hidden), matrix(hidden, heads * width)]
        }
        Attention::Mla { num_heads, q_lora_rank, kv_lora_rank, nope_dim, rope_dim, value_dim } => {
            let heads = share(num_heads, cut.tensor);
            let [rank, nope, rope, value] = [kv_lora_rank, nope_dim, rope_dim, value_dim].map(u64::from);
            let matrix = |rows, columns| Matrix { role: Role::LatentAttention, copies: 1, rows, columns };
            // The two down-projections are whole on every rank; the up-projections are cut by heads.
            let mut matrices = match q_lora_rank.map(u64::from) {
                Some(query_rank) => vec![matrix(query_rank, hidden), matrix(heads * (nope + rope), query_rank)],
                None => vec![matrix(heads * (nope + rope), hidden)],
            };
            matrices.extend([
                matrix(rank + rope, hidden),
                matrix(heads * (nope + value), rank),
                matrix(hidden, heads * value),
            ]);
            matrices
        }
    }
}

fn ffn_matrices(hidden: u64, ffn: &Ffn, cut: Cut) -> Vec<Matrix> {
    let gated = |role, copies, width| {
        [
            Matrix { role, copies, rows: 2 * width, columns: hidden },
            Matrix { role, copies, rows: hidden, columns: width },
        ]
    };
    match *ffn {
        Ffn::Dense { width } => gated(Role::Dense, 1, share(width, cut.tensor)).to_vec(),
        Ffn::Moe { num_experts, width, shared_width, .. } => {
            let router = Matrix { role: Role::Router, copies: 1, rows: u64::from(num_experts), columns: hidden };
            let mut matrices = vec![router];
            let copies = (u64::from(num_experts) + cut.redundant).div_ceil(cut.expert_ranks);
            matrices.extend(gated(Role::Expert, copies, share(width, cut.expert_columns)));
            if shared_width > 0 {
                matrices.extend(gated(Role::Dense, 1, share(shared_width, cut.tensor)));
            }
            matrices
        }
    }
}

/// What the fullest of `ranks` gets of `count`; at least 1, because what cannot be cut is replicated.
fn share(count: u32, ranks: u64) -> u64 {
    u64::from(count).div_ceil(ranks)
}
