//! `cover`: the bound that the kept points of a front keep.

use std::num::NonZeroUsize;

use paretoserve_core::pareto::{Boxes, Grid, cover_share};
use pyo3::prelude::*;

use crate::arrays::Input;
use crate::errors::detached;

/// The smallest share of the box sizes by which some kept row is at most worse than each row of the front.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "owned as pyo3 extracts them")]
pub(crate) fn pareto_cover_share(
    py: Python<'_>,
    front: Input<f64>,
    kept: Input<f64>,
    maximize: Vec<bool>,
    sizes: Vec<f64>,
    multiply: bool,
    threads: Option<NonZeroUsize>,
) -> PyResult<f64> {
    let boxes = Boxes { sizes: &sizes, kind: if multiply { Grid::Multiply } else { Grid::Add } };
    let (front, kept) = (front.as_slice(), kept.as_slice());
    detached(py, || cover_share(front, kept, &maximize, boxes, threads))
}
