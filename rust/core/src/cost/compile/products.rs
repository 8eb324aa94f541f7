//! Matrix products and routed experts of a layer.

use super::{KNOTS, Target};
use crate::Result;
use crate::cost::experts::Routing;
use crate::cost::formats::{Role, WeightFormat};
use crate::cost::matrices::{Cut, Matrix, layer_matrices};
use crate::cost::model::{Ffn, Layers};
use crate::cost::operators::{Gemm, Moe};
use crate::cost::provenance::Provenance;
use crate::cost::terms::{By, Term};

impl Target<'_> {
    /// Matrix products of a layer; latent attention brings its own, routed experts are one operator.
    pub(super) fn products(&self, run: &Layers, count: f64) -> Result<Vec<Term>> {
        let mut terms = Vec::new();
        for matrix in layer_matrices(self.model.hidden, run, Cut::from(self.layout)) {
            let Matrix { role, rows, columns, .. } = matrix;
            let format = self.weights.applied_to(role, self.model.has_experts());
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

    /// One product, no faster than its weights can be read.
    pub(super) fn gemm(&self, gemm: &Gemm) -> (f64, Provenance) {
        let Gemm { format, m, n, k } = *gemm;
        let bytes = format.matrix_bytes(n as u64, k as u64) as f64;
        self.ask_possible(gemm, 2.0 * m * n * k, self.operators.peak().flops(format), bytes)
    }

    /// One product. Block-scaled tables were measured one launch at a time: up to some hundred tokens they show 60 to
    /// 280 us of host time, which the CUDA graphs of a serving engine hide. There a product with a scale per tensor,
    /// after a stream that quantizes its input, is the better witness.
    fn product(&self, gemm: Gemm) -> (f64, Provenance) {
        let own = self.gemm(&gemm);
        if gemm.format != WeightFormat::Fp8Block {
            return own;
        }
        let tensor_scaled = self.gemm(&Gemm { format: WeightFormat::Fp8, ..gemm });
        let quantize = self.stream(3.0 * gemm.m * gemm.k);
        let borrowed = (tensor_scaled.0 + quantize.0, Provenance::Transferred);
        if borrowed.0 < own.0 { borrowed } else { own }
    }

    /// Experts of the most loaded rank. The tables route evenly, so `pairs` token-expert pairs touch as many experts;
    /// uniform routing touches fewer, which saves weight reads in the same proportion.
    fn experts(&self, moe: &Moe, routing: &Routing, tokens: f64) -> (f64, Provenance) {
        let pairs = tokens * routing.imbalance(tokens) * moe.top_k / moe.expert;
        let (held, touched) = (moe.num_experts / moe.expert, routing.touched(tokens));
        // Where a table shows a kernel without tuning, engines use that of the sister format.
        let formats = match moe.format {
            WeightFormat::Fp8 => [WeightFormat::Fp8, WeightFormat::Fp8Block],
            WeightFormat::Mxfp4 if self.operators.peak().fp4_flops > 0.0 => [WeightFormat::Mxfp4, WeightFormat::Nvfp4],
            format => [format, format],
        };
        let expert_bytes = moe.format.matrix_bytes(3 * (moe.width / moe.tensor) as u64, moe.hidden as u64) as f64;
        let even = |pairs: f64| {
            let flops = 6.0 * pairs * moe.hidden * moe.width / moe.tensor;
            let [rate, other] = formats.map(|format| self.operators.peak().flops(format));
            let (rate, bytes) = (rate.max(other), pairs.min(held) * expert_bytes);
            let [own, other] = formats.map(|format| {
                let table = Moe { format, tokens: pairs * moe.expert / moe.top_k, ..*moe };
                self.ask_possible(&table, flops, rate, bytes)
            });
            if other.0 < own.0 { (other.0, Provenance::Transferred) } else { own }
        };
        if pairs <= held {
            return even(touched.min(pairs).max(1.0));
        }
        let (ns, provenance) = even(pairs);
        (ns * touched / held, provenance)
    }
}
