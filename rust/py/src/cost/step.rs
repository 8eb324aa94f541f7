//! Step time: building one from tables or numbers, and asking it.

use std::sync::Arc;

use paretoserve_core::cost::collective::Link;
use paretoserve_core::cost::experts::{self, Routing};
use paretoserve_core::cost::step::{Linear, Parts};
use paretoserve_core::cost::tables::{self, AttentionRow};
use paretoserve_core::cost::terms::{By, Term};
use paretoserve_core::cost::{self, Curve, Provenance, StepShape};
use pyo3::prelude::*;

use crate::arrays::Input;
use crate::errors::{detached, to_python};

/// A step: prefill tokens, prefills, prefill context, prefill pairs, decodes, decode context, sampled sequences.
type Shape = (u64, u32, u64, u64, u32, u64, u32);

fn shape(shape: &Shape) -> StepShape {
    let &(prefill_tokens, num_prefills, prefill_context, prefill_pairs, num_decodes, decode_context, num_sampled) =
        shape;
    StepShape { prefill_tokens, num_prefills, prefill_context, prefill_pairs, num_decodes, decode_context, num_sampled }
}

/// Operators by one count: name, how often a step runs them, counts, nanoseconds.
type Rows = Vec<(String, f64, Input<f64>, Input<f64>)>;

fn measured(rows: &Rows, by: By) -> impl Iterator<Item = paretoserve_core::Result<Term>> {
    rows.iter().map(move |(name, count, knots, ns)| {
        let curve = Curve::new(knots.as_slice().to_vec(), ns.as_slice().to_vec())?;
        Ok(Term::new(name, by, Curve::sum(&[(*count, &curve)])?, Provenance::Measured))
    })
}

/// Operator tables of a machine, read from the attributes of a Python object.
#[derive(FromPyObject)]
struct Tables {
    host_ns: (f64, f64, f64, f64),
    per_token: Rows,
    per_sequence: Rows,
    num_layers: f64,
    /// chunk, past, decodes, context, nanoseconds.
    attention: (Input<f64>, Input<f64>, Input<f64>, Input<f64>, Input<f64>),
    /// layers, tokens, activated experts, nanoseconds, experts, experts per token, ranks.
    experts: Option<(f64, Input<f64>, Input<f64>, Input<f64>, u32, u32, u32)>,
    /// latency in nanoseconds, bytes per nanosecond.
    link: Option<(f64, f64)>,
    tensor_ranks: u32,
    hidden_bytes: f64,
}

impl Tables {
    fn compile(&self) -> paretoserve_core::Result<cost::StepTime> {
        let (chunk, past, decodes, context, ns) = &self.attention;
        let columns = [chunk, past, decodes, context, ns].map(Input::as_slice);
        let rows: Vec<AttentionRow> = (0..columns.iter().map(|column| column.len()).min().unwrap_or(0))
            .map(|i| AttentionRow {
                chunk: columns[0][i],
                past: columns[1][i],
                decodes: columns[2][i],
                context: columns[3][i],
                ns: columns[4][i],
            })
            .collect();
        let (base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns) = self.host_ns;
        let mut terms = measured(&self.per_token, By::Tokens)
            .chain(measured(&self.per_sequence, By::Sampled))
            .collect::<paretoserve_core::Result<Vec<_>>>()?;
        let link = self.link.map(|(latency, bandwidth)| Link::new(latency, bandwidth)).transpose()?;
        if let Some(link) = link.filter(|_| self.tensor_ranks > 1) {
            // Two all-reduces per layer and one of the vocabulary-parallel embedding.
            let count = 2.0 * self.num_layers + 1.0;
            terms.push(link.term("all-reduce", By::Tokens, count, |tokens| {
                link.all_reduce(self.tensor_ranks, tokens * self.hidden_bytes)
            })?);
        }
        if let Some((layers, tokens, activated, ns, num_experts, top_k, ranks)) = &self.experts {
            let columns = [tokens, activated, ns].map(Input::as_slice);
            let rows: Vec<_> =
                columns[0].iter().zip(columns[1]).zip(columns[2]).map(|((t, a), ns)| (*t, *a, *ns)).collect();
            let routing = Routing { num_experts: *num_experts, top_k: *top_k, ranks: *ranks };
            let curve = experts::from_rows(*layers, &rows, &routing)?;
            terms.push(Term::new("experts", By::SharedTokens, curve, Provenance::Interpolated));
            if let Some(link) = link.filter(|_| *ranks > 1) {
                // Dispatch gathers the tokens of all ranks, combine scatters their sums.
                terms.push(link.term("dispatch and combine", By::SharedTokens, 2.0 * layers, |tokens| {
                    link.all_gather(*ranks, tokens * self.hidden_bytes)
                })?);
            }
        }
        let (base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns) = self.host_ns;
        let host = Linear { base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns };
        let attention = vec![tables::attention(self.num_layers, None, &rows)?];
        cost::StepTime::new(Parts { host, terms, attention, ..Parts::default() })
    }
}

/// A compiled step model.
#[pyclass(frozen, module = "paretoserve._native")]
pub(crate) struct StepTime {
    pub(crate) inner: Arc<cost::StepTime>,
}

impl StepTime {
    fn new(inner: cost::StepTime) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

#[pymethods]
impl StepTime {
    #[staticmethod]
    fn linear(base_ns: f64, per_prefill_token_ns: f64, per_decode_ns: f64, per_context_token_ns: f64) -> Self {
        Self::new(cost::StepTime::linear(base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns))
    }

    #[staticmethod]
    fn from_tables(py: Python<'_>, tables: Tables) -> PyResult<Self> {
        tables.compile().map(Self::new).map_err(|error| to_python(py, &error))
    }

    fn step_ns(&self, step: Shape) -> f64 {
        self.inner.step_ns(&shape(&step))
    }

    fn lockstep_ns(&self, steps: Vec<Shape>) -> f64 {
        self.inner.lockstep_ns(&steps.iter().map(shape).collect::<Vec<_>>())
    }

    fn decode_run_ns(&self, num_decodes: u32, decode_context: u64, num_steps: u64) -> f64 {
        self.inner.decode_run_ns(num_decodes, decode_context, num_steps)
    }

    fn decode_steps_within(
        &self,
        py: Python<'_>,
        num_decodes: u32,
        decode_context: u64,
        budget_ns: f64,
        max_steps: u64,
    ) -> PyResult<u64> {
        detached(py, || Ok(self.inner.decode_steps_within(num_decodes, decode_context, budget_ns, max_steps)))
    }

    /// Rows of (operator, nanoseconds, provenance).
    fn explain(&self, step: Shape) -> Vec<(String, f64, &'static str)> {
        let shares = self.inner.explain(&shape(&step));
        shares.into_iter().map(|share| (share.name, share.ns, share.provenance.name())).collect()
    }

    /// (floating-point operations, bytes).
    fn work(&self, step: Shape) -> (f64, f64) {
        let work = self.inner.work(&shape(&step));
        (work.flops, work.bytes)
    }
}
