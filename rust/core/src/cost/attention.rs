//! Time of the attention of one kind of layers: prefill, decode and both in one batch.
//!
//! Prefill is analytic (a launch and a cost per query-key pair) times an interpolated ratio of measured to analytic
//! time. Decode is a [`Decode`] grid. Both in one kernel call are not additive: the sum of the separate times is 29 to
//! 39 % off, so a four-dimensional grid holds the ratio of the mixed time to the sum.

use super::decode::Decode;
use super::lattice::Lattice;
use super::provenance::Provenance;
use super::shape::Load;
use super::terms::Share;
use crate::Result;

/// Prefill attention: `(launch + per pair * pairs) * ratio(chunk, past)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prefill {
    launch_ns: f64,
    per_pair_ns: f64,
    window: Option<f64>,
    ratio: Lattice<2>,
}

impl Prefill {
    /// From times on a grid of (chunk, past) with the chunk as first axis; `time` answers in nanoseconds.
    ///
    /// The analytic part is the fastest launch and the best rate per pair of the grid itself, so that the ratio stays
    /// near one where either dominates.
    pub fn sample(
        chunks: &[f64],
        pasts: &[f64],
        window: Option<f64>,
        mut time: impl FnMut(f64, f64) -> f64,
    ) -> Result<Self> {
        let axes = [chunks.to_vec(), pasts.to_vec()];
        let times = Lattice::sample(axes.clone(), |[chunk, past]| time(chunk, past))?;
        let (mut launch_ns, mut per_pair_ns) = (f64::INFINITY, f64::INFINITY);
        for &chunk in chunks {
            for &past in pasts {
                let ns = times.at([chunk, past]);
                launch_ns = launch_ns.min(ns);
                per_pair_ns = per_pair_ns.min(ns / seen(chunk_pairs(chunk, past), chunk, window));
            }
        }
        let ratio = Lattice::sample(axes, |[chunk, past]| {
            let pairs = seen(chunk_pairs(chunk, past), chunk, window);
            times.at([chunk, past]) / (launch_ns + per_pair_ns * pairs)
        })?;
        Ok(Self { launch_ns, per_pair_ns, window, ratio })
    }

    /// Nanoseconds of chunks of `tokens` in total and `pairs` query-key pairs, with `past` tokens before each on
    /// average.
    pub fn at(&self, tokens: f64, past: f64, pairs: f64) -> f64 {
        if tokens <= 0.0 {
            return 0.0;
        }
        (self.launch_ns + self.per_pair_ns * seen(pairs, tokens, self.window)) * self.ratio.at([tokens, past])
    }
}

/// Query-key pairs of one causal chunk after `past` tokens.
pub fn chunk_pairs(chunk: f64, past: f64) -> f64 {
    chunk * past + chunk * (chunk + 1.0) / 2.0
}

/// Pairs that a window leaves.
fn seen(pairs: f64, tokens: f64, window: Option<f64>) -> f64 {
    window.map_or(pairs, |window| pairs.min(tokens * window))
}

/// How times were obtained on a lattice of two axes: the place of the provenance in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Source(Lattice<2>);

impl Source {
    const ORDER: [Provenance; 4] =
        [Provenance::Measured, Provenance::Interpolated, Provenance::Fitted, Provenance::Transferred];

    /// The provenance of each point of two axes.
    pub fn sample(axes: [&[f64]; 2], mut of: impl FnMut(f64, f64) -> Provenance) -> Result<Self> {
        let lattice = Lattice::sample(axes.map(<[f64]>::to_vec), |[x, y]| f64::from(of(x, y) as u8))?;
        Ok(Self(lattice))
    }

    /// The worst of the points around, and fitted beyond the axes.
    fn at(&self, x: [f64; 2]) -> Provenance {
        let inside = Self::ORDER[self.0.max_at(x) as usize % 4].max(Provenance::Interpolated);
        if self.0.contains(x) { inside } else { inside.max(Provenance::Fitted) }
    }
}

/// Time of prefill and decode in one batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixed {
    /// Separate kernels: the sum.
    Sum,
    /// Ratio to the sum, by (chunk, past, decodes, mean context), and how it was obtained.
    Ratio(Lattice<4>, Provenance),
}

impl Mixed {
    fn ratio(&self, point: [f64; 4]) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Ratio(lattice, _) => lattice.at(point),
        }
    }

    fn provenance(&self) -> Provenance {
        match self {
            Self::Sum => Provenance::Fitted,
            Self::Ratio(_, provenance) => *provenance,
        }
    }
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
    /// Prefill and decode in one batch.
    pub mixed: Mixed,
    /// How prefill times were obtained, by (chunk, past).
    pub prefill_source: Source,
    /// How decode times were obtained, by (decodes, mean context).
    pub decode_source: Source,
}

/// Times of one layer.
struct Layer {
    prefill: f64,
    decode: f64,
    mixed_ratio: f64,
}

impl AttentionTime {
    /// Nanoseconds of all layers of this kind.
    pub fn at(&self, load: &Load) -> f64 {
        let layer = self.layer(load);
        self.count * (layer.prefill + layer.decode) * layer.mixed_ratio
    }

    /// The parts of [`Self::at`].
    pub fn explain(&self, load: &Load) -> Vec<Share> {
        let layer = self.layer(load);
        let suffix = self.window.map_or(String::new(), |window| format!(" (window {window})"));
        let share = |name: &str, ns: f64, provenance| Share { name: format!("{name}{suffix}"), ns, provenance };
        let mut shares = Vec::new();
        let prefill_how = self.prefill_source.at([load.prefill_tokens, self.clip(load.prefill_past())]);
        let decode_how = self.decode_source.at([load.num_decodes, self.clip(load.decode_mean)]);
        if load.prefill_tokens > 0.0 {
            shares.push(share("prefill attention", self.count * layer.prefill, prefill_how));
        }
        if load.num_decodes > 0.0 {
            shares.push(share("decode attention", self.count * layer.decode, decode_how));
        }
        if shares.len() == 2 {
            let ns = self.count * (layer.prefill + layer.decode) * (layer.mixed_ratio - 1.0);
            let how = self.mixed.provenance().max(prefill_how).max(decode_how);
            shares.push(share("both in one batch", ns, how));
        }
        shares
    }

    fn layer(&self, load: &Load) -> Layer {
        let decode = self.decode.at(load.num_decodes, self.clip(load.decode_mean));
        if load.prefill_tokens <= 0.0 {
            return Layer { prefill: 0.0, decode, mixed_ratio: 1.0 };
        }
        let past = self.clip(load.prefill_past());
        let prefill = self.prefill.at(load.prefill_tokens, past, load.prefill_pairs);
        let point = [load.prefill_tokens, past, load.num_decodes, self.clip(load.decode_mean)];
        let mixed_ratio = if decode > 0.0 { self.mixed.ratio(point) } else { 1.0 };
        Layer { prefill, decode, mixed_ratio }
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
