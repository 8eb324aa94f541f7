//! How long one engine step takes and what it reads and computes.

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

/// What a step computes and moves on all GPUs of the engine, for energy.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes read from or written to device memory.
    pub bytes: f64,
}

/// Step time of one model on one layout and system.
#[derive(Debug, Clone)]
pub struct StepTime {
    base_ns: f64,
    per_prefill_token_ns: f64,
    per_decode_ns: f64,
    per_context_token_ns: f64,
}

impl StepTime {
    /// `base + a * prefill tokens + b * decodes + c * context tokens read`: for tests, theory and black-box endpoints.
    pub fn linear(base_ns: f64, per_prefill_token_ns: f64, per_decode_ns: f64, per_context_token_ns: f64) -> Self {
        Self { base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns }
    }

    /// Nanoseconds of one step of one engine.
    pub fn step_ns(&self, shape: &StepShape) -> f64 {
        self.base_ns
            + self.per_prefill_token_ns * shape.prefill_tokens as f64
            + self.per_decode_ns * f64::from(shape.num_decodes)
            + self.per_context_token_ns * (shape.decode_context + shape.prefill_context) as f64
    }

    /// Nanoseconds of one step of data-parallel ranks that wait for each other (`shapes`: one per rank).
    pub fn lockstep_ns(&self, shapes: &[StepShape]) -> f64 {
        shapes.iter().map(|shape| self.step_ns(shape)).fold(0.0, f64::max)
    }

    /// Nanoseconds of `num_steps` pure decode steps in a row, in closed form: each step adds one token of context to each of
    /// `num_decodes` requests; `decode_context` is the sum before the first.
    pub fn decode_run_ns(&self, num_decodes: u32, decode_context: u64, num_steps: u64) -> f64 {
        let (n, steps) = (f64::from(num_decodes), num_steps as f64);
        let context = steps * decode_context as f64 + n * steps * (steps - 1.0) / 2.0;
        steps * (self.base_ns + self.per_decode_ns * n) + self.per_context_token_ns * context
    }

    /// What a step computes and moves.
    pub fn work(&self, _shape: &StepShape) -> Work {
        Work::default()
    }
}
