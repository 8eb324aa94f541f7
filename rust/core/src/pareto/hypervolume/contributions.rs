//! What every point alone dominates: the volume that is lost without it, which is 0 for dominated points and copies.
//!
//! Sorts and sweeps to three objectives; above, the box of each point is cut by all the others (`slices`), n^2 for four
//! objectives as HVC4D (Guerreiro and Fonseca 2018). A dominated point counts: what it shares with the one point that
//! dominates it is lost by neither.

use std::sync::atomic::AtomicBool;

use super::exact::{lexicographic, shared};
use super::region::Region;
use super::slices::Slices;
use super::{Options, plane, strips};
use crate::error::{Error, Result};
use crate::simd;

/// Fill `out` with what each row alone dominates; returns how many rows are not better than the reference everywhere.
pub fn contributions(out: &mut [f64], points: &[f64], reference: &[f64], options: &Options<'_>) -> Result<usize> {
    let region = Region::new("points", points, reference, options)?.scaled(None).finite("points")?;
    if out.len() * reference.len() != points.len() {
        return Err(Error::shape("out", format!("({},)", points.len() / reference.len()), format!("({},)", out.len())));
    }
    let values = match region.columns.len() {
        1 => plane::line_contributions(&region),
        2 => plane::contributions(&region),
        3 => strips::contributions(&region),
        _ => by_boxes(&region, options)?,
    };
    out.fill(0.0);
    for (&row, value) in region.rows.iter().zip(values) {
        out[row as usize] = region.unscaled(value);
    }
    Ok(region.num_outside)
}

fn by_boxes(region: &Region, options: &Options<'_>) -> Result<Vec<f64>> {
    let d = region.columns.len();
    let order = lexicographic(region);
    let rows: Vec<f64> =
        order.iter().flat_map(|&point| region.columns.iter().map(move |column| column[point as usize])).collect();
    let worst = vec![f64::INFINITY; d];
    let found = shared(order.len(), d, options, &AtomicBool::new(false), |watch| {
        let mut slices = Slices::new(simd::level(), d + 1, watch);
        rows.chunks_exact(d).for_each(|row| slices.before().push(row));
        let (rows, worst) = (&rows, &worst);
        move |point: usize| {
            let row = &rows[point * d..][..d];
            slices.before().put(point, worst);
            let volume = slices.exclusive(row, &region.reference, false, false);
            slices.before().put(point, row);
            volume
        }
    })?;
    let mut values = vec![0.0; order.len()];
    for (&point, value) in order.iter().zip(found) {
        values[point as usize] = value;
    }
    Ok(values)
}
