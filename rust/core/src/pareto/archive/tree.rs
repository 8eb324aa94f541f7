//! The members of an archive of any number of objectives, in a tree of boxes: an ND-tree (Jaszkiewicz and Lust 2018)
//! of small blocks that vector code compares at once.
//!
//! A node knows the best and the worst corner of each child. A dominating member lies only in children whose best
//! corner is nowhere worse than the point, a dominated one only in those whose worst corner is nowhere better. Points
//! that dominated something lately are tried first. Where a member is put decides the speed, never the answer.

use super::index::Relation;
use crate::simd::{Kernel, dispatch, level};

/// Children of a node and members of a leaf.
const LANES: usize = 16;

/// Up to `LANES` corners or points, objective by objective; unused lanes are worse than any point.
#[derive(Debug, Clone)]
struct Lanes(Vec<[i64; LANES]>);

impl Lanes {
    fn new(d: usize) -> Self {
        Self(vec![[i64::MAX; LANES]; d])
    }

    fn set(&mut self, lane: usize, point: impl IntoIterator<Item = i64>) {
        for (lanes, value) in self.0.iter_mut().zip(point) {
            lanes[lane] = value;
        }
    }

    fn get(&self, lane: usize) -> impl Iterator<Item = i64> {
        self.0.iter().map(move |lanes| lanes[lane])
    }

    /// The lanes that are nowhere worse than `point`, as bits.
    #[inline(always)]
    fn not_worse(&self, point: &[i64]) -> u32 {
        self.compare(point, |lane, own| lane <= own)
    }

    /// The lanes that are nowhere better than `point`, as bits; unused lanes are among them.
    #[inline(always)]
    fn not_better(&self, point: &[i64]) -> u32 {
        self.compare(point, |lane, own| lane >= own)
    }

    #[inline(always)]
    fn compare(&self, point: &[i64], holds: impl Fn(i64, i64) -> bool) -> u32 {
        let mut flags = [-1_i64; LANES];
        for (lanes, &own) in self.0.iter().zip(point) {
            for (flag, &lane) in flags.iter_mut().zip(lanes) {
                *flag &= -i64::from(holds(lane, own));
            }
            if flags.iter().fold(0, |any, flag| any | flag) == 0 {
                return 0;
            }
        }
        flags.iter().enumerate().fold(0, |bits, (lane, flag)| bits | ((flag & 1) as u32) << lane)
    }
}

#[derive(Debug, Clone)]
struct Node {
    leaf: bool,
    len: usize,
    /// The members of a leaf, the best corners of the children of another node.
    low: Lanes,
    /// The worst corners; of a leaf nothing.
    high: Lanes,
    /// Slots of members, or nodes.
    items: [u32; LANES],
}

/// The tree; node 0 exists always.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    d: usize,
    nodes: Vec<Node>,
    root: usize,
    /// Points that dominated others lately: members, or what a member dominates.
    strong: Lanes,
    next_strong: usize,
    num_members: usize,
    /// Members taken out since the tree was built; corners and empty leaves are left behind.
    num_removed: usize,
    /// Nodes still to be looked at, kept for its memory.
    stack: Vec<u32>,
}

/// What is known of a point after a look at the tree.
enum Found {
    Dominated,
    /// The member in this lane of this leaf is nowhere worse.
    NotWorse(usize, usize),
    Nothing,
}

struct Find<'a>(&'a Tree, &'a [i64], &'a mut Vec<u32>);

impl Kernel for Find<'_> {
    type Output = Found;
    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self(tree, point, stack) = self;
        let bits = tree.strong.not_worse(point);
        if bits != 0 && tree.strong.get(bits.trailing_zeros() as usize).zip(point).any(|(a, &b)| a < b) {
            return Found::Dominated;
        }
        stack.clear();
        stack.push(tree.root as u32);
        while let Some(at) = stack.pop() {
            let node = &tree.nodes[at as usize];
            let mut bits = node.low.not_worse(point);
            if node.leaf && bits != 0 {
                let lane = bits.trailing_zeros() as usize;
                return Found::NotWorse(at as usize, lane);
            }
            while bits != 0 {
                stack.push(node.items[bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
        Found::Nothing
    }
}

/// Takes the members that a point dominates out of the leaves.
struct Prune<'a>(&'a mut Tree, &'a [i64], &'a mut Vec<u32>);

impl Kernel for Prune<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self(tree, point, removed) = self;
        // Node, its parent, its lane in the parent.
        let mut stack = vec![(tree.root, usize::MAX, 0)];
        while let Some((at, parent, place)) = stack.pop() {
            let node = &mut tree.nodes[at];
            let mut bits = if node.leaf { node.low.not_better(point) } else { node.high.not_better(point) };
            bits &= (1_u32 << node.len) - 1;
            if !node.leaf {
                while bits != 0 {
                    let lane = bits.trailing_zeros() as usize;
                    stack.push((node.items[lane] as usize, at, lane));
                    bits &= bits - 1;
                }
            } else if bits != 0 {
                while bits != 0 {
                    // From the last lane on, so that the one that fills the gap has been looked at.
                    let lane = bits.ilog2() as usize;
                    removed.push(node.items[lane]);
                    node.take(lane);
                    bits &= !(1 << lane);
                    tree.num_removed += 1;
                    tree.num_members -= 1;
                }
                if parent != usize::MAX {
                    tree.fit(parent, place);
                }
            }
        }
    }
}

impl Node {
    fn new(d: usize, leaf: bool) -> Self {
        Self { leaf, len: 0, low: Lanes::new(d), high: Lanes::new(if leaf { 0 } else { d }), items: [0; LANES] }
    }

    fn push(&mut self, item: u32, low: impl IntoIterator<Item = i64>, high: impl IntoIterator<Item = i64>) {
        self.low.set(self.len, low);
        self.high.set(self.len, high);
        self.items[self.len] = item;
        self.len += 1;
    }

    /// Remove a lane of a leaf; the last one takes its place.
    fn take(&mut self, lane: usize) {
        self.len -= 1;
        for lanes in &mut self.low.0 {
            lanes[lane] = lanes[self.len];
            lanes[self.len] = i64::MAX;
        }
        self.items[lane] = self.items[self.len];
    }

    /// The worst corner of a child or member.
    fn worst(&self, k: usize, lane: usize) -> i64 {
        if self.leaf { self.low.0[k][lane] } else { self.high.0[k][lane] }
    }
}

impl Tree {
    pub(super) fn new(d: usize) -> Self {
        let nodes = vec![Node::new(d, true)];
        Self {
            d,
            nodes,
            root: 0,
            strong: Lanes::new(d),
            next_strong: 0,
            num_members: 0,
            num_removed: 0,
            stack: Vec::new(),
        }
    }

    pub(super) fn relation(&mut self, point: &[i64]) -> Relation {
        let mut stack = std::mem::take(&mut self.stack);
        let found = dispatch(level(), Find(self, point, &mut stack));
        self.stack = stack;
        match found {
            Found::Dominated => Relation::Dominated,
            Found::Nothing => Relation::Free,
            Found::NotWorse(at, lane) => {
                let leaf = &self.nodes[at];
                if leaf.low.get(lane).eq(point.iter().copied()) {
                    return Relation::Equal(leaf.items[lane]);
                }
                self.strong.set(self.next_strong, leaf.low.get(lane));
                self.next_strong = (self.next_strong + 1) % LANES;
                Relation::Dominated
            }
        }
    }

    /// Add a point that no member equals or dominates; the members that it dominates go to `removed`.
    pub(super) fn insert(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) {
        dispatch(level(), Prune(self, point, removed));
        if self.num_removed > 64 + self.num_members {
            self.rebuild();
        }
        self.put(point, slot);
    }

    /// Take out the member at `point`.
    pub(super) fn remove(&mut self, point: &[i64]) {
        dispatch(level(), Prune(self, point, &mut Vec::new()));
        // What only this member dominated is not dominated any more.
        self.strong = Lanes::new(self.d);
    }

    fn rebuild(&mut self) {
        let old = std::mem::take(&mut self.nodes);
        self.nodes.push(Node::new(self.d, true));
        (self.root, self.num_members, self.num_removed) = (0, 0, 0);
        for leaf in old.iter().filter(|node| node.leaf) {
            for lane in 0..leaf.len {
                let point: Vec<i64> = leaf.low.get(lane).collect();
                self.put(&point, leaf.items[lane]);
            }
        }
    }

    fn put(&mut self, point: &[i64], slot: u32) {
        self.num_members += 1;
        if self.nodes[self.root].len == LANES {
            let mut root = Node::new(self.d, false);
            root.push(self.root as u32, std::iter::repeat_n(0, self.d), std::iter::repeat_n(0, self.d));
            self.root = self.nodes.len();
            self.nodes.push(root);
            self.split(self.root, 0);
        }
        let mut at = self.root;
        while !self.nodes[at].leaf {
            let mut lane = self.nearest(at, point, |_| true);
            if self.nodes[self.nodes[at].items[lane] as usize].len == LANES {
                self.split(at, lane);
                let (first, second) = (lane, self.nodes[at].len - 1);
                lane = self.nearest(at, point, |lane| lane == first || lane == second);
            }
            let node = &mut self.nodes[at];
            for (k, &value) in point.iter().enumerate() {
                node.low.0[k][lane] = node.low.0[k][lane].min(value);
                node.high.0[k][lane] = node.high.0[k][lane].max(value);
            }
            at = node.items[lane] as usize;
        }
        self.nodes[at].push(slot, point.iter().copied(), []);
    }

    /// Of the children that `may` be taken the one whose center is nearest.
    fn nearest(&self, at: usize, point: &[i64], may: impl Fn(usize) -> bool) -> usize {
        let node = &self.nodes[at];
        let mut distances = [0.0_f64; LANES];
        for ((low, high), &own) in node.low.0.iter().zip(&node.high.0).zip(point) {
            for ((distance, &low), &high) in distances.iter_mut().zip(low).zip(high) {
                *distance += (low as f64 + high as f64 - 2.0 * own as f64).abs();
            }
        }
        let best = (0..node.len).filter(|&lane| may(lane)).min_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        best.expect("an inner node has children")
    }

    /// Cut the full child in `lane` of `parent`, which has room, in two along its longest side.
    fn split(&mut self, parent: usize, lane: usize) {
        let child = self.nodes[parent].items[lane] as usize;
        let full = self.nodes[child].clone();
        let center = |k: usize, lane: usize| full.low.0[k][lane] as f64 + full.worst(k, lane) as f64;
        let spread = |k: usize| {
            let ends = (0..LANES)
                .map(|lane| center(k, lane))
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), c| (a.min(c), b.max(c)));
            ends.1 - ends.0
        };
        let longest = (0..self.d).max_by(|&a, &b| spread(a).total_cmp(&spread(b))).expect("an objective");
        let mut order: Vec<usize> = (0..LANES).collect();
        order.sort_by(|&a, &b| center(longest, a).total_cmp(&center(longest, b)));
        let mut halves = [Node::new(self.d, full.leaf), Node::new(self.d, full.leaf)];
        for (place, &from) in order.iter().enumerate() {
            halves[place * 2 / LANES].push(full.items[from], full.low.get(from), full.high.get(from));
        }
        let [first, second] = halves;
        self.nodes[child] = first;
        let new = self.nodes.len();
        self.nodes.push(second);
        self.fit(parent, lane);
        self.nodes[parent].push(new as u32, std::iter::repeat_n(0, self.d), std::iter::repeat_n(0, self.d));
        let last = self.nodes[parent].len - 1;
        self.fit(parent, last);
    }

    /// Set the corners of the child in `lane` of `parent` to what it holds now.
    fn fit(&mut self, parent: usize, lane: usize) {
        let child = self.nodes[parent].items[lane] as usize;
        for k in 0..self.d {
            let node = &self.nodes[child];
            // Without members the best corner is worse and the worst corner better than any point.
            let low = node.low.0[k][..node.len].iter().copied().min().unwrap_or(i64::MAX);
            let high = (0..node.len).map(|lane| node.worst(k, lane)).max().unwrap_or(i64::MIN);
            let node = &mut self.nodes[parent];
            (node.low.0[k][lane], node.high.0[k][lane]) = (low, high);
        }
    }
}
