//! Layers for two objectives: rows in lexicographic order, each put on the first layer that does not dominate it.
//!
//! The last row of a layer has its least second objective, and these tails rise from layer to layer, so one binary
//! search finds the layer (Jensen 2003). O(n log layers).

/// The layer of each row, `limit` for rows that no layer below `limit` takes; `seconds` are second objectives.
pub(super) fn layers(seconds: &[i32], limit: usize) -> Vec<i32> {
    let mut tails: Vec<i32> = Vec::new();
    let place = |&second: &i32| {
        let layer = tails.partition_point(|&tail| tail <= second);
        if layer < tails.len() {
            tails[layer] = second;
        } else if layer < limit {
            tails.push(second);
        }
        layer as i32
    };
    seconds.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_to_the_first_layer_that_does_not_dominate_them() {
        assert_eq!(layers(&[2, 3, 1, 2, 3, 0], 9), [0, 1, 0, 1, 2, 0]);
        assert_eq!(layers(&[2, 3, 1, 2, 3, 0], 2), [0, 1, 0, 1, 2, 0]);
        assert_eq!(layers(&[2, 3, 1, 2, 3, 0], 1), [0, 1, 0, 1, 1, 0]);
    }
}
