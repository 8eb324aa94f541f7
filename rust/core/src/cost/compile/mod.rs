//! Step time of a model on a system from the fitted operators of that system.
//!
//! Every matrix of a layer (`matrices.rs`) is one product per step; norms, rotary and activations are streams through
//! memory; attention is sampled on grids; collectives follow the layout. What depends on tokens alone is sampled at
//! knots once, so a compile asks for about a thousand operator times and takes well under a millisecond.

mod attention;
mod experts;
mod products;

use super::collective::Link;
use super::curve::Curve;
use super::formats::{KvFormat, WeightFormat};
use super::layout::Layout;
use super::model::{Attention, Ffn, Layers, Model};
use super::operators::{Collective, Estimate, Exchange, Gemm, Kind, Operator, Operators};
use super::provenance::Provenance;
use super::sizes::stages;
use super::spread::Spread;
use super::step::{Linear, Parts, Pipeline, StepTime};
use super::terms::{By, Term};
use super::work::WorkModel;
use crate::Result;

/// Tokens or sequences at which curves are sampled.
const KNOTS: [f64; 27] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 384.0, 512.0, 768.0, 1024.0, 1536.0,
    2048.0, 3072.0, 4096.0, 6144.0, 8192.0, 12288.0, 16384.0, 32768.0, 65536.0,
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
    /// Link between ranks that replaces the collectives of the system.
    pub link: Option<Link>,
    /// How the tokens of experts spread over ranks; without it routing is uniform and nothing is balanced.
    pub spread: Option<&'a dyn Spread>,
}

impl Target<'_> {
    /// Compile the step with `host` time added.
    pub fn compile(&self, host: Linear) -> Result<StepTime> {
        self.layout.check(self.model, self.weights)?;
        let mut terms = self.ends()?;
        let mut kinds: Vec<(Attention, f64)> = Vec::new();
        let mut spread: Vec<(f64, Curve)> = Vec::new();
        for run in &self.model.layers {
            let count = f64::from(run.count);
            terms.extend(self.products(run, count)?);
            if let Some((term, imbalance)) = self.routed(run, count)? {
                terms.push(term);
                spread.push((count, imbalance));
            }
            terms.extend(self.streams(run, count)?);
            terms.extend(self.collectives(run, count)?);
            match kinds.iter_mut().find(|(kind, _)| *kind == run.attention) {
                Some((_, layers)) => *layers += count,
                None => kinds.push((run.attention, count)),
            }
        }
        let attention = kinds.iter().map(|(kind, count)| self.attention(kind, *count)).collect::<Result<_>>()?;
        let work = WorkModel::new(self.model, self.weights, self.kv);
        let layers: f64 = spread.iter().map(|(count, _)| count).sum();
        let imbalance = Curve::sum(&spread.iter().map(|(count, curve)| (count / layers, curve)).collect::<Vec<_>>())?;
        StepTime::new(Parts { host, terms: merged(terms)?, attention, pipeline: self.pipeline()?, work, imbalance })
    }

    fn ask<O: Operator>(&self, operator: &O) -> (f64, Provenance) {
        let Estimate { ns, provenance } = self.operators.estimate(operator);
        (ns, provenance)
    }

    /// As [`Self::ask`], but no faster than the peak rates allow: tables of small operators hit the cache, and beyond
    /// their edge a ratio below one would be kept.
    fn ask_possible<O: Operator>(&self, operator: &O, flops: f64, rate: f64, bytes: f64) -> (f64, Provenance) {
        let (ns, provenance) = self.ask(operator);
        let least = 1e9 * (flops / rate).max(bytes / self.operators.peak().memory_bandwidth);
        if least > ns { (least, provenance.max(Provenance::Fitted)) } else { (ns, provenance) }
    }

    fn stream(&self, bytes: f64) -> (f64, Provenance) {
        let Estimate { ns, provenance } = self.operators.memory_ns(bytes);
        (ns, provenance)
    }

    fn collective(&self, kind: Kind, ranks: u32, bytes: f64) -> (f64, Provenance) {
        if let Some(link) = self.link {
            let ns = match kind {
                Kind::AllReduce => link.all_reduce(ranks, bytes),
                Kind::AllToAll | Kind::AllGather | Kind::ReduceScatter => link.all_gather(ranks, bytes),
            };
            return (ns, Provenance::Fitted);
        }
        self.ask(&Collective { kind, num_gpus: f64::from(ranks), bytes })
    }

    fn hidden(&self) -> f64 {
        f64::from(self.model.hidden)
    }

    /// What comes before the first and after the last layer.
    fn ends(&self) -> Result<Vec<Term>> {
        let (hidden, tensor) = (self.hidden(), self.layout.tensor);
        let vocab = f64::from(self.model.vocab);
        let head = |s| self.gemm(&Gemm { format: WeightFormat::Bf16, m: s, n: vocab / f64::from(tensor), k: hidden });
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

    /// Two all-reduces per layer between tensor ranks. Where experts span data-parallel ranks, their tokens are
    /// dispatched and combined instead: by gather and scatter of all tokens or by a sparse exchange, whichever is
    /// faster.
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
                let dense = (gather.0 + scatter.0, gather.1.max(scatter.1));
                if self.link.is_some() {
                    return dense;
                }
                let (top_k, num_gpus) = (f64::from(top_k), f64::from(ranks));
                let sparse = Exchange { combine: false, tokens: t / num_gpus, hidden, top_k, num_gpus };
                let (there, back) = (self.ask(&sparse), self.ask(&Exchange { combine: true, ..sparse }));
                let sparse = (there.0 + back.0, there.1.max(back.1));
                if sparse.0 < dense.0 { sparse } else { dense }
            };
            terms.push(Term::sample("dispatch and combine", By::SharedTokens, &KNOTS, count, exchange)?);
        }
        Ok(terms)
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
