//! What one engine step contains: integer counts for callers, and the numbers that the compiled functions read.

/// What one engine step contains, summed over its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepShape {
    /// Prompt tokens computed in this step, over all chunks.
    pub prefill_tokens: u64,
    /// Requests that compute prompt tokens.
    pub num_prefills: u32,
    /// Tokens already in the cache before each chunk, summed.
    pub prefill_context: u64,
    /// Query-key pairs of the chunks: sum of `c * past + c * (c + 1) / 2`.
    pub prefill_pairs: u64,
    /// Requests that decode one token.
    pub num_decodes: u32,
    /// Context lengths of the decoding requests, summed.
    pub decode_context: u64,
    /// Sequences that sample a token: all decodes and the prefills that end.
    pub num_sampled: u32,
}

impl StepShape {
    /// A step of `num_decodes` decoding requests and nothing else.
    pub(super) fn decode(num_decodes: u32, decode_context: u64) -> Self {
        Self { num_decodes, decode_context, num_sampled: num_decodes, ..Self::default() }
    }
}

/// A step as the compiled functions see it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Prompt tokens.
    pub prefill_tokens: f64,
    /// Requests that compute prompt tokens.
    pub num_prefills: f64,
    /// Query-key pairs of the prompt tokens.
    pub prefill_pairs: f64,
    /// Decoding requests.
    pub num_decodes: f64,
    /// Mean context of a decoding request.
    pub decode_mean: f64,
    /// Sequences that sample.
    pub num_sampled: f64,
}

impl Load {
    /// The counts as numbers, with means in place of sums.
    pub(super) fn new(shape: &StepShape) -> Self {
        let decodes = f64::from(shape.num_decodes);
        Self {
            prefill_tokens: shape.prefill_tokens as f64,
            num_prefills: f64::from(shape.num_prefills.max(1)),
            prefill_pairs: shape.prefill_pairs as f64,
            num_decodes: decodes,
            decode_mean: if decodes > 0.0 { shape.decode_context as f64 / decodes } else { 0.0 },
            num_sampled: f64::from(shape.num_sampled),
        }
    }

    /// Tokens of the step.
    pub fn tokens(&self) -> f64 {
        self.prefill_tokens + self.num_decodes
    }

    /// Mean tokens before a chunk, weighted by chunk length; chunks count as equally long.
    pub fn prefill_past(&self) -> f64 {
        let chunk = self.prefill_tokens / self.num_prefills;
        (self.prefill_pairs / self.prefill_tokens - f64::midpoint(chunk, 1.0)).max(0.0)
    }
}
