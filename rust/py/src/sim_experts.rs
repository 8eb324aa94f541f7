//! Binding of `paretoserve_core::sim::experts`.

use std::sync::Arc;

use paretoserve_core::moe::{FULL_SPEED, Ranks};
use paretoserve_core::sim::experts;
use pyo3::prelude::*;

use crate::arrays::Input;
use crate::errors::detached;

/// A load of experts under a balancer.
#[pyclass(frozen, module = "paretoserve._native")]
pub(crate) struct ExpertSpread {
    pub(crate) inner: Arc<experts::ExpertSpread>,
}

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "arguments that Python converts are owned")]
impl ExpertSpread {
    /// Plan for `load`: shares, uniform and normal numbers in C order of (windows, layers, experts); `shape` is
    /// windows, layers, experts per token; `group` ranks, ranks of a node, slots, steps between placements, and how
    /// much longer a transfer between nodes takes.
    #[new]
    fn new(
        py: Python<'_>,
        load: (Input<f64>, Input<f64>, Input<f64>),
        shape: (usize, usize, u32),
        balancer: &str,
        group: (usize, usize, usize, f64, f64),
    ) -> PyResult<Self> {
        let (ranks, ranks_per_node, num_slots, interval, inter) = group;
        detached(py, || {
            let load = experts::Load {
                shares: load.0.as_slice(),
                luck: [load.1.as_slice(), load.2.as_slice()],
                windows: shape.0,
                layers: shape.1,
                top_k: shape.2,
            };
            let group = experts::Group {
                balancer: experts::Balancer::parse(balancer)?,
                ranks: Ranks::new(&vec![FULL_SPEED; ranks], ranks_per_node)?,
                num_slots,
                interval,
                inter,
            };
            experts::ExpertSpread::new(&load, group)
        })
        .map(|inner| Self { inner: Arc::new(inner) })
    }

    /// Experts that the busiest rank fetches at a change of the placement, in a mean layer.
    fn fetched(&self) -> f64 {
        self.inner.fetched()
    }
}
