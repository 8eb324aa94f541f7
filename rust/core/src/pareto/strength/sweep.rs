//! Weights of dominators for up to three objectives: prefix sums, a Fenwick tree, and halves of halves.
//!
//! Two objectives: rows in order, a tree of weights by second objective. Three: the left half's weights on the right
//! half, rows of both by second objective, a tree by third (Bentley 1980). O(n log n) and O(n log^2 n).

/// Fewer rows are compared pair by pair.
const SMALL: usize = 32;

/// Sums of weights over prefixes of `0..n` (Fenwick 1994).
struct Tree(Vec<u32>);

impl Tree {
    fn new(n: usize) -> Self {
        Self(vec![0; n])
    }

    fn add(&mut self, value: i32, weight: u32) {
        let mut next = value as usize;
        while let Some(sum) = self.0.get_mut(next) {
            *sum = sum.wrapping_add(weight);
            next |= next + 1;
        }
    }

    /// The weight at `value` and below.
    fn up_to(&self, value: i32) -> u32 {
        let mut sum: u32 = 0;
        let mut end = value as usize + 1;
        while end > 0 {
            sum = sum.wrapping_add(self.0[end - 1]);
            end &= end - 1;
        }
        sum
    }
}

fn num_values(column: &[i32]) -> usize {
    column.iter().max().map_or(0, |&most| most as usize + 1)
}

/// One objective: every earlier row.
pub(super) fn line(weights: &[u32]) -> Vec<u32> {
    let sums = weights.iter().scan(0, |sum, &weight| {
        *sum += weight;
        Some(*sum - weight)
    });
    sums.collect()
}

/// Two objectives.
pub(super) fn plane(seconds: &[i32], weights: &[u32]) -> Vec<u32> {
    let mut tree = Tree::new(num_values(seconds));
    let count = |(&second, &weight): (&i32, &u32)| {
        let before = tree.up_to(second);
        tree.add(second, weight);
        before
    };
    seconds.iter().zip(weights).map(count).collect()
}

/// Three objectives.
pub(super) fn space(seconds: &[i32], thirds: &[i32], weights: &[u32]) -> Vec<u32> {
    let n = weights.len();
    let mut halves = Halves { seconds, thirds, weights, counts: vec![0; n], tree: Tree::new(num_values(thirds)) };
    let mut rows: Vec<u32> = (0..n as u32).collect();
    halves.conquer(&mut rows, &mut vec![0; n]);
    halves.counts
}

struct Halves<'a> {
    seconds: &'a [i32],
    thirds: &'a [i32],
    weights: &'a [u32],
    counts: Vec<u32>,
    tree: Tree,
}

impl Halves<'_> {
    /// Count inside `rows`, which come in order, and sort them by second objective.
    fn conquer(&mut self, rows: &mut [u32], spare: &mut [u32]) {
        if rows.len() <= SMALL {
            self.pairs(rows);
            rows.sort_by_key(|&row| self.seconds[row as usize]);
            return;
        }
        let middle = rows.len() / 2;
        self.conquer(&mut rows[..middle], spare);
        self.conquer(&mut rows[middle..], spare);
        let (left, right) = rows.split_at(middle);
        let (mut i, mut j) = (0, 0);
        for out in &mut *spare {
            // Of equal second objectives the earlier rows first, so that they count.
            let take_left = i < left.len()
                && (j == right.len() || self.seconds[left[i] as usize] <= self.seconds[right[j] as usize]);
            if take_left {
                let row = left[i] as usize;
                self.tree.add(self.thirds[row], self.weights[row]);
                *out = left[i];
                i += 1;
            } else if j < right.len() {
                let row = right[j] as usize;
                self.counts[row] += self.tree.up_to(self.thirds[row]);
                *out = right[j];
                j += 1;
            } else {
                break;
            }
        }
        for &row in left {
            self.tree.add(self.thirds[row as usize], self.weights[row as usize].wrapping_neg());
        }
        rows.copy_from_slice(&spare[..rows.len()]);
    }

    fn pairs(&mut self, rows: &[u32]) {
        for (i, &row) in rows.iter().enumerate() {
            for &later in &rows[i + 1..] {
                let (a, b) = (row as usize, later as usize);
                if self.seconds[a] <= self.seconds[b] && self.thirds[a] <= self.thirds[b] {
                    self.counts[b] += self.weights[a];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_few_rows() {
        assert_eq!(line(&[1, 2, 1]), [0, 1, 3]);
        assert_eq!(plane(&[1, 0, 1, 2], &[1, 2, 1, 1]), [0, 0, 3, 4]);
        assert_eq!(space(&[1, 0, 1, 2], &[0, 1, 1, 0], &[1, 2, 1, 1]), [0, 0, 3, 1]);
    }

    #[test]
    fn halves_count_as_pairs_do() {
        let n = 700_u32;
        let value = |i: u32, k: u32| (i.wrapping_mul(2_654_435_761_u32.wrapping_mul(k)) >> 26) as i32;
        let seconds: Vec<i32> = (0..n).map(|i| value(i, 1)).collect();
        let thirds: Vec<i32> = (0..n).map(|i| value(i, 3)).collect();
        let weights: Vec<u32> = (0..n).map(|i| i % 3 + 1).collect();
        let counts = space(&seconds, &thirds, &weights);
        for row in 0..n as usize {
            let dominators = (0..row).filter(|&other| seconds[other] <= seconds[row] && thirds[other] <= thirds[row]);
            assert_eq!(counts[row], dominators.map(|other| weights[other]).sum::<u32>());
        }
    }
}
