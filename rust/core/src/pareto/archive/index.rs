//! Who dominates a point and whom it dominates: one face for the sorted list and the tree.

use super::plane::Plane;
use super::tree::Tree;

/// How a point relates to the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Some member dominates it.
    Dominated,
    /// This member is equal to it.
    Equal(u32),
    /// No member is as good everywhere.
    Free,
}

/// The members by their keys.
#[derive(Debug, Clone)]
pub(super) enum Index {
    /// Two objectives.
    Plane(Plane),
    /// Any other number.
    Tree(Tree),
}

impl Index {
    pub(super) fn new(d: usize) -> Self {
        if d == 2 { Self::Plane(Plane::default()) } else { Self::Tree(Tree::new(d)) }
    }

    #[inline]
    pub(super) fn relation(&mut self, point: &[i64]) -> Relation {
        match self {
            Self::Plane(plane) => plane.relation(point),
            Self::Tree(tree) => tree.relation(point),
        }
    }

    /// Add a free point; the members that it dominates go to `removed`.
    pub(super) fn insert(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) {
        match self {
            Self::Plane(plane) => plane.insert(point, slot, removed),
            Self::Tree(tree) => tree.insert(point, slot, removed),
        }
    }

    /// Take out the member at `point`.
    pub(super) fn remove(&mut self, point: &[i64]) {
        match self {
            Self::Plane(plane) => plane.remove(point),
            Self::Tree(tree) => tree.remove(point),
        }
    }
}
