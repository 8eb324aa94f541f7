//! Time of the attention of one kind of layers: prefill, decode and both in one batch.
//!
//! Prefill is analytic (a launch and a cost per query-key pair) times an interpolated ratio of measured to analytic time.
//! Decode is a [`Decode`] grid. Both in one kernel call are not additive: the sum of the separate times is 29 to 39 % off
//! (`planner.md` 4.3), so a four-dimensional grid holds the ratio of the mixed time to the sum.

use super::decode::Decode;
use super::lattice::Lattice;
use super::step::Load;
use crate::Result;

/// Prefill attention: `(launch + per pair * pairs) * ratio(chunk, past)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prefill {
    launch_ns: f64,
    per_pair_ns: f64,
    ratio: Lattice<2>,
}

impl Prefill {
    /// From times on a grid of (chunk, past) with the chunk as first axis; `time` answers in nanoseconds.
    ///
    /// The analytic part is the fastest launch and the best rate per pair of the grid itself, so that the ratio stays near
    /// one where either dominates.
    pub fn sample(chunks: &[f64], pasts: &[f64], mut time: impl FnMut(f64, f64) -> f64) -> Result<Self> {
        let times = Lattice::sample([chunks.to_vec(), pasts.to_vec()], |[chunk, past]| time(chunk, past))?;
        let (mut launch_ns, mut per_pair_ns) = (f64::INFINITY, f64::INFINITY);
        for &chunk in chunks {
            for &past in pasts {
                let ns = times.at([chunk, past]);
                launch_ns = launch_ns.min(ns);
                per_pair_ns = per_pair_ns.min(ns / chunk_pairs(chunk, past));
            }
        }
        let ratio = Lattice::sample([chunks.to_vec(), pasts.to_vec()], |[chunk, past]| {
            times.at([chunk, past]) / (launch_ns + per_pair_ns * chunk_pairs(chunk, past))
        })?;
        Ok(Self { launch_ns, per_pair_ns, ratio })
    }

    /// Nanoseconds of chunks of `tokens` in total and `pairs` query-key pairs, with `past` tokens before each on average.
    pub fn at(&self, tokens: f64, past: f64, pairs: f64) -> f64 {
        if tokens <= 0.0 {
            return 0.0;
        }
        (self.launch_ns + self.per_pair_ns * pairs) * self.ratio.at([tokens, past])
    }
}

/// Query-key pairs of one causal chunk after `past` tokens.
pub fn chunk_pairs(chunk: f64, past: f64) -> f64 {
    chunk * past + chunk * (chunk + 1.0) / 2.0
}

/// Attention of `count` layers of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionTime {
    /// Layers of this kind.
    pub count: f64,
    /// Tokens that a query sees at most, with a sliding window.
    pub window: Option<f64>,
    /// Prefill of one layer.
    pub prefill: Prefill,
    /// Decode of one layer.
    pub decode: Decode,
    /// Time of the mixed batch over the sum of both, by (chunk, past, decodes, mean context); without one they add up.
    pub mixed: Option<Lattice<4>>,
}

impl AttentionTime {
    /// Nanoseconds of all layers of this kind.
    pub fn at(&self, load: &Load) -> f64 {
        self.count * self.layer(load)
    }

    fn layer(&self, load: &Load) -> f64 {
        let decode = self.decode.at(load.num_decodes, self.clip(load.decode_mean));
        if load.prefill_tokens <= 0.0 {
            return decode;
        }
        let past = self.clip(load.prefill_past());
        let pairs = match self.window {
            Some(window) => load.prefill_pairs.min(load.prefill_tokens * window),
            None => load.prefill_pairs,
        };
        let sum = self.prefill.at(load.prefill_tokens, past, pairs) + decode;
        match &self.mixed {
            Some(grid) if load.num_decodes > 0.0 => {
                sum * grid.at([load.prefill_tokens, past, load.num_decodes, self.clip(load.decode_mean)])
            }
            _ => sum,
        }
    }

    fn clip(&self, context: f64) -> f64 {
        self.window.map_or(context, |window| context.min(window))
    }

    /// Nanoseconds of `steps` decode steps of all layers, the first at mean context `mean`.
    pub fn run(&self, n: f64, mean: f64, steps: u64) -> f64 {
        let Some(window) = self.window else { return self.count * self.decode.run(n, mean, steps) };
        // Below the window as without one, from there on every step costs the same.
        let growing = ((window - mean).max(0.0).ceil() as u64).min(steps);
        let flat = (steps - growing) as f64 * self.decode.at(n, window);
        self.count * (self.decode.run(n, mean, growing) + flat)
    }
}
