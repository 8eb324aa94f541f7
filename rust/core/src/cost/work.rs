//! Operations and bytes of a step, for energy and for checks against the peak rates.

use super::experts::Routing;
use super::formats::{KvFormat, Role, WeightFormat};
use super::matrices::{Cut, Matrix, layer_matrices};
use super::model::{Attention, Ffn, Layers, Model};
use super::shape::StepShape;
use super::sizes::kv_bytes;

/// What a step computes and moves on all GPUs of the engine, for energy.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes read from or written to device memory.
    pub bytes: f64,
}

/// What a step costs in operations and bytes, as sums over its counts; all zero when the model is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkModel {
    /// Operations of the matrix products per token.
    flops_per_token: f64,
    /// Operations of the LM head per sampled sequence.
    flops_per_sample: f64,
    /// Bytes of the weights that every step reads.
    weight_bytes: f64,
    /// Bytes of activations per token: each product reads its input and writes its output.
    activation_bytes_per_token: f64,
    /// Routed experts: bytes of one expert in all layers of the run, and how many there are.
    experts: Vec<(f64, Routing)>,
    attention: Vec<AttentionWork>,
}

/// Attention of a run of layers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct AttentionWork {
    window: f64,
    flops_per_prefill_pair: f64,
    flops_per_decode_pair: f64,
    kv_bytes_per_token: f64,
}

impl WorkModel {
    /// Work of a model in these formats on all ranks together; each data-parallel rank counts its own steps.
    pub fn new(model: &Model, weights: WeightFormat, kv: KvFormat) -> Self {
        let has_experts = model.has_experts();
        let head = 2.0 * f64::from(model.vocab) * f64::from(model.hidden);
        // The head's weights take as many bytes in bfloat16 as one product with them takes operations.
        let mut work = Self { flops_per_sample: head, weight_bytes: head, ..Self::default() };
        for run in &model.layers {
            let count = f64::from(run.count);
            for matrix in layer_matrices(model.hidden, run, Cut::WHOLE) {
                let bytes =
                    weights.applied_to(matrix.role, has_experts).matrix_bytes(matrix.rows, matrix.columns) as f64;
                work.add(count, &matrix, &run.ffn, bytes);
            }
            work.attention.push(AttentionWork::new(run, kv));
        }
        work
    }

    fn add(&mut self, count: f64, matrix: &Matrix, ffn: &Ffn, bytes: f64) {
        let mut used = matrix.copies as f64;
        match *ffn {
            Ffn::Moe { num_experts, top_k, .. } if matrix.role == Role::Expert => {
                used = f64::from(top_k);
                self.experts.push((count * bytes, Routing { num_experts, top_k, ranks: 1 }));
            }
            _ => self.weight_bytes += count * used * bytes,
        }
        self.flops_per_token += 2.0 * count * used * (matrix.rows * matrix.columns) as f64;
        self.activation_bytes_per_token += 2.0 * count * used * (matrix.rows + matrix.columns) as f64;
    }

    /// Work of one step of data-parallel ranks together (`shapes`: one per rank). Each rank reads its own copy of all
    /// weights but the experts, which are spread over the ranks: one that tokens of several ranks touch is read once.
    pub fn of(&self, shapes: impl IntoIterator<Item = StepShape>) -> Work {
        let mut total = Work::default();
        let mut tokens = 0.0;
        for shape in shapes {
            let own = self.without_experts(&shape);
            total.flops += own.flops;
            total.bytes += own.bytes;
            tokens += (shape.prefill_tokens + u64::from(shape.num_decodes)) as f64;
        }
        for (expert_bytes, routing) in &self.experts {
            total.bytes += if tokens > 0.0 { expert_bytes * routing.touched(tokens) } else { 0.0 };
        }
        total
    }

    /// Work of a rank's step except the reading of experts.
    fn without_experts(&self, shape: &StepShape) -> Work {
        let tokens = (shape.prefill_tokens + u64::from(shape.num_decodes)) as f64;
        if tokens == 0.0 {
            return Work::default();
        }
        let mut flops = self.flops_per_token * tokens + self.flops_per_sample * f64::from(shape.num_sampled);
        let mut bytes = self.weight_bytes + self.activation_bytes_per_token * tokens;
        for layers in &self.attention {
            let prefill_pairs = (shape.prefill_pairs as f64).min(layers.window * shape.prefill_tokens as f64);
            let past = (shape.prefill_context as f64).min(layers.window * f64::from(shape.num_prefills));
            let decode_pairs = (shape.decode_context as f64).min(layers.window * f64::from(shape.num_decodes));
            flops += layers.flops_per_prefill_pair * prefill_pairs + layers.flops_per_decode_pair * decode_pairs;
            // A chunk reads its past once and its own keys from the tile in flight; every token writes its own.
            bytes += layers.kv_bytes_per_token * (past + decode_pairs + tokens);
        }
        Work { flops, bytes }
    }
}

impl AttentionWork {
    fn new(run: &Layers, kv: KvFormat) -> Self {
        let (window, prefill, decode) = match run.attention {
            Attention::Gqa { num_heads, head_dim, window, .. } => {
                let flops = 4.0 * f64::from(num_heads) * f64::from(head_dim);
                (window, flops, flops)
            }
            Attention::Mla { num_heads, kv_lora_rank, nope_dim, rope_dim, value_dim, .. } => {
                let heads = f64::from(num_heads);
                let prefill = 2.0 * heads * f64::from(nope_dim + rope_dim + value_dim);
                // Decode multiplies the compressed vectors themselves.
                (None, prefill, 2.0 * heads * f64::from(2 * kv_lora_rank + rope_dim))
            }
        };
        let count = f64::from(run.count);
        Self {
            window: window.map_or(f64::INFINITY, f64::from),
            flops_per_prefill_pair: count * prefill,
            flops_per_decode_pair: count * decode,
            kv_bytes_per_token: kv_bytes(std::slice::from_ref(run), 1, kv, 1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_hand() {
        let attention = Attention::Gqa { num_heads: 4, num_kv_heads: 2, head_dim: 8, window: Some(10) };
        let ffn = Ffn::Moe { num_experts: 4, top_k: 2, width: 16, shared_width: 0 };
        let layers = vec![Layers { count: 3, attention, ffn }];
        let model = Model { hidden: 32, vocab: 100, tied_embeddings: true, layers };
        let work = WorkModel::new(&model, WeightFormat::Bf16, KvFormat::Bf16);
        let shape = StepShape { num_decodes: 1, decode_context: 50, num_sampled: 1, ..StepShape::default() };
        let found = work.of([shape]);
        let (qkvo, router, expert) = (64.0 * 32.0 + 32.0 * 32.0, 4.0 * 32.0, 3.0 * 16.0 * 32.0);
        let flops = 2.0 * 3.0 * (qkvo + router + 2.0 * expert) + 2.0 * 3200.0 + 3.0 * 4.0 * 32.0 * 10.0;
        assert!((found.flops - flops).abs() < 1e-6, "{} {flops}", found.flops);
        let weights = 2.0 * (3.0 * (qkvo + router + 2.0 * expert) + 3200.0);
        let activations = 3.0 * 2.0 * (64.0 + 32.0 + 64.0 + 4.0 + 32.0 + 2.0 * (64.0 + 48.0));
        let kv = 3.0 * 2.0 * 2.0 * 8.0 * 2.0 * 11.0;
        assert!((found.bytes - weights - activations - kv).abs() < 1e-6, "{}", found.bytes);
        assert_eq!(work.of([StepShape::default()]), Work::default());
    }

    #[test]
    fn ranks_share_the_experts_and_nothing_else() {
        let attention = Attention::Gqa { num_heads: 4, num_kv_heads: 2, head_dim: 8, window: None };
        let ffn = Ffn::Moe { num_experts: 4, top_k: 2, width: 16, shared_width: 0 };
        let layers = vec![Layers { count: 1, attention, ffn }];
        let model = Model { hidden: 32, vocab: 100, tied_embeddings: true, layers };
        let work = WorkModel::new(&model, WeightFormat::Bf16, KvFormat::Bf16);
        let shape = StepShape { num_decodes: 1000, decode_context: 50_000, num_sampled: 1000, ..StepShape::default() };
        let (one, two) = (work.of([shape]), work.of([shape, shape]));
        assert!((two.flops - 2.0 * one.flops).abs() < 1e-3);
        // With so many tokens every expert is read, once.
        let experts = 2.0 * 4.0 * 3.0 * 16.0 * 32.0;
        assert!((2.0 * one.bytes - two.bytes - experts).abs() < 1e-3, "{}", 2.0 * one.bytes - two.bytes);
        assert_eq!(work.of([shape, StepShape::default()]), one);
    }
}
