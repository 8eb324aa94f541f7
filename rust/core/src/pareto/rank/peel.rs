//! Layers for four and more objectives by taking front after front away while that is cheap, sets of bits for the rest.
//!
//! Taking a front away costs a pass over the rows that are left, the sets of bits cost the square of their number: a
//! few large layers are cheaper to take away, many small ones are not. How large they are is guessed from a sample.

use super::bits;
use crate::pareto::Keep;
use crate::pareto::filter::front_of_keys;
use crate::pareto::watch::Stop;

/// Fewer rows go to the sets of bits at once.
const FEWEST_ROWS: usize = 1 << 14;
/// Layers with fewer rows on average are not worth their passes.
const SMALLEST_LAYER: f64 = 1024.0;
/// A pass over so many rows costs as much as the sets of bits of one pair of a row with all others, about.
const ROWS_PER_PASS: usize = 2048;
const SAMPLE_ROWS: usize = 4096;

/// The layer of each row; rows that no layer below `limit` takes get `limit` or more, and rows after the layers that
/// hold `enough` rows get the number of these layers or more.
pub(super) fn layers(columns: &[Vec<i32>], limit: usize, enough: usize, threads: usize, stop: &Stop<'_>) -> Vec<i32> {
    let n = columns.first().map_or(0, Vec::len);
    let few_are_asked_for = enough < n / 4 || limit == 1;
    if n < FEWEST_ROWS || !few_are_asked_for && expected_layer(columns) < SMALLEST_LAYER {
        return bits::layers(columns, limit, threads, stop);
    }
    let mut layers = vec![0; n];
    let mut layer = 0;
    // In lexicographic order a row's place stands for the objective that leads.
    let mut left: Vec<Vec<i32>> = std::iter::once((0..n as i32).collect()).chain(columns.iter().cloned()).collect();
    let mut taken = 0;
    let mut watch = stop.watch();
    // A wrong guess may cost as much as the sets of bits would, not more.
    let mut passed = 0;
    while left[0].len() >= FEWEST_ROWS && layer < limit && taken < enough && passed < n / ROWS_PER_PASS * n {
        if watch.stops() {
            return layers;
        }
        passed += left[0].len();
        let front = front_of_keys(&left.iter().map(Vec::as_slice).collect::<Vec<_>>(), Keep::All, threads);
        taken += front.len();
        for &position in &front {
            layers[left[0][position as usize] as usize] = layer as i32;
        }
        for column in &mut left {
            remove(column, &front);
        }
        layer += 1;
    }
    if layer < limit && taken < enough {
        let rest = bits::layers(&left[1..], limit - layer, threads, stop);
        for (&row, own) in left[0].iter().zip(rest) {
            layers[row as usize] = layer as i32 + own;
        }
    } else {
        left[0].iter().for_each(|&row| layers[row as usize] = layer as i32);
    }
    layers
}

/// How many rows a layer is likely to have: layers of a sample, which grow about with n^(1.2 / d) in number.
fn expected_layer(columns: &[Vec<i32>]) -> f64 {
    let n = columns[0].len();
    let step = n.div_ceil(SAMPLE_ROWS);
    let sample: Vec<Vec<i32>> = columns.iter().map(|column| column.iter().step_by(step).copied().collect()).collect();
    let most = bits::layers(&sample, usize::MAX, 1, &Stop::new(&|| false)).into_iter().max().unwrap_or(0);
    let growth = (step as f64).powf(1.2 / (columns.len() + 1) as f64);
    n as f64 / (f64::from(most + 1) * growth)
}

/// Remove the values at rising `positions`.
fn remove(values: &mut Vec<i32>, positions: &[u32]) {
    let mut next = positions.iter().copied().peekable();
    let mut position = 0;
    values.retain(|_| {
        let keep = next.next_if_eq(&position).is_none();
        position += 1;
        keep
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in lexicographic order with `num_layers` layers of about the same size.
    fn table(n: u32, num_layers: u32) -> Vec<Vec<i32>> {
        let layer = |i: u32| (i.wrapping_mul(2_654_435_761) >> 16) % num_layers;
        // Within a layer later rows have better second objectives; dense, as columns are.
        let mut order: Vec<u32> = (0..n).collect();
        order.sort_by_key(|&i| (layer(i), n - i));
        let mut seconds = vec![0; n as usize];
        order.iter().zip(0..).for_each(|(&i, rank)| seconds[i as usize] = rank);
        let others = (0..n).map(|i| layer(i) as i32).collect::<Vec<i32>>();
        vec![seconds, others.clone(), others]
    }

    #[test]
    fn taking_fronts_away_and_sets_of_bits_agree() {
        let stop = Stop::new(&|| false);
        for num_layers in [1, 5, 3_000] {
            let columns = table(20_000, num_layers);
            assert_eq!((expected_layer(&columns) < SMALLEST_LAYER), num_layers == 3_000);
            let expected = bits::layers(&columns, usize::MAX, 1, &stop);
            for threads in [1, 3] {
                assert_eq!(layers(&columns, usize::MAX, usize::MAX, threads, &stop), expected);
            }
            let cut = layers(&columns, 2, usize::MAX, 1, &stop);
            assert!(cut.iter().zip(&expected).all(|(&cut, &layer)| cut == layer || cut.min(layer) >= 2));
            let first = layers(&columns, usize::MAX, 1, 1, &stop);
            assert!(first.iter().zip(&expected).all(|(&first, &layer)| first == layer || first.min(layer) >= 1));
        }
    }
}
