//! Layers for two objectives: rows in lexicographic order, each put on the first layer that does not dominate it.
//!
//! The last row of a layer has its least second objective, and these tails rise from layer to layer, so one binary
//! search finds the layer (Jensen 2003). O(n log layers).

use crate::pareto::keys::Key;
use crate::pareto::source::{Rows, Source};
use crate::pareto::words::{TIED, for_each_place, order};

/// Fill `layers` with the layer of each of `rows`, `limit` for rows that no layer below `limit` takes.
pub(super) fn layers<K: Key>(layers: &mut [i32], source: &dyn Source<K>, rows: Rows<'_>, limit: usize) {
    let mut tails = Tails { seconds: Vec::new(), limit };
    // The second key and the position of the last row; of all rows with its first key, if there are several.
    let mut last = None;
    let mut run = Vec::new();
    let mut assign = |last: Option<(K, u32)>, run: &mut Vec<(K, u32)>| {
        if run.is_empty() {
            if let Some((second, position)) = last {
                layers[position as usize] = tails.place(second);
            }
            return;
        }
        run.sort_unstable();
        for equal in run.chunk_by(|a, b| a.0 == b.0) {
            let layer = tails.place(equal[0].0);
            for &(_, position) in equal {
                layers[position as usize] = layer;
            }
        }
        run.clear();
    };
    for_each_place(&order(source, 0, rows), source, 1, rows, |place, _, second| {
        let own = (second, place & !TIED);
        if place & TIED == 0 {
            assign(last, &mut run);
        } else {
            if run.is_empty() {
                run.extend(last);
            }
            run.push(own);
        }
        last = Some(own);
    });
    assign(last, &mut run);
}

/// The layer of each of some distinct rows in lexicographic order.
pub(super) fn layers_of_distinct(seconds: &[i32], limit: usize) -> Vec<i32> {
    let mut tails = Tails { seconds: Vec::new(), limit };
    seconds.iter().map(|&second| tails.place(second)).collect()
}

/// The last second objective of each layer.
struct Tails<K> {
    seconds: Vec<K>,
    limit: usize,
}

impl<K: Key> Tails<K> {
    /// The layer of the next row, which equals none before it.
    #[inline(always)]
    fn place(&mut self, second: K) -> i32 {
        let layer = match self.seconds.first() {
            // Often all rows are on the front.
            Some(&first) if second < first => 0,
            _ => self.seconds.partition_point(|&tail| tail <= second),
        };
        if layer < self.seconds.len() {
            self.seconds[layer] = second;
        } else if layer < self.limit {
            self.seconds.push(second);
        }
        layer as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::source::Columns;

    #[test]
    fn rows_go_to_the_first_layer_that_does_not_dominate_them() {
        let (firsts, seconds) = ([1, 0, 2, 3, 3, 3, 1], [3, 2, 1, 3, 0, 2, 3]);
        let columns: [&[i32]; 2] = [&firsts, &seconds];
        for (limit, expected) in [(9, [1, 0, 0, 2, 0, 1, 1]), (2, [1, 0, 0, 2, 0, 1, 1]), (1, [1, 0, 0, 1, 0, 1, 1])] {
            let mut found = [0; 7];
            layers(&mut found, &Columns(&columns), Rows::Span { first: 0, count: 7 }, limit);
            assert_eq!(found, expected);
        }
        assert_eq!(layers_of_distinct(&[2, 3, 1, 2, 3, 0], 2), [0, 1, 0, 1, 2, 0]);
    }
}
