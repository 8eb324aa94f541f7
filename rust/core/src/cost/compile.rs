//! Step time of a model on a system from the fitted operators of that system.
//!
//! Every matrix of a layer (`matrices.rs`) is one product per step; norms, rotary and activations are streams through memory;
//! attention is sampled on grids; collectives follow the layout. What depends on tokens alone is sampled at knots once, so a
//! compile asks for about a thousand operator times and takes well under a millisecond.

use super::attention::{AttentionTime, Mixed, Prefill, Source};
use super::curve::Curve;
use super::decode::Decode;
use super::experts::Routing;
use super::formats::{KvFormat, Role};
use super::matrices::{Cut, Matrix, layer_matrices};
use super::model::{Attention, Ffn, Layers, Layout, Model, WeightFormat};
use super::operators::{
    Collective, DecodeAttention, Estimate, Exchange, Gemm, Heads, Kind, MlaDecode, MlaPrefill, Moe, Operator,
    Operators, PrefillAttention,
};
use super::provenance::Provenance;
use super::sizes::stages;
use super::step::{Linear, Parts, Pipeline, StepTime};
use super::terms::{By, Term};
use super::work::WorkModel;
use crate::Result;

/// Tokens or sequences at which curves are sampled.
const KNOTS: [f64; 27] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 384.0, 512.0, 768.0, 1024.0, 1536.0,
    2048.0, 3072.0, 4096.0, 6144.0, 8192.0, 12288.0, 16384.0, 32768.0, 65536.0,
];
const CHUNKS: [f64; 11] = [16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 32768.0];
const PASTS: [f64; 8] = [0.0, 128.0, 512.0, 2048.0, 8192.0, 32768.0, 65536.0, 131_072.0];
const COUNTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
const CONTEXTS: [f64; 15] = [
    16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 1536.0, 2048.0, 3072.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0,
    131_072.0,
];

/// A model in its formats on a layout of a system.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The model.
    pub model: &'a Model,
    /// How it is cut.
    pub layout: &'a Layout,
    /// How weights are stored.
    pub weights: WeightFormat,
    /// How keys and values are cached.
    pub kv: KvFormat,
    /// Operator times of the system.
    pub operators: &'a Operators,
}

impl Target<'_> {
    /// Compile the step with `host` time added.
    pub fn compile(&self, host: Linear) -> Result<StepTime> {
        self.layout.check(self.model, self.weights)?;
        let mut terms = self.ends()?;
        let mut kinds: Vec<(Attention, f64)> = Vec::new();
        for run in &self.model.layers {
            let count = f64::from(run.count);
            terms.extend(self.products(run, count)?);
            terms.extend(self.streams(run, count)?);
            terms.extend(self.collectives(run, count)?);
            match kinds.iter_mut().find(|(kind, _)| *kind == run.attention) {
                Some((_, layers)) => *layers += count,
                None => kinds.push((run.attention, count)),
            }
        }
        let attention = kinds.iter().map(|(kind, count)| self.attention(kind, *count)).collect::<Result<_>>()?;
        let work = WorkModel::new(self.model, self.weights, self.kv);
        StepTime::new(Parts { host, terms: merged(terms)?, attention, pipeline: self.pipeline()?, work })
    }

    fn ask<O: Operator>(&self, operator: &O) -> (f64, Provenance) {
        let Estimate { ns, provenance } = self.operators.estimate(operator);
        (ns, provenance)
    }

    fn stream(&self, bytes: f64) -> (f64, Provenance) {
        let Estimate { ns, provenance } = self.operators.memory_ns(bytes);
        (ns, provenance)
    }

    fn collective(&self, kind: Kind, ranks: u32, bytes: f64) -> (f64, Provenance) {
        self.ask(&Collective { kind, num_gpus: f64::from(ranks), bytes })
    }

    fn hidden(&self) -> f64 {
        f64::from(self.model.hidden)
    }

    fn has_experts(&self) -> bool {
        self.model.layers.iter().any(|run| matches!(run.ffn, Ffn::Moe { .. }))
    }

    /// What comes before the first and after the last layer.
    fn ends(&self) -> Result<Vec<Term>> {
        let (hidden, tensor) = (self.hidden(), self.layout.tensor);
        let vocab = f64::from(self.model.vocab);
        let head = |s| self.ask(&Gemm { format: WeightFormat::Bf16, m: s, n: vocab / f64::from(tensor), k: hidden });
        let mut terms = vec![
            Term::sample("embedding", By::Tokens, &KNOTS, 1.0, |t| self.stream(4.0 * t * hidden))?,
            Term::sample("LM head", By::Sampled, &KNOTS, 1.0, head)?,
            // Logits become float32, are filtered and searched: about three passes.
            Term::sample("sampler", By::Sampled, &KNOTS, 1.0, |s| self.stream(14.0 * s * vocab))?,
        ];
        if tensor > 1 {
            let gather = |s| self.collective(Kind::AllGather, tensor, 2.0 * s * vocab);
            terms.push(Term::sample("gather of logits", By::Sampled, &KNOTS, 1.0, gather)?);
        }
        Ok(terms)
    }

    /// Matrix products of a layer; latent attention brings its own, routed experts are one operator.
    fn products(&self, run: &Layers, count: f64) -> Result<Vec<Term>> {
        let mut terms = Vec::new();
        for matrix in layer_matrices(self.model.hidden, run, Cut::from(self.layout)) {
            let Matrix { role, rows, columns, .. } = matrix;
            let format = self.weights.applied_to(role, self.has_experts());
            let name = match role {
                Role::LatentAttention | Role::Expert | Role::Embedding => continue,
                Role::Attention => "attention projections",
                Role::Dense => "feed-forward",
                Role::Router => "router",
            };
            let product = |m| self.product(Gemm { format, m, n: rows as f64, k: columns as f64 });
            terms.push(Term::sample(name, By::Tokens, &KNOTS, count, product)?);
        }
        if let Ffn::Moe { num_experts, top_k, width, .. } = run.ffn {
            let cut = Cut::from(self.layout);
            let routing = Routing { num_experts, top_k, ranks: cut.expert_ranks as u32 };
            let moe = Moe {
                format: self.weights.applied_to(Role::Expert, true),
                tokens: 0.0,
                hidden: self.hidden(),
                width: f64::from(width),
                top_k: f64::from(top_k),
                num_experts: f64::from(num_experts),
                tensor: cut.expert_columns as f64,
                expert: cut.expert_ranks as f64,
            };
            terms.push(Term::sample("experts", By::SharedTokens, &KNOTS, count, |t| self.experts(&moe, &routing, t))?);
        }
        Ok(terms)
    }

    /// One product. Block-scaled tables were measured one launch at a time: up to some hundred tokens they show 60 to 280 us of
    /// host time, which the CUDA graphs of a serving engine hide. There a product with a scale per tensor, after a stream that
    /// quantizes its input, is the better witness.
    fn product(&self, gemm: Gemm) -> (f64, Provenance) {
        let own = self.ask(&gemm);
        if gemm.format != WeightFormat::Fp8Block {
            return own;
        }
        let tensor_scaled = self.ask(&Gemm { format: WeightFormat::Fp8, ..gemm });
        let quantize = self.stream(3.0 * gemm.m * gemm.k);
        let borrowed = (tensor_scaled.0 + quantize.0, Provenance::Transferred);
        if borrowed.0 < own.0 { borrowed } else { own }
    }

    /// Experts of the most loaded rank. The tables route evenly, so `pairs` token-expert pairs touch as many experts; uniform
    /// routing touches fewer, which saves weight reads in the same proportion.
    fn experts(&self, moe: &Moe, routing: &Routing, tokens: f64) -> (f64, Provenance) {
        let pairs = tokens * routing.imbalance(tokens) * moe.top_k / moe.expert;
        let (held, touched) = (moe.num_experts / moe.expert, routing.touched(tokens));
        // FP8 experts without tuned kernels are slower than with block scales, which engines then use.
        let formats = match moe.format {
            WeightFormat::Fp8 => [WeightFormat::Fp8, WeightFormat::Fp8Block],
            format => [format, format],
        };
        let even = |pairs: f64| {
            let [own, other] =
                formats.map(|format| self.ask(&Moe { format, tokens: pairs * moe.expert / moe.top_k, ..*moe }));
            if other.0 < own.0 { (other.0, Provenance::Transferred) } else { own }
        };
        if pairs <= held {
            return even(touched.min(pairs).max(1.0));
        }
        let (ns, provenance) = even(pairs);
        (ns * touched / held, provenance)
    }

    /// Elementwise work of a layer: two norms with their residuals, rotary, activation.
    fn streams(&self, run: &Layers, count: f64) -> Result<Vec<Term>> {
        let (hidden, tensor) = (self.hidden(), f64::from(self.layout.tensor));
        let norm = |t: f64| self.stream(8.0 * t * hidden);
        let mut terms = vec![Term::sample("norms", By::Tokens, &KNOTS, 2.0 * count, norm)?];
        if let Attention::Gqa { num_heads, num_kv_heads, head_dim, .. } = run.attention {
            let width = f64::from((num_heads + 2 * num_kv_heads) * head_dim) / tensor;
            terms.push(Term::sample("rotary and cache write", By::Tokens, &KNOTS, count, |t| {
                self.stream(4.0 * t * width)
            })?);
        }
        let width = match run.ffn {
            Ffn::Dense { width } => width,
            Ffn::Moe { shared_width, .. } => shared_width,
        };
        if width > 0 {
            let activation = |t: f64| self.stream(6.0 * t * f64::from(width) / tensor);
            terms.push(Term::sample("activation", By::Tokens, &KNOTS, count, activation)?);
        }
        Ok(terms)
    }

    /// Two all-reduces per layer between tensor ranks. Where experts span data-parallel ranks, their tokens are dispatched and
    /// combined instead: by gather and scatter of all tokens or by a sparse exchange, whichever is faster.
    fn collectives(&self, run: &Layers, count: f64) -> Result<Vec<Term>> {
        let (hidden, layout) = (self.hidden(), self.layout);
        let shared = matches!(run.ffn, Ffn::Moe { .. }) && layout.data > 1;
        let mut terms = Vec::new();
        if layout.tensor > 1 {
            let times = if shared { count } else { 2.0 * count };
            let reduce = |t: f64| self.collective(Kind::AllReduce, layout.tensor, 2.0 * t * hidden);
            terms.push(Term::sample("all-reduce", By::Tokens, &KNOTS, times, reduce)?);
        }
        if let (true, Ffn::Moe { top_k, .. }) = (shared, run.ffn) {
            let ranks = layout.tensor * layout.data;
            let exchange = |t: f64| {
                let bytes = 2.0 * t * hidden;
                let gather = self.collective(Kind::AllGather, ranks, bytes);
                let scatter = self.collective(Kind::ReduceScatter, ranks, bytes);
                let (top_k, num_gpus) = (f64::from(top_k), f64::from(ranks));
                let sparse = Exchange { combine: false, tokens: t / num_gpus, hidden, top_k, num_gpus };
                let (there, back) = (self.ask(&sparse), self.ask(&Exchange { combine: true, ..sparse }));
                let dense = (gather.0 + scatter.0, gather.1.max(scatter.1));
                let sparse = (there.0 + back.0, there.1.max(back.1));
                if sparse.0 < dense.0 { sparse } else { dense }
            };
            terms.push(Term::sample("dispatch and combine", By::SharedTokens, &KNOTS, count, exchange)?);
        }
        Ok(terms)
    }

    fn attention(&self, kind: &Attention, count: f64) -> Result<AttentionTime> {
        let (kv, tensor) = (self.kv, self.layout.tensor);
        match *kind {
            Attention::Gqa { num_heads, num_kv_heads, head_dim, window } => {
                let heads = Heads {
                    num_heads: f64::from(num_heads.div_ceil(tensor)),
                    num_kv_heads: f64::from(num_kv_heads.div_ceil(tensor)),
                    head_dim: f64::from(head_dim),
                    window: window.map_or(f64::INFINITY, f64::from),
                };
                let prefill = |chunk, past| self.ask(&PrefillAttention { heads, kv, batch: 1.0, chunk, past });
                let decode = |batch, context| self.ask(&DecodeAttention { heads, kv, batch, context });
                let mixed = Mixed::slower_decode(heads.num_heads / heads.num_kv_heads);
                sampled(count, window.map(f64::from), prefill, decode, mixed)
            }
            Attention::Mla { num_heads, .. } => {
                let num_heads = f64::from(num_heads.div_ceil(tensor));
                let format = self.weights.applied_to(Role::LatentAttention, self.has_experts());
                let prefill = |chunk, past| self.ask(&MlaPrefill { format, kv, num_heads, batch: 1.0, chunk, past });
                let decode = |batch, context| self.ask(&MlaDecode { format, kv, num_heads, batch, context });
                // Prompts and decodes run different kernels.
                sampled(count, None, prefill, decode, Mixed::Sum)
            }
        }
    }

    fn pipeline(&self) -> Result<Pipeline> {
        let layout = self.layout;
        if layout.pipeline <= 1 {
            return Ok(Pipeline::default());
        }
        let layers = |runs: &Vec<Layers>| runs.iter().map(|run| f64::from(run.count)).sum::<f64>();
        let longest = stages(self.model, layout.pipeline).iter().map(layers).fold(0.0, f64::max);
        let stretch = longest * f64::from(layout.pipeline) / self.model.num_layers() as f64;
        let count = f64::from(layout.pipeline - 1);
        // Half of a gather between two: each sends its part to the other.
        let hop = |t: f64| count * self.collective(Kind::AllGather, 2, 4.0 * t * self.hidden()).0;
        Ok(Pipeline { stretch, hops: Curve::sample(&KNOTS, hop)? })
    }
}

/// Attention of `count` layers sampled on the grids of this module.
fn sampled(
    count: f64,
    window: Option<f64>,
    prefill: impl Fn(f64, f64) -> (f64, Provenance),
    decode: impl Fn(f64, f64) -> (f64, Provenance),
    mixed: Mixed,
) -> Result<AttentionTime> {
    let mut contexts = CONTEXTS.to_vec();
    if let Some(window) = window {
        contexts.retain(|context| *context < window);
        contexts.push(window);
    }
    Ok(AttentionTime {
        count,
        window,
        prefill: Prefill::sample(&CHUNKS, &PASTS, window, |chunk, past| prefill(chunk, past).0)?,
        decode: Decode::sample(&COUNTS, &contexts, |n, context| decode(n, context).0)?,
        mixed,
        prefill_source: Source::sample([&CHUNKS, &PASTS], |chunk, past| prefill(chunk, past).1)?,
        decode_source: Source::sample([&COUNTS, &contexts], |n, context| decode(n, context).1)?,
    })
}

/// One term for each name, in order of first appearance: runs of layers repeat their operators.
fn merged(terms: Vec<Term>) -> Result<Vec<Term>> {
    let mut merged: Vec<Term> = Vec::new();
    for term in terms {
        match merged.iter_mut().find(|other| other.name == term.name && other.by == term.by) {
            Some(other) => {
                other.curve = Curve::sum(&[(1.0, &other.curve), (1.0, &term.curve)])?;
                other.provenance.iter_mut().zip(&term.provenance).for_each(|(a, b)| *a = (*a).max(*b));
            }
            None => merged.push(term),
        }
    }
    Ok(merged)
}
