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
    /// Whether some step is nowhere worse than `(second, third)`.
    fn dominate(&self, second: i32, third: i32) -> bool {
        match self {
            Self::Array(steps) => {
                let after = steps.partition_point(|step| step.0 <= second);
                after > 0 && steps[after - 1].1 <= third
            }
            Self::Tree(steps) => steps.range(..=second).next_back().is_some_and(|(_, &least)| least <= third),
        }
    }

    /// Add a step that is not dominated; those that it dominates go.
    fn insert(&mut self, second: i32, third: i32) {
        match self {
            Self::Array(steps) => {
                let start = steps.partition_point(|step| step.0 < second);
                let beaten = steps[start..].iter().take_while(|step| step.1 >= third).count();
                if beaten > 0 {
                    steps[start] = (second, third);
                    steps.drain(start + 1..start + beaten);
                } else {
                    steps.insert(start, (second, third));
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
    let place = |(&second, &third): (&i32, &i32)| {
        let layer = layers.partition_point(|stairs| stairs.dominate(second, third));
        if layer < layers.len() {
            layers[layer].insert(second, third);
        } else if layer < limit {
            layers.push(Stairs::Array(vec![(second, third)]));
        }
        layer as i32
    };
    seconds.iter().zip(thirds).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_and_tree_hold_the_same_stairs() {
        let steps = [(5, 5), (3, 7), (8, 1), (4, 4), (0, 9), (4, 3), (1, 2)];
        let (mut array, mut tree) = (Stairs::Array(Vec::new()), Stairs::Tree(BTreeMap::new()));
        for (second, third) in steps {
            assert_eq!(array.dominate(second, third), tree.dominate(second, third));
            if !array.dominate(second, third) {
                array.insert(second, third);
                tree.insert(second, third);
            }
            for (second, third) in (0..10).flat_map(|y| (0..10).map(move |z| (y, z))) {
                assert_eq!(array.dominate(second, third), tree.dominate(second, third));
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
