//! Operations and bytes of a step (`planner.md` 4.2), for energy and for checks against the peak rates.

use super::curve::Curve;
use super::step::StepShape;

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
    pub flops_per_token: f64,
    /// Operations of the LM head per sampled sequence.
    pub flops_per_sample: f64,
    /// Operations of attention per query-key pair.
    pub flops_per_pair: f64,
    /// Bytes of weights read, by tokens of the step: experts are touched bit by bit.
    pub weight_bytes: Curve,
    /// Bytes of keys and values per token of context.
    pub kv_bytes_per_token: f64,
    /// Bytes of activations per token.
    pub activation_bytes_per_token: f64,
}

impl WorkModel {
    /// Work of one step.
    pub fn of(&self, shape: &StepShape) -> Work {
        let tokens = (shape.prefill_tokens + u64::from(shape.num_decodes)) as f64;
        if tokens == 0.0 {
            return Work::default();
        }
        let pairs = (shape.prefill_pairs + shape.decode_context) as f64;
        // A chunk reads its past once and its own keys from the tile in flight; every token writes its own.
        let kv_tokens = (shape.prefill_context + shape.decode_context) as f64 + tokens;
        Work {
            flops: self.flops_per_token * tokens
                + self.flops_per_sample * f64::from(shape.num_sampled)
                + self.flops_per_pair * pairs,
            bytes: self.weight_bytes.at(tokens)
                + self.kv_bytes_per_token * kv_tokens
                + self.activation_bytes_per_token * tokens,
        }
    }
}
