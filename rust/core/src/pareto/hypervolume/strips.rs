//! What each point alone dominates in space, in one sweep along the third objective (HVC3D: Guerreiro and Fonseca
//! 2018).
//!
//! Above every step of the staircase lies the area that its point alone dominates so far, cut into strips by the points
//! behind it. A strip keeps the height at which it took its shape; when a new point changes it, its volume up to there
//! is added to the owner's. All terms are positive, so small contributions keep their digits. O(n log n) where no point
//! dominates another; a dominated one also walks along the strips of the step that it lies behind.

use super::region::Region;
use super::space::Sweep;
use super::stairs::Stairs;

const NONE: u32 = u32::MAX;

/// Part of what a step alone dominates: from `start` to `end` and from the step up to `top`, since height `born`.
#[derive(Clone, Copy)]
struct Strip {
    start: f64,
    end: f64,
    top: f64,
    born: f64,
    before: u32,
    after: u32,
}

/// A step of the staircase.
#[derive(Clone, Copy)]
struct Step {
    point: u32,
    y: f64,
    first: u32,
    last: u32,
}

/// The sweep so far.
struct State {
    strips: Vec<Strip>,
    /// Per rank of the first coordinate; only those in `stairs` count.
    steps: Vec<Step>,
    volumes: Vec<f64>,
    /// The height of the sweep.
    z: f64,
}

/// What each point alone dominates.
pub(super) fn contributions(region: &Region) -> Vec<f64> {
    let sweep = Sweep::new(region);
    let last = sweep.xs.len() as u32 - 1;
    let mut stairs = Stairs::new(sweep.xs.len());
    let nobody = Step { point: NONE, y: f64::NEG_INFINITY, first: NONE, last: NONE };
    let mut state = State {
        strips: Vec::with_capacity(region.len() * 2),
        steps: vec![nobody; sweep.xs.len()],
        volumes: vec![0.0; region.len()],
        z: 0.0,
    };
    stairs.insert(0);
    stairs.insert(last);
    state.steps[0].y = region.reference[1];
    for &point in &sweep.order {
        state.z = region.columns[2][point as usize];
        let (x, y) = (region.columns[0][point as usize], region.columns[1][point as usize]);
        state.add(&sweep.xs, &mut stairs, sweep.ranks[point as usize], point, [x, y]);
    }
    state.z = region.reference[2];
    let mut rank = stairs.from(1).unwrap_or(last);
    while rank != last {
        state.end_all(rank);
        rank = stairs.from(rank + 1).unwrap_or(last);
    }
    state.volumes
}

impl State {
    /// Let the point at `rank` join, at the height of the sweep.
    fn add(&mut self, xs: &[f64], stairs: &mut Stairs, rank: u32, point: u32, [x, y]: [f64; 2]) {
        let last = xs.len() as u32 - 1;
        let left = stairs.before(rank + 1).unwrap_or(0);
        if self.steps[left as usize].y <= y {
            let further = stairs.before(left).unwrap_or(0);
            if self.steps[further as usize].y > y {
                self.cut_behind(left, x, y);
            }
            return;
        }
        let left = stairs.before(rank).unwrap_or(0);
        self.cut_right(left, x);
        let mut step = Step { point, y, first: NONE, last: NONE };
        let (mut start, mut top) = (x, self.steps[left as usize].y);
        let mut next = stairs.from(rank).unwrap_or(last);
        while self.steps[next as usize].y >= y && next != last {
            self.end_all(next);
            stairs.remove(next);
            self.push(&mut step, start, xs[next as usize], top);
            (start, top) = (xs[next as usize], self.steps[next as usize].y);
            next = stairs.from(next).unwrap_or(last);
        }
        self.push(&mut step, start, xs[next as usize], top);
        if next != last {
            self.cut_top(next, y);
        }
        stairs.insert(rank);
        self.steps[rank as usize] = step;
    }

    /// Append a strip to a step, at the height of the sweep.
    fn push(&mut self, step: &mut Step, start: f64, end: f64, top: f64) {
        let index = self.strips.len() as u32;
        self.strips.push(Strip { start, end, top, born: self.z, before: step.last, after: NONE });
        match step.last {
            NONE => step.first = index,
            before => self.strips[before as usize].after = index,
        }
        step.last = index;
    }

    /// Add the volume of a strip to that of the point of its step.
    fn end(&mut self, step: Step, index: u32) -> Strip {
        let strip = self.strips[index as usize];
        self.volumes[step.point as usize] += (strip.end - strip.start) * (strip.top - step.y) * (self.z - strip.born);
        self.strips[index as usize].born = self.z;
        strip
    }

    /// A step is gone.
    fn end_all(&mut self, rank: u32) {
        let step = self.steps[rank as usize];
        let mut index = step.first;
        while index != NONE {
            index = self.end(step, index).after;
        }
    }

    /// What lies right of `x` is no longer the step's alone.
    fn cut_right(&mut self, rank: u32, x: f64) {
        let mut step = self.steps[rank as usize];
        while step.last != NONE && self.strips[step.last as usize].end > x {
            let strip = self.end(step, step.last);
            if strip.start < x {
                self.strips[step.last as usize].end = x;
                break;
            }
            step.last = strip.before;
            match step.last {
                NONE => step.first = NONE,
                before => self.strips[before as usize].after = NONE,
            }
        }
        self.steps[rank as usize] = step;
    }

    /// What lies above `y` is no longer the step's alone.
    fn cut_top(&mut self, rank: u32, y: f64) {
        let first = self.steps[rank as usize].first;
        if first != NONE {
            self.lower(rank, first, y);
        }
    }

    /// What lies right of `x` and above `y` is no longer the step's alone.
    fn cut_behind(&mut self, rank: u32, x: f64, y: f64) {
        let mut index = self.steps[rank as usize].first;
        while index != NONE && self.strips[index as usize].end <= x {
            index = self.strips[index as usize].after;
        }
        if index == NONE || self.strips[index as usize].top <= y {
            return;
        }
        let strip = self.strips[index as usize];
        if strip.start < x {
            // The part left of the point stays as it is; what follows takes over the rest.
            self.end(self.steps[rank as usize], index);
            let rest = self.strips.len() as u32;
            self.strips.push(Strip { start: x, born: self.z, before: index, ..strip });
            (self.strips[index as usize].end, self.strips[index as usize].after) = (x, rest);
            match strip.after {
                NONE => self.steps[rank as usize].last = rest,
                after => self.strips[after as usize].before = rest,
            }
            index = rest;
        }
        self.lower(rank, index, y);
    }

    /// Make one strip with the top `y` of the strip `index` and those behind it that are higher than that.
    fn lower(&mut self, rank: u32, index: u32, y: f64) {
        let step = self.steps[rank as usize];
        if self.strips[index as usize].top <= y {
            return;
        }
        let mut next = index;
        let mut end = self.strips[index as usize].start;
        while next != NONE && self.strips[next as usize].top > y {
            let strip = self.end(step, next);
            (end, next) = (strip.end, strip.after);
        }
        let own = &mut self.strips[index as usize];
        (own.end, own.top, own.after) = (end, y, next);
        match next {
            NONE => self.steps[rank as usize].last = index,
            next => self.strips[next as usize].before = index,
        }
    }
}
