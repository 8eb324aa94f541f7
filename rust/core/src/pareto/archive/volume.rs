//! The hypervolume of an archive, kept up to date while points come in one by one, for up to four objectives.
//!
//! What a point adds is the volume that it alone dominates: in the plane a strip under the stairs, above the volume of
//! its box less that of the members moved into the box. Only who asked once pays for it, and above two objectives only
//! for a while; the volume is computed anew after many steps, so that rounding does not pile up.

use std::num::NonZeroUsize;

use super::super::NanPolicy;
use super::super::hypervolume::{Method, Options, Sampling, hypervolume};
use super::index::Index;
use super::members::Members;
use crate::error::Result;

/// Steps after which the volume is computed anew: in the plane, and above it.
const STEPS: [usize; 2] = [4096, 64];

#[derive(Debug, Clone)]
pub(super) struct Volume {
    /// With the sign of minimization.
    reference: Vec<f64>,
    maximize: Vec<bool>,
    total: Option<f64>,
    steps: usize,
}

impl Volume {
    pub(super) fn new(reference: &[f64], maximize: &[bool]) -> Self {
        let mut own = Self { reference: Vec::new(), maximize: maximize.to_vec(), total: None, steps: 0 };
        own.reference = own.minimized(reference).collect();
        own
    }

    fn minimized(&self, point: &[f64]) -> impl Iterator<Item = f64> {
        point.iter().zip(&self.maximize).map(|(&value, &maximize)| if maximize { -value } else { value })
    }

    /// Compute it anew when it is next asked for.
    pub(super) fn forget(&mut self) {
        self.total = None;
    }

    /// The volume between the members and the reference point.
    pub(super) fn total(&mut self, members: &Members, stop: &(dyn Fn() -> bool + Sync)) -> Result<f64> {
        if let Some(total) = self.total {
            return Ok(total);
        }
        let mut points = Vec::with_capacity(members.num_slots() * self.reference.len());
        for slot in members.slots() {
            points.extend(self.minimized(members.values(slot)));
        }
        let total = exact(&points, &self.reference, stop)?;
        (self.total, self.steps) = (Some(total), 0);
        Ok(total)
    }

    /// A member came in; those that it dominates are still in their slots.
    pub(super) fn inserted(&mut self, members: &Members, index: &Index, keys: &[i64], slot: u32, removed: &[u32]) {
        let Some(total) = self.total else { return };
        let d = self.reference.len();
        self.steps += 1;
        self.total = if d > 4 || self.steps > STEPS[usize::from(d != 2)] {
            None
        } else if let Index::Plane(plane) = index {
            let (left, right) = plane.neighbors(keys);
            let value = |slot: u32, k: usize| self.minimized(members.values(slot)).nth(k).expect("two objectives");
            let start = [value(slot, 0), value(slot, 1)];
            if start[0] >= self.reference[0] || start[1] >= self.reference[1] {
                return;
            }
            let mut height = left.map_or(self.reference[1], |left| value(left, 1)).min(self.reference[1]);
            let end = right.map_or(self.reference[0], |right| value(right, 0)).min(self.reference[0]);
            let (mut added, mut x) = (0.0, start[0]);
            for &step in removed {
                let next = value(step, 0).min(end);
                added += (next - x) * (height - start[1]).max(0.0);
                (x, height) = (next, value(step, 1).min(height));
            }
            added += (end - x).max(0.0) * (height - start[1]).max(0.0);
            Some(total + added)
        } else {
            Some(total + self.alone(members, slot))
        }
        // Infinite volumes have no differences.
        .filter(|total| total.is_finite());
    }

    /// The volume that the member in `slot` dominates alone.
    fn alone(&self, members: &Members, slot: u32) -> f64 {
        let own: Vec<f64> = self.minimized(members.values(slot)).collect();
        let mut others = Vec::with_capacity(members.num_slots() * own.len());
        for other in members.slots().filter(|&other| other != slot) {
            others.extend(self.minimized(members.values(other)).zip(&own).map(|(value, &least)| value.max(least)));
        }
        let volume = |points: &[f64]| exact(points, &self.reference, &|| false).unwrap_or(f64::NAN);
        volume(&own) - volume(&others)
    }
}

/// The volume between points and a reference point, all minimized.
fn exact(points: &[f64], reference: &[f64], stop: &(dyn Fn() -> bool + Sync)) -> Result<f64> {
    let minimize = vec![false; reference.len()];
    let options = Options { maximize: &minimize, nan: NanPolicy::Drop, threads: NonZeroUsize::new(1), stop };
    let unused = Sampling { rel_err: 1.0, seed: 0 };
    Ok(hypervolume(points, reference, Method::Exact, unused, &options)?.value)
}
