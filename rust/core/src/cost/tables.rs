//! Step time from operator tables measured on the machine itself, in the layout of `LLMServingSim`'s profiler.
//!
//! Operators by tokens or sequences become curves. The attention table has one row per (chunk, past, decodes, context
//! of a decode); its rows without decodes give prefill, those without a chunk decode, the others the mixed ratio.
//! Experts are tabulated by (tokens, activated experts); a step activates `E (1 - (1 - k/E)^T)` of them.

use super::attention::{AttentionTime, Mixed, Prefill, Source, chunk_pairs};
use super::collective::Link;
use super::curve::Curve;
use super::decode::Decode;
use super::experts::{self, Routing};
use super::lattice::Lattice;
use super::mixed::{MixedCall, MixedTable};
use super::provenance::Provenance;
use super::step::{Linear, Parts, StepTime};
use super::terms::{By, Term};
use super::work::WorkModel;
use crate::Result;

/// An operator table by one count.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorTable {
    /// For people.
    pub name: String,
    /// Runs per step.
    pub count: f64,
    /// Measured nanoseconds of one run by tokens or sequences.
    pub curve: Curve,
}

/// A table of expert layers, see [`experts::from_rows`].
#[derive(Debug, Clone, PartialEq)]
pub struct ExpertTable {
    /// Expert layers.
    pub count: f64,
    /// Tokens, activated experts, nanoseconds.
    pub rows: Vec<(f64, f64, f64)>,
    /// How tokens spread.
    pub routing: Routing,
}

/// All tables of one rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// Host time.
    pub host: Linear,
    /// Operators by tokens.
    pub per_token: Vec<OperatorTable>,
    /// Operators by sampled sequences.
    pub per_sequence: Vec<OperatorTable>,
    /// Layers of the model, all with the same attention.
    pub num_layers: f64,
    /// Attention of one layer.
    pub attention: Vec<AttentionRow>,
    /// Experts, if there are any.
    pub experts: Option<ExpertTable>,
    /// Link between ranks, if there are several.
    pub link: Option<Link>,
    /// Ranks that share matrices.
    pub tensor_ranks: u32,
    /// Bytes of the residual stream of one token.
    pub hidden_bytes: f64,
    /// Operations and bytes.
    pub work: WorkModel,
}

impl Tables {
    /// Compile the step. Collectives come from the link alone: two all-reduces per layer and one of the
    /// vocabulary-parallel embedding between tensor ranks; a gather of all tokens before and a scatter of their sums
    /// after the experts.
    pub fn compile(self) -> Result<StepTime> {
        let measured = |operators: &[OperatorTable], by| -> Result<Vec<Term>> {
            let scaled = |operator: &OperatorTable| Curve::sum(&[(operator.count, &operator.curve)]);
            let term =
                |operator: &OperatorTable| Ok(Term::new(&operator.name, by, scaled(operator)?, Provenance::Measured));
            operators.iter().map(term).collect()
        };
        let mut terms = measured(&self.per_token, By::Tokens)?;
        terms.extend(measured(&self.per_sequence, By::Sampled)?);
        let bytes = self.hidden_bytes;
        if let Some(link) = self.link.filter(|_| self.tensor_ranks > 1) {
            let time = |tokens| link.all_reduce(self.tensor_ranks, tokens * bytes);
            terms.push(link.term("all-reduce", By::Tokens, 2.0 * self.num_layers + 1.0, time)?);
        }
        if let Some(table) = &self.experts {
            let (routing, by) = (&table.routing, By::SharedTokens);
            let curve = experts::from_rows(table.count, &table.rows, routing)?;
            terms.push(Term::new("experts", by, curve, Provenance::Interpolated));
            if let Some(link) = self.link.filter(|_| routing.ranks > 1) {
                let time = |tokens| link.all_gather(routing.ranks, tokens * bytes);
                terms.push(link.term("dispatch and combine", by, 2.0 * table.count, time)?);
            }
        }
        let attention = vec![attention(self.num_layers, None, &self.attention)?];
        StepTime::new(Parts { host: self.host, terms, attention, work: self.work, ..Parts::default() })
    }
}

/// One row of an attention table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionRow {
    /// Tokens of the prompt chunk, 0 without one.
    pub chunk: f64,
    /// Tokens before the chunk.
    pub past: f64,
    /// Decoding requests.
    pub decodes: f64,
    /// Context of each decoding request.
    pub context: f64,
    /// Measured nanoseconds of one layer.
    pub ns: f64,
}

/// Attention of `count` layers from the rows of their table.
pub fn attention(count: f64, window: Option<f64>, rows: &[AttentionRow]) -> Result<AttentionTime> {
    let calls: Vec<_> = rows.iter().map(|row| (row.call(), row.ns)).collect();
    let table = MixedTable::fit(&calls)?;
    let ns = |chunk, past, decodes, context| table.estimate(&MixedCall::new(chunk, past, decodes, context)).ns;
    let [chunks, pasts] = table.prefill_sizes();
    let prefill = Prefill::sample(&chunks, &pasts, window, |chunk, past| ns(chunk, past, 0.0, 0.0))?;
    let [counts, contexts] = table.decode_sizes();
    let decode = Decode::sample(&counts, &contexts, |n, context| ns(0.0, 0.0, n, context))?;
    let mixed = match table.mixed_sizes() {
        None => Mixed::Sum,
        Some(axes) => {
            let ratio = |[chunk, past, n, context]: [f64; 4]| {
                let apart = prefill.at(chunk, past, chunk_pairs(chunk, past)) + decode.at(n, context);
                ns(chunk, past, n, context) / apart
            };
            Mixed::Ratio(Lattice::sample(axes, ratio)?, Provenance::Interpolated)
        }
    };
    let measured = |axes: [&[f64]; 2]| Source::sample(axes, |_, _| Provenance::Measured);
    let (prefill_source, decode_source) = (measured([&chunks, &pasts])?, measured([&counts, &contexts])?);
    Ok(AttentionTime { count, window, prefill, decode, mixed, prefill_source, decode_source })
}

impl AttentionRow {
    fn call(&self) -> MixedCall {
        MixedCall::new(self.chunk, self.past, self.decodes, self.context)
    }
}
