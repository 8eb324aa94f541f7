//! Step time: building one from tables or numbers, and asking it.

use std::sync::Arc;

use paretoserve_core::cost::collective::Link;
use paretoserve_core::cost::compile::Target;
use paretoserve_core::cost::experts::Routing;
use paretoserve_core::cost::step::Linear;
use paretoserve_core::cost::tables::{self, AttentionRow, ExpertTable, OperatorTable};
use paretoserve_core::cost::work::WorkModel;
use paretoserve_core::cost::{self, Curve, KvFormat, Layout, Spread, StepShape, WeightFormat};
use pyo3::prelude::*;

use crate::arrays::Input;
use crate::errors::detached;
use crate::sim_experts::ExpertSpread;

/// A step: prefill tokens, prefills, prefill context, prefill pairs, decodes, decode context, sampled sequences.
type Shape = (u64, u32, u64, u64, u32, u64, u32);

fn shape(shape: &Shape) -> StepShape {
    let &(prefill_tokens, num_prefills, prefill_context, prefill_pairs, num_decodes, decode_context, num_sampled) =
        shape;
    StepShape { prefill_tokens, num_prefills, prefill_context, prefill_pairs, num_decodes, decode_context, num_sampled }
}

/// Operators by one count: name, how often a step runs them, counts, nanoseconds.
type Rows = Vec<(String, f64, Input<f64>, Input<f64>)>;

type AttentionColumns = (Input<f64>, Input<f64>, Input<f64>, Input<f64>, Input<f64>);
type ExpertColumns = (f64, Input<f64>, Input<f64>, Input<f64>, u32, u32, u32);

fn operators(rows: &Rows) -> paretoserve_core::Result<Vec<OperatorTable>> {
    let operator = |(name, count, knots, ns): &(String, f64, Input<f64>, Input<f64>)| {
        let curve = Curve::new(knots.as_slice().to_vec(), ns.as_slice().to_vec())?;
        Ok(OperatorTable { name: name.clone(), count: *count, curve })
    };
    rows.iter().map(operator).collect()
}

/// Operator tables of a machine, read from the attributes of `paretoserve.cost.tables.NativeTables`.
#[derive(FromPyObject)]
struct Tables {
    model: Py<super::model::Model>,
    /// weights, cache.
    formats: (String, String),
    host_ns: (f64, f64, f64, f64),
    per_token: Rows,
    per_sequence: Rows,
    num_layers: f64,
    /// chunk, past, decodes, context, nanoseconds.
    attention: AttentionColumns,
    /// layers, tokens, activated experts, nanoseconds, experts, experts per token, ranks.
    experts: Option<ExpertColumns>,
    /// latency in nanoseconds, bytes per nanosecond.
    link: Option<(f64, f64)>,
    tensor_ranks: u32,
    hidden_bytes: f64,
}

impl Tables {
    fn compile(&self) -> paretoserve_core::Result<cost::StepTime> {
        let (weights, kv) = (WeightFormat::parse(&self.formats.0)?, KvFormat::parse(&self.formats.1)?);
        let (base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns) = self.host_ns;
        let experts = self.experts.as_ref().map(|(count, tokens, activated, ns, num_experts, top_k, ranks)| {
            let rows = tokens.as_slice().iter().zip(activated.as_slice()).zip(ns.as_slice());
            ExpertTable {
                count: *count,
                rows: rows.map(|((tokens, activated), ns)| (*tokens, *activated, *ns)).collect(),
                routing: Routing { num_experts: *num_experts, top_k: *top_k, ranks: *ranks },
            }
        });
        tables::Tables {
            host: Linear { base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns },
            per_token: operators(&self.per_token)?,
            per_sequence: operators(&self.per_sequence)?,
            num_layers: self.num_layers,
            attention: self.attention_rows(),
            experts,
            link: self.link.map(|(latency, bandwidth)| Link::new(latency, bandwidth)).transpose()?,
            tensor_ranks: self.tensor_ranks,
            hidden_bytes: self.hidden_bytes,
            work: WorkModel::new(&self.model.get().inner, weights, kv),
        }
        .compile()
    }

    fn attention_rows(&self) -> Vec<AttentionRow> {
        let (chunk, past, decodes, context, ns) = &self.attention;
        let columns = [chunk, past, decodes, context, ns].map(Input::as_slice);
        let num_rows = columns.iter().map(|column| column.len()).min().unwrap_or(0);
        let row = |i: usize| {
            let [chunk, past, decodes, context, ns] = columns.map(|column| column[i]);
            AttentionRow { chunk, past, decodes, context, ns }
        };
        (0..num_rows).map(row).collect()
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
#[expect(clippy::needless_pass_by_value, reason = "arguments that Python converts are owned")]
impl StepTime {
    #[staticmethod]
    fn linear(base_ns: f64, per_prefill_token_ns: f64, per_decode_ns: f64, per_context_token_ns: f64) -> Self {
        Self::new(cost::StepTime::linear(base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns))
    }

    #[staticmethod]
    fn from_tables(py: Python<'_>, tables: Tables) -> PyResult<Self> {
        detached(py, || tables.compile()).map(Self::new)
    }

    /// Compile the fitted operators of a system; `layout` is tensor, pipeline, data, expert, redundant; `link` latency
    /// in nanoseconds and bytes per nanosecond; `host_ns` the numbers of `linear`; `spread` the experts.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "called by one Python function, which names them")]
    fn fit(
        py: Python<'_>,
        model: &super::model::Model,
        layout: (u32, u32, u32, bool, u32),
        formats: (String, String),
        operators: &super::operators::Operators,
        link: Option<(f64, f64)>,
        host_ns: (f64, f64, f64, f64),
        spread: Option<&ExpertSpread>,
    ) -> PyResult<Self> {
        let spread = spread.map(|spread| Arc::clone(&spread.inner));
        let (tensor, pipeline, data, expert, redundant) = layout;
        let (base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns) = host_ns;
        detached(py, || {
            let target = Target {
                model: &model.inner,
                layout: &Layout { tensor, pipeline, data, expert, redundant },
                weights: WeightFormat::parse(&formats.0)?,
                kv: KvFormat::parse(&formats.1)?,
                operators: &operators.0,
                link: link.map(|(latency, bandwidth)| Link::new(latency, bandwidth)).transpose()?,
                spread: spread.as_deref().map(|spread| spread as &dyn Spread),
            };
            target.compile(Linear { base_ns, per_prefill_token_ns, per_decode_ns, per_context_token_ns })
        })
        .map(Self::new)
    }

    /// Nanoseconds of one step.
    fn step_ns(&self, step: Shape) -> f64 {
        self.inner.step_ns(&shape(&step))
    }

    /// Nanoseconds of one step of ranks that wait for each other.
    fn lockstep_ns(&self, steps: Vec<Shape>) -> f64 {
        self.inner.lockstep_ns(&steps.iter().map(shape).collect::<Vec<_>>())
    }

    /// Nanoseconds of `num_steps` pure decode steps in a row.
    fn decode_run_ns(&self, num_decodes: u32, decode_context: u64, num_steps: u64) -> f64 {
        self.inner.decode_run_ns(num_decodes, decode_context, num_steps)
    }

    /// Rows of (operator, nanoseconds, provenance).
    fn explain(&self, step: Shape) -> Vec<(String, f64, &'static str)> {
        let shares = self.inner.explain(&shape(&step));
        shares.into_iter().map(|share| (share.name, share.ns, share.provenance.name())).collect()
    }

    /// Tokens of the fullest expert rank over the mean.
    fn imbalance(&self, tokens: f64) -> f64 {
        self.inner.imbalance(tokens)
    }

    /// (floating-point operations, bytes).
    fn work(&self, step: Shape) -> (f64, f64) {
        let work = self.inner.work(&shape(&step));
        (work.flops, work.bytes)
    }
}
