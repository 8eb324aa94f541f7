//! Fitted operators, and the fit of a grid.

use paretoserve_core::Error;
use paretoserve_core::cost::grid::{Fit, Grid, Smoothness};
use paretoserve_core::cost::operators::{self, Memory, Table};
use paretoserve_core::cost::{self, MixedCall, Peak};
use pyo3::prelude::*;

use crate::arrays::{Input, Output};
use crate::errors::detached;

/// Peak rates in the order of `paretoserve.cost.operators.Peak`.
type Rates = (f64, f64, f64, f64, f64, f64, u32, u32);

/// Name, axes, values and support of one fitted grid.
type NamedGrid = (String, Vec<Input<f64>>, Input<f32>, Input<u8>);

fn peak(rates: Rates) -> Peak {
    let (
        bf16_flops,
        fp8_flops,
        fp4_flops,
        memory_bandwidth,
        link_bandwidth,
        network_bandwidth,
        gpus_per_node,
        multiprocessors,
    ) = rates;
    Peak {
        bf16_flops,
        fp8_flops,
        fp4_flops,
        memory_bandwidth,
        link_bandwidth,
        network_bandwidth,
        gpus_per_node,
        multiprocessors,
    }
}

fn axes(buffers: &[Input<f64>]) -> Vec<Vec<f64>> {
    buffers.iter().map(|axis| axis.as_slice().to_vec()).collect()
}

/// Fitted operator times of one system.
#[pyclass(frozen, module = "paretoserve._native")]
pub(crate) struct Operators(pub(crate) operators::Operators);

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
impl Operators {
    #[new]
    fn new(py: Python<'_>, rates: Rates, launch_ns: f64, fraction: f64, tables: Vec<NamedGrid>) -> PyResult<Self> {
        detached(py, || {
            let tables = tables.iter().map(|(name, buffers, values, supported)| {
                let supported = supported.as_slice().iter().map(|&knot| knot != 0).collect();
                Ok((Table::parse(name)?, Grid::new(axes(buffers), values.as_slice().to_vec(), supported)?))
            });
            let tables = tables.collect::<paretoserve_core::Result<_>>()?;
            operators::Operators::new(peak(rates), Memory { launch_ns, fraction }, tables).map(Self)
        })
    }

    /// Fill nanoseconds and provenance of each row of `table`; `cold` decode attention reads its cache from memory.
    fn estimate(
        &self,
        py: Python<'_>,
        mut ns: Output<f64>,
        mut provenance: Output<u8>,
        table: &str,
        rows: Input<f64>,
        cold: bool,
    ) -> PyResult<()> {
        detached(py, || {
            let table = Table::parse(table)?;
            self.0.estimate_rows(ns.as_mut_slice(), provenance.as_mut_slice(), table, rows.as_slice(), cold)
        })
    }

    /// The same ratios on a GPU of other rates.
    fn lend(&self, py: Python<'_>, rates: Rates) -> PyResult<Self> {
        detached(py, || self.0.lend(peak(rates)).map(Self))
    }

    /// Nanoseconds of an elementwise operator that moves `bytes`.
    fn memory_ns(&self, bytes: f64) -> f64 {
        self.0.memory_ns(bytes).ns
    }
}

/// Fill analytic nanoseconds and grid coordinates of each row of `table`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
pub(crate) fn operator_features(
    py: Python<'_>,
    mut analytic_ns: Output<f64>,
    mut points: Output<f64>,
    rates: Rates,
    table: &str,
    rows: Input<f64>,
) -> PyResult<()> {
    detached(py, || {
        let table = Table::parse(table)?;
        operators::feature_rows(analytic_ns.as_mut_slice(), points.as_mut_slice(), &peak(rates), table, rows.as_slice())
    })
}

/// Fit a grid to rows and fill its values and support.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
#[expect(clippy::too_many_arguments, reason = "outputs, inputs and options of one numeric call")]
pub(crate) fn fit_grid(
    py: Python<'_>,
    mut values: Output<f32>,
    mut supported: Output<u8>,
    axes_: Vec<Input<f64>>,
    points: Input<f64>,
    targets: Input<f64>,
    bend: Vec<f64>,
    slope: f64,
    rounds: u32,
) -> PyResult<()> {
    detached(py, || {
        let smoothness = Smoothness { bend, slope, rounds };
        let grid = Fit::solve(axes(&axes_), points.as_slice(), targets.as_slice(), &smoothness)?;
        grid.copy_to(values.as_mut_slice(), supported.as_mut_slice())
    })
}

/// Mixed-batch attention of one machine, fitted to its own table.
#[pyclass(frozen, module = "paretoserve._native")]
pub(crate) struct MixedTable(cost::MixedTable);

fn calls(rows: &[f64]) -> paretoserve_core::Result<impl Iterator<Item = MixedCall>> {
    if !rows.len().is_multiple_of(4) {
        return Err(Error::shape("rows", "(n, 4)", rows.len()));
    }
    Ok(rows.chunks_exact(4).map(|row| MixedCall::new(row[0], row[1], row[2], row[3])))
}

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over what it extracts")]
impl MixedTable {
    #[new]
    fn new(py: Python<'_>, rows: Input<f64>, ns: Input<f64>) -> PyResult<Self> {
        detached(py, || {
            let ns = ns.as_slice();
            if rows.as_slice().len() != 4 * ns.len() {
                return Err(Error::shape("rows", format!("({}, 4)", ns.len()), rows.as_slice().len()));
            }
            let rows: Vec<_> = calls(rows.as_slice())?.zip(ns.iter().copied()).collect();
            cost::MixedTable::fit(&rows).map(Self)
        })
    }

    /// Fill nanoseconds and provenance of each row.
    fn estimate(
        &self,
        py: Python<'_>,
        mut ns: Output<f64>,
        mut provenance: Output<u8>,
        rows: Input<f64>,
    ) -> PyResult<()> {
        detached(py, || {
            let (ns, provenance) = (ns.as_mut_slice(), provenance.as_mut_slice());
            if rows.as_slice().len() != 4 * ns.len() || provenance.len() != ns.len() {
                return Err(Error::shape("rows", format!("({}, 4)", ns.len()), rows.as_slice().len()));
            }
            for (call, (ns, provenance)) in calls(rows.as_slice())?.zip(ns.iter_mut().zip(provenance)) {
                call.check()?;
                let estimate = self.0.estimate(&call);
                *ns = estimate.ns;
                *provenance = estimate.provenance as u8;
            }
            Ok(())
        })
    }
}
