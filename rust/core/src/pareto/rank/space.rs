//! Layers for three objectives: rows in lexicographic order, each put on the first layer that does not dominate it,
//! found by binary search.
//!
//! A layer keeps the staircase of its rows' second and third objectives (Kung, Luccio and Preparata 1975); one more
//! binary search tells whether it dominates a row. O(n log layers log n).

use std::collections::BTreeMap;

/// Above so many steps an insertion into an array costs more than one into a tree.
const MOST_IN_ARRAY: usize = 4096;

/// Steps with rising second and falling third objective.
enum Stairs {
    Array(Vec<(i32, i32)>),
    Tree(BTreeMap<i32, i32>),
}

impl Stairs {
    /// Where a step at `(second, third)` belongs, unless some step is nowhere worse. In a tree it finds its place
    /// again.
    #[inline(always)]
    fn find(&self, second: i32, third: i32) -> Option<usize> {
        match self {
            Self::Array(steps) => {
                let after = steps.partition_point(|step| step.0 <= second);
                match after.checked_sub(1).map(|last| steps[last]) {
                    Some((_, least)) if least <= third => None,
                    Some((own, _)) if own == second => Some(after - 1),
                    _ => Some(after),
                }
            }
            Self::Tree(steps) => {
                steps.range(..=second).next_back().is_none_or(|(_, &least)| least > third).then_some(0)
            }
        }
    }

    /// Add a step where it was found to belong; those that it dominates go.
    fn insert(&mut self, place: usize, second: i32, third: i32) {
        match self {
            Self::Array(steps) => {
                let beaten = steps[place..].iter().take_while(|step| step.1 >= third).count();
                if beaten > 0 {
                    steps[place] = (second, third);
                    steps.drain(place + 1..place + beaten);
                } else {
                    steps.insert(place, (second, third));
                }
                if steps.len() > MOST_IN_ARRAY {
                    *self = Self::Tree(steps.iter().copied().collect());
                }
            }
            Self::Tree(steps) => {
                while let Some((&step, &height)) = steps.range(second..).next()
                    && height >= third
                {
                    steps.remove(&step);
                }
                steps.insert(second, third);
            }
        }
    }
}

/// The layer of each row, `limit` for rows that no layer below `limit` takes.
pub(super) fn layers(seconds: &[i32], thirds: &[i32], limit: usize) -> Vec<i32> {
    let mut layers: Vec<Stairs> = Vec::new();
    let assign = |(&second, &third): (&i32, &i32)| {
        let (mut layer, mut end, mut place) = (0, layers.len(), 0);
        while layer < end {
            let middle = usize::midpoint(layer, end);
            // What is found last is the place on the layer that is left.
            match layers[middle].find(second, third) {
                None => layer = middle + 1,
                Some(found) => (end, place) = (middle, found),
            }
        }
        if layer < layers.len() {
            layers[layer].insert(place, second, third);
        } else if layer < limit {
            layers.push(Stairs::Array(vec![(second, third)]));
        }
        layer as i32
    };
    seconds.iter().zip(thirds).map(assign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_and_tree_hold_the_same_stairs() {
        let steps = [(5, 5), (3, 7), (8, 1), (4, 4), (0, 9), (4, 3), (1, 2)];
        let (mut array, mut tree) = (Stairs::Array(Vec::new()), Stairs::Tree(BTreeMap::new()));
        for (second, third) in steps {
            let place = array.find(second, third);
            assert_eq!(place.is_some(), tree.find(second, third).is_some());
            if let Some(place) = place {
                array.insert(place, second, third);
                tree.insert(0, second, third);
            }
            for (second, third) in (0..10).flat_map(|y| (0..10).map(move |z| (y, z))) {
                assert_eq!(array.find(second, third).is_some(), tree.find(second, third).is_some());
            }
        }
    }

    #[test]
    fn long_stairs_become_a_tree() {
        let n = 3 * MOST_IN_ARRAY as i32;
        // Two descending stairs, the second one step worse everywhere.
        let seconds: Vec<i32> = (0..n).chain((0..n).map(|y| y + 1)).collect();
        let thirds: Vec<i32> = (0..n).map(|y| n - y).chain((0..n).map(|y| n - y + 1)).collect();
        let expected: Vec<i32> = (0..n).map(|_| 0).chain((0..n).map(|_| 1)).collect();
        assert_eq!(layers(&seconds, &thirds, 9), expected);
        assert_eq!(layers(&seconds, &thirds, 1), expected);
    }
}
