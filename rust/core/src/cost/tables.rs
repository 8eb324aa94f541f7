//! Step time from operator tables measured on the machine itself, in the layout of `LLMServingSim`'s profiler.
//!
//! Operators by tokens or sequences become curves. The attention table has one row per (chunk, past, decodes, context of a
//! decode); its rows without decodes give prefill, those without a chunk decode, the others the mixed ratio. Experts are
//! tabulated by (tokens, activated experts); a step activates `E (1 - (1 - k/E)^T)` of them.

use super::attention::{AttentionTime, Mixed, Prefill, Source, chunk_pairs};
use super::collective::Link;
use super::curve::Curve;
use super::decode::Decode;
use super::experts::{self, Routing};
use super::lattice::Lattice;
use super::provenance::Provenance;
use super::step::{Linear, Parts, StepTime};
use super::terms::{By, Term};
use super::work::WorkModel;
use crate::{Error, Result};

/// An operator table by one count.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
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
    pub per_token: Vec<Operator>,
    /// Operators by sampled sequences.
    pub per_sequence: Vec<Operator>,
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
    /// Compile the step. Collectives come from the link alone: two all-reduces per layer and one of the vocabulary-parallel
    /// embedding between tensor ranks; a gather of all tokens before and a scatter of their sums after the experts.
    pub fn compile(self) -> Result<StepTime> {
        let measured = |operators: &[Operator], by| -> Result<Vec<Term>> {
            let scaled = |operator: &Operator| Curve::sum(&[(operator.count, &operator.curve)]);
            let term = |operator: &Operator| Ok(Term::new(&operator.name, by, scaled(operator)?, Provenance::Measured));
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
    for row in rows {
        let all = [row.chunk, row.past, row.decodes, row.context, row.ns];
        if all.iter().any(|x| !x.is_finite() || *x < 0.0) || row.ns == 0.0 {
            return Err(Error::value("attention", "finite and not negative, with positive times", format!("{row:?}")));
        }
    }
    let kind = |chunk: bool, decodes: bool| {
        rows.iter().filter(move |row| (row.chunk > 0.0) == chunk && (row.decodes > 0.0) == decodes)
    };
    let (axes, times) = regular_grid(kind(true, false).map(|row| ([row.chunk, row.past], row.ns)))?;
    let prefill_source = Source::sample([&axes[0], &axes[1]], |_, _| Provenance::Measured)?;
    let prefill = Prefill::sample(&axes[0], &axes[1], window, |chunk, past| times.at([chunk, past]))?;
    let (axes, times) = regular_grid(kind(false, true).map(|row| ([row.decodes, row.context], row.ns)))?;
    let decode_source = Source::sample([&axes[0], &axes[1]], |_, _| Provenance::Measured)?;
    let decode = Decode::sample(&axes[0], &axes[1], |n, context| times.at([n, context]))?;
    let ratio = |row: &AttentionRow| {
        let pairs = chunk_pairs(row.chunk, row.past);
        row.ns / (prefill.at(row.chunk, row.past, pairs) + decode.at(row.decodes, row.context))
    };
    let mixed = kind(true, true).map(|row| ([row.chunk, row.past, row.decodes, row.context], ratio(row)));
    let mixed = if kind(true, true).next().is_some() {
        Mixed::Ratio(regular_grid(mixed)?.1, Provenance::Interpolated)
    } else {
        Mixed::Sum
    };
    Ok(AttentionTime { count, window, prefill, decode, mixed, prefill_source, decode_source })
}

/// The largest grid that `rows` nearly fill. A table is often a union of grids, and only a full one interpolates: the axis
/// value with the fewest rows for its slice leaves until nine points of ten are there.
fn regular_grid<const D: usize>(rows: impl Iterator<Item = ([f64; D], f64)>) -> Result<([Vec<f64>; D], Lattice<D>)> {
    let mut rows: Vec<([f64; D], f64)> = rows.collect();
    if rows.is_empty() {
        return Err(Error::value("attention", "a table with rows of pure prefill and of pure decode", "one without"));
    }
    loop {
        let axes: [Vec<f64>; D] = std::array::from_fn(|d| axis(rows.iter().map(|(x, _)| x[d])));
        let size: usize = axes.iter().map(Vec::len).product();
        if rows.len() * 10 >= size * 9 {
            let grid = Lattice::from_rows(axes.clone(), rows.into_iter())?;
            return Ok((axes, grid));
        }
        let (mut worst, mut fill) = ((0, 0.0), f64::INFINITY);
        for (d, axis) in axes.iter().enumerate() {
            for value in axis {
                let filled = rows.iter().filter(|(x, _)| x[d].total_cmp(value).is_eq()).count();
                let share = (filled * axis.len()) as f64 / size as f64;
                if share < fill {
                    (worst, fill) = ((d, *value), share);
                }
            }
        }
        rows.retain(|(x, _)| x[worst.0].total_cmp(&worst.1).is_ne());
    }
}

fn axis(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut axis: Vec<f64> = values.collect();
    axis.sort_by(f64::total_cmp);
    axis.dedup();
    axis
}
