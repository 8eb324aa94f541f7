//! Routed experts of a layer on the rank that is done last.

use super::{KNOTS, Target};
use crate::Result;
use crate::cost::curve::Curve;
use crate::cost::experts::Routing;
use crate::cost::formats::{Role, WeightFormat};
use crate::cost::matrices::Cut;
use crate::cost::model::{Ffn, Layers};
use crate::cost::operators::{Kind, Moe};
use crate::cost::provenance::Provenance;
use crate::cost::spread::{LayerTimes, Spread};
use crate::cost::terms::{By, Term};

impl Target<'_> {
    /// Routed experts of a run of layers, and the tokens of the fullest rank over the mean.
    pub(super) fn routed(&self, run: &Layers, count: f64) -> Result<Option<(Term, Curve)>> {
        let Ffn::Moe { num_experts, top_k, width, .. } = run.ffn else { return Ok(None) };
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
        if let Some(spread) = self.spread.filter(|_| routing.ranks > 1) {
            return self.spread_experts(spread, &moe, routing, count).map(Some);
        }
        let term = Term::sample("experts", By::SharedTokens, &KNOTS, count, |t| self.experts(&moe, &routing, t))?;
        Ok(Some((term, Curve::sample(&KNOTS, |t| routing.imbalance(t))?)))
    }

    /// Experts of the most loaded rank under uniform routing. The tables route evenly, so `pairs` token-expert pairs
    /// touch as many experts; uniform routing touches fewer, which saves weight reads in the same proportion. The rank
    /// that touches most stands for the one with most pairs: where they differ, weights are what takes time.
    fn experts(&self, moe: &Moe, routing: &Routing, tokens: f64) -> (f64, Provenance) {
        let pairs = tokens * routing.imbalance(tokens) * moe.top_k / moe.expert;
        let (held, touched) = (moe.num_experts / moe.expert, routing.most_touched(tokens));
        if pairs <= held {
            return self.even(moe, touched.min(pairs).max(1.0));
        }
        let (ns, provenance) = self.even(moe, pairs);
        (ns * touched / held, provenance)
    }

    /// A rank's experts when each has its even share of `pairs` tokens.
    fn even(&self, moe: &Moe, pairs: f64) -> (f64, Provenance) {
        // Where a table shows a kernel without tuning, engines use that of the sister format.
        let formats = match moe.format {
            WeightFormat::Fp8 => [WeightFormat::Fp8, WeightFormat::Fp8Block],
            WeightFormat::Mxfp4 if self.operators.peak().fp4_flops > 0.0 => [WeightFormat::Mxfp4, WeightFormat::Nvfp4],
            format => [format, format],
        };
        let flops = 6.0 * pairs * moe.hidden * moe.width / moe.tensor;
        let [rate, other] = formats.map(|format| self.operators.peak().flops(format));
        let (rate, bytes) = (rate.max(other), pairs.min(moe.num_experts / moe.expert) * expert_bytes(moe));
        let [own, other] = formats.map(|format| {
            let table = Moe { format, tokens: pairs * moe.expert / moe.top_k, ..*moe };
            self.ask_possible(&table, flops, rate, bytes)
        });
        if other.0 < own.0 { (other.0, Provenance::Transferred) } else { own }
    }

    /// Experts whose tokens `spread` knows, in a mean layer.
    fn spread_experts(&self, spread: &dyn Spread, moe: &Moe, routing: Routing, count: f64) -> Result<(Term, Curve)> {
        let times = self.layer_times(moe, routing)?;
        let found = KNOTS.iter().map(|&t| spread.layer(t as u64, &times)).collect::<Result<Vec<_>>>()?;
        let values = found.iter().map(|found| count * found.ns).collect();
        // As sure as the table is where all ranks have the same.
        let sure = |t: &f64| self.even(moe, (t * moe.top_k / moe.expert).max(1.0)).1.max(Provenance::Interpolated);
        let term = Term {
            name: "experts".to_string(),
            by: By::SharedTokens,
            curve: Curve::new(KNOTS.to_vec(), values)?,
            provenance: KNOTS.iter().map(sure).collect(),
        };
        Ok((term, Curve::new(KNOTS.to_vec(), found.iter().map(|found| found.imbalance).collect())?))
    }

    /// Times of single experts from the tables, in which all experts of a rank have the same tokens.
    fn layer_times(&self, moe: &Moe, routing: Routing) -> Result<LayerTimes> {
        let held = moe.num_experts / moe.expert;
        let block = Curve::sample(&KNOTS, |tokens| self.even(moe, held * tokens).0 / held)?;
        let touched: Vec<f64> =
            KNOTS.iter().copied().filter(|&touched| touched < held).chain([held, 2.0 * held]).collect();
        // More experts than a rank has without redundant copies are read at the pace of all that it has.
        let least = Curve::sample(&touched, |t| self.even(moe, t.min(held)).0 * (t / held).max(1.0))?;
        // A gather between two ranks brings each the half of the other.
        let transfer_ns = self.collective(Kind::AllGather, 2, 2.0 * expert_bytes(moe)).0;
        Ok(LayerTimes { routing, block, least, transfer_ns })
    }
}

/// Weights of an expert on a rank.
fn expert_bytes(moe: &Moe) -> f64 {
    moe.format.matrix_bytes(3 * (moe.width / moe.tensor) as u64, moe.hidden as u64) as f64
}
