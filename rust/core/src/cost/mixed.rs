//! Attention of one engine step that holds prompt chunks and decoding requests, from a table measured on the same GPU.
//!
//! One kernel call serves both, and its time is far from the sum of two calls. Pure prefill and pure decode times are
//! each an analytic time (a floor plus work over a rate) times an interpolated ratio; the mixed time is their sum times
//! the exponential of a ratio on a four-dimensional grid. All axes are logarithmic.

use super::Provenance;
use super::attention::chunk_pairs;
use super::grid::{Fit, Grid, Sample, Smoothness};
use super::operators::Estimate;
use crate::{Error, Result};

/// One attention call: prompt chunks behind cached tokens, and decoding requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixedCall {
    /// New prompt tokens of all chunks; 0 for pure decode.
    pub prefill_tokens: f64,
    /// Query-key pairs of all chunks.
    pub pairs: f64,
    /// Decoding requests; 0 for pure prefill.
    pub num_decodes: f64,
    /// Tokens each of them attends to, on average.
    pub context: f64,
}

/// Attention times of one model shape on one GPU.
#[derive(Debug, Clone, PartialEq)]
pub struct MixedTable {
    prefill: Roofline,
    decode: Roofline,
    mixed: Option<Grid>,
}

/// Time of one kind of work: `(floor + work * rate) * exp(ratio)`.
#[derive(Debug, Clone, PartialEq)]
struct Roofline {
    floor_ns: f64,
    ns_per_work: f64,
    ratio: Grid,
}

impl MixedCall {
    /// One chunk of `prefill_tokens` behind `past` cached tokens, and `num_decodes` requests with `context` tokens
    /// each.
    pub fn new(prefill_tokens: f64, past: f64, num_decodes: f64, context: f64) -> Self {
        Self { prefill_tokens, pairs: chunk_pairs(prefill_tokens, past), num_decodes, context }
    }

    fn has_prefill(&self) -> bool {
        self.prefill_tokens > 0.0
    }

    fn has_decode(&self) -> bool {
        self.num_decodes > 0.0
    }

    /// Cached tokens before one chunk of these tokens and pairs; 0 where several short chunks have fewer pairs than one
    /// long one.
    fn past(&self) -> f64 {
        (self.pairs / self.prefill_tokens.max(1.0) - f64::midpoint(self.prefill_tokens, 1.0)).max(0.0)
    }

    /// Key-value tokens that the decoding requests read.
    fn read(&self) -> f64 {
        self.num_decodes * self.context
    }

    fn point(&self) -> [f64; 4] {
        [self.prefill_tokens.log2(), length(self.past()), self.num_decodes.log2(), length(self.context)]
    }

    /// Refuse sizes that are negative or not finite.
    pub fn check(&self) -> Result<()> {
        let sizes = [self.prefill_tokens, self.pairs, self.num_decodes, self.context];
        match sizes.into_iter().find(|size| !(0.0..=1e18).contains(size)) {
            Some(size) => Err(Error::value("rows", "sizes from 0 to 1e18", size)),
            None => Ok(()),
        }
    }
}

/// Coordinate of a number of cached tokens, which may be zero; 16 is the smallest step of the profiles.
fn length(tokens: f64) -> f64 {
    (1.0 + tokens / 16.0).log2()
}

/// The sizes at knots of [`length`]; whole numbers, as they were measured.
fn lengths(axis: &[f64]) -> Vec<f64> {
    axis.iter().map(|x| (16.0 * (x.exp2() - 1.0)).round()).collect()
}

/// The sizes at logarithmic knots.
fn counts(axis: &[f64]) -> Vec<f64> {
    axis.iter().map(|x| x.exp2().round()).collect()
}

impl MixedTable {
    /// Fit measured calls with their nanoseconds. Pure prefill and pure decode rows are both needed; without mixed rows
    /// a mixed call is taken as their sum. O(rows), about 30 ms for 20,000.
    pub fn fit(rows: &[(MixedCall, f64)]) -> Result<Self> {
        for (call, ns) in rows {
            call.check()?;
            if !(*ns > 0.0 && ns.is_finite()) {
                return Err(Error::value("rows", "positive times", ns));
            }
        }
        let kind = |prefill, decode| {
            let wanted = move |row: &&(MixedCall, f64)| row.0.has_prefill() == prefill && row.0.has_decode() == decode;
            rows.iter().filter(wanted).copied().collect::<Vec<_>>()
        };
        let prefill = Roofline::fit(&kind(true, false), |call| call.pairs, |p| [p[0], p[1]], "prefill_tokens")?;
        let decode = Roofline::fit(&kind(false, true), MixedCall::read, |p| [p[2], p[3]], "num_decodes")?;
        let mut table = Self { prefill, decode, mixed: None };
        let mixed = kind(true, true);
        if !mixed.is_empty() {
            let points: Vec<f64> = mixed.iter().flat_map(|(call, _)| call.point()).collect();
            let targets: Vec<f64> = mixed
                .iter()
                .map(|(call, ns)| (ns / (table.prefill_ns(call).0 + table.decode_ns(call).0)).ln())
                .collect();
            let smoothness = Smoothness { bend: vec![0.1; 4], slope: 1e-5, rounds: 2 };
            let axes = [0, 1, 2, 3].map(|axis| octaves(points.iter().skip(axis).step_by(4).copied()));
            table.mixed = Some(Fit::solve(axes.to_vec(), &points, &targets, &smoothness)?);
        }
        Ok(table)
    }

    /// Measured chunks and cached tokens.
    pub fn prefill_sizes(&self) -> [Vec<f64>; 2] {
        let axes = self.prefill.ratio.axes();
        [counts(&axes[0]), lengths(&axes[1])]
    }

    /// Measured numbers of decoding requests, and contexts.
    pub fn decode_sizes(&self) -> [Vec<f64>; 2] {
        let axes = self.decode.ratio.axes();
        [counts(&axes[0]), lengths(&axes[1])]
    }

    /// Chunks, cached tokens, decoding requests and contexts between which the mixed ratio is interpolated.
    pub fn mixed_sizes(&self) -> Option<[Vec<f64>; 4]> {
        let axes = self.mixed.as_ref()?.axes();
        Some([counts(&axes[0]), lengths(&axes[1]), counts(&axes[2]), lengths(&axes[3])])
    }

    fn prefill_ns(&self, call: &MixedCall) -> (f64, bool) {
        self.prefill.at(call.pairs, &call.point()[..2])
    }

    fn decode_ns(&self, call: &MixedCall) -> (f64, bool) {
        self.decode.at(call.read(), &call.point()[2..])
    }

    /// Time of one call; nothing to do takes no time. Negative or non-finite sizes count as zero.
    pub fn estimate(&self, call: &MixedCall) -> Estimate {
        let (ns, inside) = match (call.has_prefill(), call.has_decode()) {
            (false, false) => (0.0, true),
            (true, false) => self.prefill_ns(call),
            (false, true) => self.decode_ns(call),
            (true, true) => {
                let (prefill, decode) = (self.prefill_ns(call), self.decode_ns(call));
                let ratio =
                    self.mixed.as_ref().map_or(Sample { value: 0.0, inside: false }, |grid| grid.at(&call.point()));
                ((prefill.0 + decode.0) * ratio.value.exp(), prefill.1 && decode.1 && ratio.inside)
            }
        };
        Estimate { ns, provenance: if inside { Provenance::Interpolated } else { Provenance::Fitted } }
    }
}

impl Roofline {
    fn fit(
        rows: &[(MixedCall, f64)],
        work: impl Fn(&MixedCall) -> f64,
        plane: impl Fn([f64; 4]) -> [f64; 2],
        argument: &'static str,
    ) -> Result<Self> {
        // The floor and the fastest rate: a roofline that touches the rows from below.
        let floor_ns = rows.iter().map(|(_, ns)| *ns).fold(f64::INFINITY, f64::min);
        let ns_per_work = rows.iter().map(|(call, ns)| ns / work(call)).fold(f64::INFINITY, f64::min);
        if rows.is_empty() || !ns_per_work.is_finite() {
            return Err(Error::value(argument, "above 0 in some rows without the other kind of work", "none"));
        }
        let points: Vec<f64> = rows.iter().flat_map(|(call, _)| plane(call.point())).collect();
        let targets: Vec<f64> =
            rows.iter().map(|(call, ns)| (ns / (floor_ns + ns_per_work * work(call))).ln()).collect();
        let axes = [0, 1].map(|axis| distinct(points.iter().skip(axis).step_by(2).copied()));
        let smoothness = Smoothness { bend: vec![1e-4; 2], slope: 1e-8, rounds: 0 };
        Ok(Self { floor_ns, ns_per_work, ratio: Fit::solve(axes.to_vec(), &points, &targets, &smoothness)? })
    }

    fn at(&self, work: f64, point: &[f64]) -> (f64, bool) {
        let sample = self.ratio.at(point);
        ((self.floor_ns + self.ns_per_work * work) * sample.value.exp(), sample.inside)
    }
}

/// The distinct coordinates as knots.
fn distinct(coordinates: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut knots: Vec<f64> = coordinates.collect();
    knots.sort_by(f64::total_cmp);
    knots.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    knots
}

/// Knots at every distinct coordinate that is at least an octave above the knot before, and at the last.
fn octaves(coordinates: impl Iterator<Item = f64>) -> Vec<f64> {
    let all = distinct(coordinates);
    let last = all[all.len() - 1];
    let mut knots: Vec<f64> = Vec::new();
    for knot in all {
        if knots.last().is_none_or(|previous| knot - previous > 0.9 && last - knot > 0.9) || knot >= last {
            knots.push(knot);
        }
    }
    knots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(prefill_tokens: f64, past: f64, num_decodes: f64, context: f64) -> MixedCall {
        MixedCall::new(prefill_tokens, past, num_decodes, context)
    }

    /// A kernel with a floor, additive work, and 1.5 times the sum when mixed.
    fn truth(call: &MixedCall) -> f64 {
        let work = |work: f64, rate: f64| if work > 0.0 { 5000.0 + work * rate } else { 0.0 };
        let sum = work(call.pairs, 0.02) + work(call.read(), 0.5);
        if call.has_prefill() && call.has_decode() { 1.5 * sum } else { sum }
    }

    fn table() -> MixedTable {
        let sizes = [0.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
        let mut rows = Vec::new();
        for tokens in sizes {
            for past in sizes {
                for decodes in [0.0, 1.0, 2.0, 4.0, 8.0, 16.0] {
                    for context in &sizes[1..] {
                        let call = call(tokens, past, decodes, *context);
                        if truth(&call) > 0.0 {
                            rows.push((call, truth(&call)));
                        }
                    }
                }
            }
        }
        MixedTable::fit(&rows).unwrap()
    }

    #[test]
    fn measured_calls_come_back() {
        let table = table();
        for call in [call(64.0, 128.0, 0.0, 0.0), call(0.0, 0.0, 4.0, 512.0), call(256.0, 0.0, 8.0, 64.0)] {
            let estimate = table.estimate(&call);
            assert!((estimate.ns / truth(&call) - 1.0).abs() < 0.02, "{call:?}: {estimate:?}, not {}", truth(&call));
            assert_eq!(estimate.provenance, Provenance::Interpolated);
        }
    }

    #[test]
    fn calls_between_and_beyond_rows_follow_the_work() {
        let table = table();
        for call in [call(200.0, 300.0, 3.0, 700.0), call(8192.0, 8192.0, 64.0, 8192.0), call(1.0, 0.0, 1.0, 1.0)] {
            let ratio = table.estimate(&call).ns / truth(&call);
            assert!((0.9..1.1).contains(&ratio), "{call:?} is {ratio} times the truth");
        }
        assert_eq!(table.estimate(&call(8192.0, 0.0, 1.0, 16.0)).provenance, Provenance::Fitted);
    }

    #[test]
    fn several_short_chunks_have_less_work_than_a_long_one() {
        let one = MixedCall::new(1024.0, 0.0, 0.0, 0.0);
        let several = MixedCall { pairs: one.pairs / 8.0, ..one };
        let (one, several) = (table().estimate(&one).ns, table().estimate(&several).ns);
        assert!(several < 0.6 * one, "{several} is not well below {one}");
    }

    #[test]
    fn nothing_takes_no_time_and_broken_rows_are_refused() {
        assert_eq!(table().estimate(&call(0.0, 5.0, 0.0, 5.0)).ns.to_bits(), 0);
        let decode = (call(0.0, 0.0, 1.0, 16.0), 1.0);
        assert!(MixedTable::fit(&[]).is_err());
        assert!(MixedTable::fit(&[decode]).is_err());
        assert!(MixedTable::fit(&[decode, (call(16.0, 0.0, 0.0, 0.0), f64::NAN)]).is_err());
        assert!(MixedTable::fit(&[decode, (call(16.0, -100.0, 0.0, 0.0), 1.0)]).is_err());
    }
}
