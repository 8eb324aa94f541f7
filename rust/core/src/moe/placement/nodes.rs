//! Groups of experts on nodes, for routers that send a token to few groups: a group's copies stay on one node.

use std::cmp::Reverse;

use super::super::Ranks;
use super::{ABSENT, Problem};
use crate::order::sort_by;
use crate::{Error, Result};

/// The node of each group in a layer.
///
/// Groups stay on the node that has most of their copies, if they all fit there. Else the heaviest goes first to the
/// node that is done first with it, every node getting as many groups as the others if its slots allow.
pub(super) fn assign(problem: &Problem<'_>, layer: usize, groups: usize) -> Result<Vec<usize>> {
    let nodes = Nodes::of(problem, layer, groups);
    if let Some(kept) = problem.previous_layer(layer).and_then(|map| nodes.kept(problem, map)) {
        return Ok(kept);
    }
    let mut order: Vec<usize> = (0..groups).collect();
    sort_by(&mut order, &|a, b| nodes.load[b].cmp(&nodes.load[a]).then(a.cmp(&b)));
    let fewest = groups.div_ceil(nodes.speed.iter().filter(|&&speed| speed > 0).count().max(1));
    let packed = (fewest..=groups).find_map(|most| nodes.pack(&order, most)).or_else(|| {
        sort_by(&mut order, &|a, b| nodes.experts[b].cmp(&nodes.experts[a]).then(a.cmp(&b)));
        nodes.pack(&order, groups)
    });
    packed.ok_or_else(|| {
        let expected = format!("enough on each node for whole groups of experts, as in layer {layer}");
        Error::value("num_slots", expected, format!("{:?} on the nodes", nodes.slots))
    })
}

struct Nodes {
    /// Load and number of experts of each group.
    load: Vec<u64>,
    experts: Vec<usize>,
    /// Sum of the speeds, and slots, of each node's ranks that are alive.
    speed: Vec<u64>,
    slots: Vec<usize>,
}

impl Nodes {
    fn of(problem: &Problem<'_>, layer: usize, groups: usize) -> Self {
        let ranks: &Ranks = problem.ranks;
        let count = ranks.node(ranks.count() - 1) + 1;
        let (mut speed, mut slots) = (vec![0; count], vec![0; count]);
        for rank in (0..ranks.count()).filter(|&rank| ranks.is_alive(rank)) {
            speed[ranks.node(rank)] += u64::from(ranks.speed(rank));
            slots[ranks.node(rank)] += problem.slot_start[rank + 1] - problem.slot_start[rank];
        }
        let members = problem.layer(layer).chunks(problem.num_experts / groups);
        let (mut load, mut experts) = (Vec::new(), Vec::new());
        for present in members.map(|members| members.iter().filter(|&&load| load != ABSENT)) {
            load.push(present.clone().sum());
            experts.push(present.count());
        }
        Self { load, experts, speed, slots }
    }

    /// Put groups in this order onto nodes, at most so many onto each.
    fn pack(&self, order: &[usize], most: usize) -> Option<Vec<usize>> {
        let (mut load, mut room) = (vec![0_u64; self.speed.len()], self.slots.clone());
        let (mut count, mut node_of) = (vec![0; self.speed.len()], vec![0; order.len()]);
        for &group in order {
            let fits = |&node: &usize| self.speed[node] > 0 && count[node] < most && room[node] >= self.experts[group];
            let done = |node: usize| (u128::from(load[node] + self.load[group]) << 32) / u128::from(self.speed[node]);
            let node = (0..room.len()).filter(fits).min_by_key(|&node| (done(node), count[node], node))?;
            load[node] += self.load[group];
            room[node] -= self.experts[group];
            count[node] += 1;
            node_of[group] = node;
        }
        Some(node_of)
    }

    /// The nodes that have most copies of each group in `map`, unless they lack slots for that.
    fn kept(&self, problem: &Problem<'_>, map: &[i64]) -> Option<Vec<usize>> {
        let per_group = problem.num_experts / self.load.len();
        let mut copies = vec![0_usize; self.load.len() * self.speed.len()];
        for rank in (0..problem.ranks.count()).filter(|&rank| problem.ranks.is_alive(rank)) {
            for &expert in map[problem.slot_start[rank]..problem.slot_start[rank + 1]].iter().filter(|&&held| held >= 0)
            {
                copies[expert as usize / per_group * self.speed.len() + problem.ranks.node(rank)] += 1;
            }
        }
        let mut room = self.slots.clone();
        let node_of = copies.chunks(self.speed.len()).zip(&self.experts).map(|(copies, &experts)| {
            let node = (0..copies.len()).max_by_key(|&node| (copies[node], Reverse(node)))?;
            room[node] = room[node].checked_sub(experts)?;
            (copies[node] > 0 || experts == 0).then_some(node)
        });
        node_of.collect()
    }
}
