//! Many estimates at once from rows of numbers: what a binding or a fit hands over.

use super::{
    Collective, DecodeAttention, Estimate, Exchange, Features, Gemm, Heads, MixedAttention, MlaDecode, MlaPrefill, Moe,
    Operator, Operators, PrefillAttention, Table,
};
use crate::cost::Peak;
use crate::cost::grid::MAX_AXES;
use crate::{Error, Result};

/// An operator of any kind.
enum Call {
    Gemm(Gemm),
    Prefill(PrefillAttention),
    Decode(DecodeAttention),
    Moe(Moe),
    MlaPrefill(MlaPrefill),
    MlaDecode(MlaDecode),
    Collective(Collective),
    Exchange(Exchange),
    Mixed(MixedAttention),
}

impl Table {
    /// Numbers per row: `m n k`; `num_heads num_kv_heads head_dim window batch chunk past`; the same with `context` for
    /// the last two; `tokens hidden width top_k num_experts tensor expert`; `num_heads batch chunk past`; `num_heads
    /// batch context`; `num_gpus bytes`; `tokens hidden top_k num_gpus`; `prefill_ns decode_ns prefill_tokens
    /// num_decodes context group`.
    pub fn columns(self) -> usize {
        match self {
            Self::Gemm(_) | Self::MlaDecode(..) => 3,
            Self::Prefill(_) | Self::Moe(_) => 7,
            Self::Decode(_) | Self::Mixed | Self::MixedElsewhere => 6,
            Self::MlaPrefill(..) | Self::Dispatch | Self::Combine => 4,
            Self::Collective(_) => 2,
        }
    }

    fn call(self, row: &[f64]) -> Call {
        let heads = || Heads { num_heads: row[0], num_kv_heads: row[1], head_dim: row[2], window: row[3] };
        match self {
            Self::Gemm(format) => Call::Gemm(Gemm { format, m: row[0], n: row[1], k: row[2] }),
            Self::Prefill(kv) => {
                Call::Prefill(PrefillAttention { heads: heads(), kv, batch: row[4], chunk: row[5], past: row[6] })
            }
            Self::Decode(kv) => Call::Decode(DecodeAttention { heads: heads(), kv, batch: row[4], context: row[5] }),
            Self::Moe(format) => Call::Moe(Moe {
                format,
                tokens: row[0],
                hidden: row[1],
                width: row[2],
                top_k: row[3],
                num_experts: row[4],
                tensor: row[5],
                expert: row[6],
            }),
            Self::MlaPrefill(format, kv) => Call::MlaPrefill(MlaPrefill {
                format,
                kv,
                num_heads: row[0],
                batch: row[1],
                chunk: row[2],
                past: row[3],
            }),
            Self::MlaDecode(format, kv) => {
                Call::MlaDecode(MlaDecode { format, kv, num_heads: row[0], batch: row[1], context: row[2] })
            }
            Self::Collective(kind) => Call::Collective(Collective { kind, num_gpus: row[0], bytes: row[1] }),
            Self::Mixed | Self::MixedElsewhere => Call::Mixed(MixedAttention {
                prefill_ns: row[0],
                decode_ns: row[1],
                prefill_tokens: row[2],
                num_decodes: row[3],
                context: row[4],
                group: row[5],
            }),
            Self::Dispatch | Self::Combine => Call::Exchange(Exchange {
                combine: self == Self::Combine,
                tokens: row[0],
                hidden: row[1],
                top_k: row[2],
                num_gpus: row[3],
            }),
        }
    }

    /// The rows, refused unless every number is at least zero; only a window may be infinite.
    fn rows(self, numbers: &[f64], expected: usize) -> Result<impl Iterator<Item = &[f64]>> {
        let columns = self.columns();
        if numbers.len() != expected * columns {
            return Err(Error::shape("rows", format!("({expected}, {columns})"), format!("{} numbers", numbers.len())));
        }
        for row in numbers.chunks_exact(columns) {
            for (column, &number) in row.iter().enumerate() {
                let window = column == 3 && matches!(self, Self::Prefill(_) | Self::Decode(_));
                if !(number >= 0.0 && (number <= 1e18 || window)) {
                    return Err(Error::value(
                        "rows",
                        "numbers from 0 to 1e18",
                        format!("`{number}` in column {column}"),
                    ));
                }
            }
        }
        Ok(numbers.chunks_exact(columns))
    }
}

/// Analytic nanoseconds and grid coordinates (`points`: `MAX_AXES` per row) of `rows`.
pub fn feature_rows(
    analytic_ns: &mut [f64],
    points: &mut [f64],
    peak: &Peak,
    table: Table,
    rows: &[f64],
) -> Result<()> {
    peak.check()?;
    if points.len() != analytic_ns.len() * MAX_AXES {
        return Err(Error::shape("points", format!("({}, {MAX_AXES})", analytic_ns.len()), points.len()));
    }
    let rows = table.rows(rows, analytic_ns.len())?;
    let outputs = analytic_ns.iter_mut().zip(points.chunks_exact_mut(MAX_AXES));
    for (row, (ns, point)) in rows.zip(outputs) {
        let features = table.call(row).features(peak);
        *ns = features.analytic_ns;
        point.copy_from_slice(&features.point);
    }
    Ok(())
}

impl Call {
    fn features(&self, peak: &Peak) -> Features {
        match self {
            Self::Gemm(call) => call.features(peak),
            Self::Prefill(call) => call.features(peak),
            Self::Decode(call) => call.features(peak),
            Self::Moe(call) => call.features(peak),
            Self::MlaPrefill(call) => call.features(peak),
            Self::MlaDecode(call) => call.features(peak),
            Self::Collective(call) => call.features(peak),
            Self::Exchange(call) => call.features(peak),
            Self::Mixed(call) => call.features(peak),
        }
    }

    fn estimate(&self, operators: &Operators) -> Estimate {
        match self {
            Self::Gemm(call) => operators.estimate(call),
            Self::Prefill(call) => operators.estimate(call),
            Self::Decode(call) => operators.estimate(call),
            Self::Moe(call) => operators.estimate(call),
            Self::MlaPrefill(call) => operators.estimate(call),
            Self::MlaDecode(call) => operators.estimate(call),
            Self::Collective(call) => operators.estimate(call),
            Self::Exchange(call) => operators.estimate(call),
            Self::Mixed(call) => operators.estimate(call),
        }
    }
}

impl Operators {
    /// Nanoseconds and provenance (`Provenance as u8`) of each of `rows`; with `cold`, decode attention as
    /// [`Self::decode_cold`].
    pub fn estimate_rows(
        &self,
        ns: &mut [f64],
        provenance: &mut [u8],
        table: Table,
        rows: &[f64],
        cold: bool,
    ) -> Result<()> {
        if provenance.len() != ns.len() {
            return Err(Error::shape("provenance", ns.len(), provenance.len()));
        }
        let rows = table.rows(rows, ns.len())?;
        for (row, (ns, provenance)) in rows.zip(ns.iter_mut().zip(provenance)) {
            let estimate = match table.call(row) {
                Call::Decode(decode) if cold => self.decode_cold(&decode),
                call => call.estimate(self),
            };
            *ns = estimate.ns;
            *provenance = estimate.provenance as u8;
        }
        Ok(())
    }
}
