//! How the tokens of expert layers spread over ranks, for a load and a balancer.
//!
//! A load is how popular each expert is, layer by layer, in one window of time after another. A balancer sees the
//! window before and serves the next, with the planners of [`crate::moe`] that decide in production. A step's counts
//! are drawn with fixed luck, so that the same load gives the same times, and more tokens never a shorter step but by
//! rounding.

mod balancer;
mod draw;

use std::fmt;

use crate::cost::{LayerTimes, Spread, Spreading};
use crate::moe::Ranks;
use crate::{Error, Result};

use self::balancer::{Planner, Served, Window, Work};
use self::draw::Chances;

pub use self::balancer::Balancer;
pub use self::draw::Luck;

/// Largest share of anything in a load before it is scaled.
const MOST: f64 = 1e18;

/// How popular experts are.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Shares by window, layer and expert, in any unit.
    pub shares: &'a [f64],
    /// Random numbers of the same shape: from 0 to 1, and the standard normal number of the same rank.
    pub luck: [&'a [f64]; 2],
    /// Windows of time.
    pub windows: usize,
    /// Layers of each.
    pub layers: usize,
    /// Experts that a token chooses.
    pub top_k: u32,
}

/// Who balances it, on what.
#[derive(Debug, Clone)]
pub struct Group {
    /// Who decides.
    pub balancer: Balancer,
    /// Ranks over which experts are spread.
    pub ranks: Ranks,
    /// Copies of experts in all, for balancers that place them; at least one of each.
    pub num_slots: usize,
    /// Steps between two placements.
    pub interval: f64,
    /// How much longer a transfer to another node takes.
    pub inter: f64,
}

/// A load under a balancer.
pub struct ExpertSpread {
    group: Group,
    top_k: u32,
    num_experts: usize,
    served: Vec<Served>,
    /// Experts that a layer's busiest rank fetches at a change of the placement.
    fetched: f64,
}

impl fmt::Debug for ExpertSpread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, served, num_experts, .. } = self;
        write!(f, "ExpertSpread({:?}, {num_experts} experts, {} layers)", group.balancer, served.len())
    }
}

impl ExpertSpread {
    /// Plan what the balancer places; steps are planned when they are asked for.
    pub fn new(load: &Load<'_>, group: Group) -> Result<Self> {
        let num_experts = load.check()?;
        let ranks = group.ranks.count();
        if group.num_slots < num_experts || group.num_slots > num_experts * ranks {
            let expected = format!("from {num_experts} experts to {ranks} copies of each");
            return Err(Error::value("num_slots", expected, group.num_slots));
        }
        for (argument, value) in [("interval", group.interval), ("inter", group.inter)] {
            if !(value >= 1.0 && value.is_finite()) {
                return Err(Error::value(argument, "at least 1 and finite", value));
            }
        }
        let row = |layer: usize| {
            let range = layer * num_experts..(layer + 1) * num_experts;
            let [uniform, normal] = load.luck.map(|luck| &luck[range.clone()]);
            let luck = uniform.iter().zip(normal).map(|(&uniform, &normal)| Luck { uniform, normal }).collect();
            Chances::new(draw::inclusion(&load.shares[range], load.top_k), luck)
        };
        let layers = |window: usize| (window * load.layers..(window + 1) * load.layers).map(row).collect();
        let windows: Vec<Window> = (0..load.windows).map(layers).collect();
        let (served, fetched) = balancer::serve(&windows, group.balancer, group.num_slots, &group.ranks)?;
        Ok(Self { group, top_k: load.top_k, num_experts, served, fetched })
    }

    /// Experts that the busiest rank fetches at a change of the placement, in a mean layer.
    pub fn fetched(&self) -> f64 {
        self.fetched
    }
}

impl Load<'_> {
    /// Refuse arrays that do not fit each other; returns the number of experts.
    fn check(&self) -> Result<usize> {
        let rows = self.windows * self.layers;
        if rows == 0 || self.shares.is_empty() || !self.shares.len().is_multiple_of(rows) {
            let expected = format!("({}, {}, experts)", self.windows, self.layers);
            return Err(Error::shape("shares", expected, format!("({},)", self.shares.len())));
        }
        let num_experts = self.shares.len() / rows;
        if let Some(luck) = self.luck.iter().find(|luck| luck.len() != self.shares.len()) {
            return Err(Error::shape("luck", format!("({},)", self.shares.len()), format!("({},)", luck.len())));
        }
        if self.top_k == 0 || self.top_k as usize > num_experts {
            return Err(Error::value("top_k", format!("1 to {num_experts}, the experts"), self.top_k));
        }
        if let Some(bad) = self.shares.iter().find(|share| !(0.0..=MOST).contains(*share)) {
            return Err(Error::value("shares", "from 0 to 10^18", bad));
        }
        let finite = |luck: &[f64]| luck.iter().all(|value| value.is_finite());
        if !self.luck.iter().all(|luck| finite(luck)) {
            return Err(Error::value("luck", "finite", "another"));
        }
        Ok(num_experts)
    }
}

impl Spread for ExpertSpread {
    fn layer(&self, tokens: u64, times: &LayerTimes) -> Result<Spreading> {
        let Self { group, num_experts, .. } = self;
        let (experts, ranks) = (times.routing.num_experts as usize, times.routing.ranks as usize);
        if (experts, ranks, times.routing.top_k) != (*num_experts, group.ranks.count(), self.top_k) {
            let expected = format!("for {experts} experts, {} per token, on {ranks} ranks", times.routing.top_k);
            let got = format!("{num_experts}, {} and {}", self.top_k, group.ranks.count());
            return Err(Error::value("expert_load", expected, got));
        }
        let mut planner = Planner::new(times, group.inter, &group.ranks);
        let (mut counts, mut work) = (vec![0; experts], Work::default());
        let (mut loads, mut at_home) = (vec![0_u64; ranks], vec![0_u64; ranks]);
        let (mut ns, mut imbalance) = (0.0, 0.0);
        for served in &self.served {
            served.chances.counts(&mut counts, tokens, self.top_k);
            planner.plan(&mut work, served, &counts)?;
            let mut end = ended(&mut work, &mut loads, times);
            // The planner knows two lines of the curve of times, which may promise more than the curve holds.
            if served.stay(&mut work, &counts) {
                let home = ended(&mut work, &mut at_home, times);
                if home <= end {
                    end = home;
                    loads.copy_from_slice(&at_home);
                }
            }
            ns += end;
            imbalance += group.ranks.ratio(&loads);
        }
        let layers = self.served.len() as f64;
        let fetching = self.fetched * times.transfer_ns / group.interval;
        Ok(Spreading { ns: ns / layers + fetching, imbalance: imbalance / layers })
    }
}

/// When the last rank is done; fills the tokens of each.
fn ended(work: &mut Work, loads: &mut [u64], times: &LayerTimes) -> f64 {
    work.blocks.sort_unstable();
    loads.fill(0);
    let mut latest = 0.0_f64;
    for blocks in work.blocks.chunk_by(|a, b| a.0 == b.0) {
        loads[blocks[0].0 as usize] = blocks.iter().map(|block| block.1).sum();
        latest = latest.max(times.rank_ns(blocks.iter().map(|block| block.1)));
    }
    latest + work.links_ns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Curve;
    use crate::cost::experts::Routing;

    const EXPERTS: u32 = 16;

    /// An expert takes 10 us or 0.1 us per token, a transfer 50 us.
    fn times(ranks: u32) -> LayerTimes {
        let block = Curve::new(vec![1.0, 100.0, 200.0], vec![10_000.0, 10_000.0, 20_000.0]).unwrap();
        let least = Curve::new(vec![1.0, 16.0], vec![10_000.0, 160_000.0]).unwrap();
        let routing = Routing { num_experts: EXPERTS, top_k: 2, ranks };
        LayerTimes { routing, block, least, transfer_ns: 50_000.0 }
    }

    /// Two windows of two layers; expert `e` is `skew^e` as popular as the first, luck spread evenly.
    fn spread(balancer: Balancer, skew: f64, redundant: usize) -> Result<ExpertSpread> {
        let experts = EXPERTS as usize;
        let shares: Vec<f64> = (0..4 * experts).map(|index| skew.powi((index % experts) as i32)).collect();
        let uniform: Vec<f64> = (0..4 * experts).map(|index| (index * 37 % 64) as f64 / 64.0 + 1.0 / 128.0).collect();
        let normal: Vec<f64> = uniform.iter().map(|uniform| 3.0 * (uniform - 0.5)).collect();
        let load = Load { shares: &shares, luck: [&uniform, &normal], windows: 2, layers: 2, top_k: 2 };
        let ranks = Ranks::equal(4).unwrap();
        ExpertSpread::new(
            &load,
            Group { balancer, ranks, num_slots: experts + redundant, interval: 3000.0, inter: 1.0 },
        )
    }

    fn layer(balancer: Balancer, skew: f64, redundant: usize, tokens: u64) -> Spreading {
        spread(balancer, skew, redundant).unwrap().layer(tokens, &times(4)).unwrap()
    }

    #[test]
    fn balancers_help_a_skewed_load() {
        let none = layer(Balancer::None, 0.7, 0, 8192);
        assert!(none.imbalance > 2.0, "{none:?}");
        for balancer in [Balancer::Eplb, Balancer::Placement, Balancer::Split] {
            let found = layer(balancer, 0.7, 4, 8192);
            assert!(found.ns < 0.8 * none.ns && found.imbalance < 1.3, "{balancer:?} {found:?} {none:?}");
        }
        let spill = layer(Balancer::Spill, 0.7, 0, 8192);
        assert!(spill.ns < none.ns && spill.imbalance < 1.6, "{spill:?} {none:?}");
    }

    #[test]
    fn spilling_does_nothing_where_it_does_not_pay() {
        assert_eq!(layer(Balancer::Spill, 0.7, 0, 4), layer(Balancer::None, 0.7, 0, 4));
        assert_eq!(layer(Balancer::Spill, 1.0, 0, 64), layer(Balancer::None, 1.0, 0, 64));
    }

    #[test]
    fn equal_popularity_is_nearly_balanced() {
        let found = layer(Balancer::None, 1.0, 0, 65_536);
        assert!((1.0..1.05).contains(&found.imbalance), "{found:?}");
        let work = 65_536.0 * 2.0 / 4.0 * 100.0;
        assert!(found.ns >= work && found.ns < 1.05 * work, "{found:?} {work}");
    }

    #[test]
    fn more_tokens_take_longer() {
        for balancer in [Balancer::None, Balancer::Eplb, Balancer::Split] {
            let times: Vec<f64> = (5..16).map(|power| layer(balancer, 0.8, 4, 1 << power).ns).collect();
            assert!(times.windows(2).all(|pair| pair[1] >= 0.95 * pair[0]), "{balancer:?} {times:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(spread(Balancer::Eplb, 0.7, 49).is_err());
        let other = spread(Balancer::None, 0.7, 0).unwrap();
        let error = other.layer(8, &times(2)).unwrap_err().to_string();
        assert!(error.starts_with("`expert_load` must be for 16 experts, 2 per token, on 2 ranks"), "{error}");
        assert!(Balancer::parse("lpt").is_err());
    }
}
