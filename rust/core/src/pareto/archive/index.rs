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

    pub(super) fn relation(&mut self, point: &[i64]) -> Relation {
        match self {
            Self::Plane(plane) => plane.relation(point),
            Self::Tree(tree) => tree.relation(point),
        }
    }

    /// Add a point if it is free; the members that it dominates then go to `removed`.
    #[inline]
    pub(super) fn offer(&mut self, point: &[i64], slot: u32, removed: &mut Vec<u32>) -> Relation {
        match self {
            Self::Plane(plane) => plane.offer(point, slot, removed),
            Self::Tree(tree) => {
                let relation = tree.relation(point);
                if relation == Relation::Free {
                    tree.insert(point, slot, removed);
                }
                relation
            }
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
