//! Matrix products of a layer.

use super::{KNOTS, Target};
use crate::Result;
use crate::cost::formats::{Role, WeightFormat};
use crate::cost::matrices::{Cut, Matrix, layer_matrices};
use crate::cost::model::Layers;
use crate::cost::operators::Gemm;
use crate::cost::provenance::Provenance;
use crate::cost::terms::{By, Term};

impl Target<'_> {
    /// Matrix products of a layer; latent attention brings its own, and so do routed experts.
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
}
