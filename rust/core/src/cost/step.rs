//! How long one engine step takes and what it reads and computes.
//!
//! A [`StepTime`] is compiled once for a model, layout, formats and system into a few small functions, so that one step
//! of a simulation costs a fraction of a microsecond: a curve in the tokens of the step (matrix products, norms,
//! collectives), one in the tokens of all data-parallel ranks (experts), one in the sampled sequences (LM head,
//! sampler), attention from sums over the requests, and host time. With pipeline stages a step is the pass of one batch
//! through all of them; who keeps several batches in flight enters the next one when the first stage is free.

use super::attention::AttentionTime;
use super::curve::Curve;
use super::provenance::Provenance;
use super::shape::{Load, StepShape};
use super::terms::{self, By, Share, Term};
use super::work::{Work, WorkModel};
use crate::Result;

/// Time proportional to counts of the step: all of a linear model, and the host's share of any other.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Linear {
    /// Every step.
    pub base_ns: f64,
    /// Each prompt token.
    pub per_prefill_token_ns: f64,
    /// Each decoding request.
    pub per_decode_ns: f64,
    /// Each token of context that is read.
    pub per_context_token_ns: f64,
}

/// Pipeline stages of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// Layers of the longest stage over the mean: batches follow each other at its pace.
    pub stretch: f64,
    /// Nanoseconds of all hops between stages by tokens.
    pub hops: Curve,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self { stretch: 1.0, hops: Curve::default() }
    }
}

/// What a step consists of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// Host time.
    pub host: Linear,
    /// Operators that depend on one count: products, norms, collectives, experts and their dispatch, sampling.
    pub terms: Vec<Term>,
    /// Each kind of attention layer.
    pub attention: Vec<AttentionTime>,
    /// Stages.
    pub pipeline: Pipeline,
    /// Operations and bytes.
    pub work: WorkModel,
    /// Tokens of the rank with most expert work over the mean, by tokens of all ranks; empty without such ranks.
    pub imbalance: Curve,
}

/// Step time of one model on one layout and system.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    parts: Parts,
    /// Sums of the terms by what they depend on.
    tokens: Curve,
    shared: Curve,
    sampled: Curve,
}

impl StepTime {
    /// `base + a * prefill tokens + b * decodes + c * context tokens read`: for tests, theory and black-box endpoints.
    pub fn linear(base_ns: f64, per_prefill_token_ns: f64, per_decode_ns: f64, per_context_token_ns: f64) -> Self {
        let host = Linear { base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns };
        let parts = Parts { host, ..Parts::default() };
        Self { parts, tokens: Curve::default(), shared: Curve::default(), sampled: Curve::default() }
    }

    /// Compile a step from its parts.
    pub fn new(parts: Parts) -> Result<Self> {
        let [tokens, shared, sampled] =
            [By::Tokens, By::SharedTokens, By::Sampled].map(|by| terms::sum(&parts.terms, by));
        Ok(Self { tokens: tokens?, shared: shared?, sampled: sampled?, parts })
    }

    /// Tokens of the rank with most expert work over the mean of all ranks, when all have `tokens` tokens together; 1
    /// without expert parallelism.
    pub fn imbalance(&self, tokens: f64) -> f64 {
        self.parts.imbalance.at(tokens).max(1.0)
    }

    /// What the step consists of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Nanoseconds of one step of one engine; of one data-parallel rank while the others are idle.
    pub fn step_ns(&self, shape: &StepShape) -> f64 {
        let load = Load::new(shape);
        let tokens = load.tokens();
        self.staged(self.rank(shape, &load) + self.shared.at(tokens), self.parts.pipeline.hops.at(tokens))
    }

    /// Nanoseconds of one step of data-parallel ranks that wait for each other (`shapes`: one per rank): the slowest
    /// rank's own work, then the experts on the tokens of all.
    pub fn lockstep_ns(&self, shapes: &[StepShape]) -> f64 {
        let (mut slowest, mut most, mut tokens) = (0.0f64, 0.0f64, 0.0);
        for shape in shapes {
            let load = Load::new(shape);
            slowest = slowest.max(self.rank(shape, &load));
            most = most.max(load.tokens());
            tokens += load.tokens();
        }
        self.staged(slowest + self.shared.at(tokens), self.parts.pipeline.hops.at(most))
    }

    /// Nanoseconds of `num_steps` pure decode steps in a row, in closed form: each step adds one token of context to
    /// each of `num_decodes` requests; `decode_context` is the sum before the first.
    pub fn decode_run_ns(&self, num_decodes: u32, decode_context: u64, num_steps: u64) -> f64 {
        let (shape, steps) = (StepShape::decode(num_decodes, decode_context), num_steps as f64);
        let load = Load::new(&shape);
        let grown = self.parts.host.per_context_token_ns * f64::from(num_decodes) * steps * (steps - 1.0) / 2.0;
        let mut pass = steps * (self.fixed(&shape, &load) + self.shared.at(load.tokens())) + grown;
        for kind in &self.parts.attention {
            pass += kind.run(load.num_decodes, load.decode_mean, num_steps);
        }
        let hops = steps * self.parts.pipeline.hops.at(load.tokens());
        self.staged(pass, hops)
    }

    /// What a step computes and moves.
    pub fn work(&self, shape: &StepShape) -> Work {
        self.lockstep_work([*shape])
    }

    /// What a step of data-parallel ranks computes and moves (`shapes`: one per rank).
    pub fn lockstep_work(&self, shapes: impl IntoIterator<Item = StepShape>) -> Work {
        self.parts.work.of(shapes)
    }

    /// The parts of [`Self::step_ns`]; their times add up to it.
    pub fn explain(&self, shape: &StepShape) -> Vec<Share> {
        let load = Load::new(shape);
        let host = self.host(shape);
        let mut shares = vec![Share { name: "host".into(), ns: host, provenance: Provenance::Fitted }];
        for term in &self.parts.terms {
            let x = if term.by == By::Sampled { load.num_sampled } else { load.tokens() };
            let (ns, provenance) = (term.curve.at(x), term.provenance_at(x));
            shares.push(Share { name: term.name.clone(), ns, provenance });
        }
        shares.extend(self.parts.attention.iter().flat_map(|kind| kind.explain(&load)));
        let pass: f64 = shares.iter().map(|part| part.ns).sum();
        let wait = self.staged(pass, 0.0) - pass;
        let hops = self.parts.pipeline.hops.at(load.tokens());
        for (name, ns) in [("waiting for the longest stage", wait), ("hops between stages", hops)] {
            shares.push(Share { name: name.into(), ns, provenance: Provenance::Fitted });
        }
        shares.retain(|part| part.ns != 0.0);
        shares
    }

    /// What a rank does by itself, without the experts.
    fn rank(&self, shape: &StepShape, load: &Load) -> f64 {
        self.fixed(shape, load) + self.parts.attention.iter().map(|kind| kind.at(load)).sum::<f64>()
    }

    /// The rank's own work without attention.
    fn fixed(&self, shape: &StepShape, load: &Load) -> f64 {
        self.host(shape) + self.tokens.at(load.tokens()) + self.sampled.at(load.num_sampled)
    }

    fn host(&self, shape: &StepShape) -> f64 {
        let host = &self.parts.host;
        host.base_ns
            + host.per_prefill_token_ns * shape.prefill_tokens as f64
            + host.per_decode_ns * f64::from(shape.num_decodes)
            + host.per_context_token_ns * (shape.decode_context + shape.prefill_context) as f64
    }

    /// A pass through all layers, with every stage as long as the longest.
    fn staged(&self, pass: f64, hops: f64) -> f64 {
        pass * self.parts.pipeline.stretch + hops
    }
}
