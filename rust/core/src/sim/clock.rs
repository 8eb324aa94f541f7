//! How long one step, or a stretch of equal decode steps, takes with the host's part, and what it computes and moves.

use super::options::Options;
use crate::cost::{StepShape, StepTime, Work};

/// Step time of the engines of one service.
#[derive(Clone, Copy)]
pub(super) struct StepClock<'a> {
    step_time: &'a StepTime,
    host_ns: f64,
    overlap_host: bool,
}

impl<'a> StepClock<'a> {
    pub(super) fn new(step_time: &'a StepTime, options: &Options) -> Self {
        Self { step_time, host_ns: options.host_ns as f64, overlap_host: options.overlap_host }
    }

    /// Nanoseconds of `num_steps` steps, the first with `shapes` (one per data-parallel rank). More than one step means
    /// a single rank that only decodes: each step finds one more token of context per request.
    pub(super) fn span_ns(&self, shapes: &[StepShape], num_steps: u64) -> f64 {
        match shapes {
            [shape] if num_steps > 1 => self.run_ns(shape, num_steps),
            [shape] => self.with_host(self.step_time.step_ns(shape)),
            _ => self.with_host(self.step_time.lockstep_ns(shapes)),
        }
    }

    /// The fewest of at most `most` such steps that take `span_ns` together or longer; `most` if none do.
    pub(super) fn steps_reaching(&self, shapes: &[StepShape], most: u64, span_ns: f64) -> u64 {
        let (mut low, mut high) = (1, most);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.span_ns(shapes, middle) >= span_ns {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Operations and bytes of the same steps. Both grow evenly with the context, so the mean of first and last step is
    /// exact as long as no attention window fills up on the way.
    pub(super) fn work(&self, shapes: &[StepShape], num_steps: u64) -> Work {
        let at = |later| self.step_time.lockstep_work(shapes.iter().map(|shape| after(shape, later)));
        let first = at(0);
        let last = if num_steps == 1 { first } else { at(num_steps - 1) };
        Work {
            flops: num_steps as f64 * f64::midpoint(first.flops, last.flops),
            bytes: num_steps as f64 * f64::midpoint(first.bytes, last.bytes),
        }
    }

    fn with_host(&self, device_ns: f64) -> f64 {
        if self.overlap_host { device_ns.max(self.host_ns) } else { device_ns + self.host_ns }
    }

    fn run_ns(&self, shape: &StepShape, num_steps: u64) -> f64 {
        let device_ns =
            |from: &StepShape, steps| self.step_time.decode_run_ns(from.num_decodes, from.decode_context, steps);
        if !self.overlap_host || self.host_ns == 0.0 {
            return device_ns(shape, num_steps) + num_steps as f64 * self.host_ns;
        }
        // Contexts only grow: the host is the slower one up to some step and the device from there on.
        let (mut low, mut high) = (0, num_steps);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.step_time.step_ns(&after(shape, middle)) < self.host_ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let rest = if low < num_steps { device_ns(&after(shape, low), num_steps - low) } else { 0.0 };
        low as f64 * self.host_ns + rest
    }
}

/// The shape of a decode step `num_steps` later.
fn after(shape: &StepShape, num_steps: u64) -> StepShape {
    StepShape { decode_context: shape.decode_context + num_steps * u64::from(shape.num_decodes), ..*shape }
}

/// Let decode steps be `num_steps` later.
pub(super) fn advance(shapes: &mut [StepShape], num_steps: u64) {
    for shape in shapes {
        *shape = after(shape, num_steps);
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "sums of small integers are exact")]
mod tests {
    use super::*;

    const DECODES: StepShape = StepShape {
        prefill_tokens: 0,
        num_prefills: 0,
        prefill_context: 0,
        prefill_pairs: 0,
        num_decodes: 2,
        decode_context: 10,
        num_sampled: 2,
    };

    fn clock(step_time: &StepTime, host_ns: u64, overlap_host: bool) -> StepClock<'_> {
        StepClock::new(step_time, &Options { host_ns, overlap_host, ..Options::default() })
    }

    #[test]
    fn host_time_is_added_or_hidden() {
        // Steps of 110, 112, 114, 116 ns.
        let step_time = StepTime::linear(100.0, 0.0, 0.0, 1.0);
        let span = |host_ns, overlap, steps| clock(&step_time, host_ns, overlap).span_ns(&[DECODES], steps);
        assert_eq!(span(5, false, 1), 115.0);
        assert_eq!(span(5, false, 4), 472.0);
        assert_eq!(span(5, true, 4), 452.0);
        assert_eq!(span(113, true, 4), 113.0 + 113.0 + 114.0 + 116.0);
        assert_eq!(span(500, true, 4), 2000.0);
    }

    #[test]
    fn ranks_in_lockstep_take_the_slowest() {
        let step_time = StepTime::linear(100.0, 0.0, 0.0, 1.0);
        let mut shapes = [DECODES, StepShape { num_decodes: 1, decode_context: 13, ..DECODES }, StepShape::default()];
        let mut spans = Vec::new();
        for _ in 0..5 {
            spans.push(clock(&step_time, 0, false).span_ns(&shapes, 1));
            advance(&mut shapes, 1);
        }
        // Ranks of 110, 112, 114, ... and of 113, 114, 115, ...
        assert_eq!(spans, [113.0, 114.0, 115.0, 116.0, 118.0]);
    }

    #[test]
    fn the_fewest_steps_are_found() {
        // Steps of 110, 112, 114, 116 ns.
        let step_time = StepTime::linear(100.0, 0.0, 0.0, 1.0);
        let reaching = |span_ns| clock(&step_time, 0, false).steps_reaching(&[DECODES], 4, span_ns);
        assert_eq!([0.0, 110.0, 110.5, 222.0, 223.0, 1e9].map(reaching), [1, 1, 2, 2, 3, 4]);
    }
}
