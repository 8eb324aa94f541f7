//! Up to 512 rows as sets of bits: for each objective and each step of its cells, which of the rows are not above it.
//!
//! The rows that are nowhere above another one are then the cut of one set per objective: eight words stand for 512
//! comparisons, and the sets of ten objectives fit a first-level cache.

use super::lanes::{Cells, Compare, STEP_BITS, Set, Steps};

/// Rows that one table of sets holds.
pub(super) const MOST: usize = 8 * size_of::<Set>();

/// The sets of each objective.
pub(super) struct Sets(Vec<Steps>);

impl Sets {
    /// Of no rows.
    pub(super) fn new(d: usize) -> Self {
        Self(vec![[Set([0; _]); _]; d])
    }

    /// Hold these rows instead: per objective `cells` tells the cell of each, in order.
    #[inline(always)]
    pub(super) fn fill<I: Iterator<Item = u8>>(&mut self, cells: impl Fn(usize) -> I) {
        for (k, steps) in self.0.iter_mut().enumerate() {
            steps.fill(Set([0; _]));
            for (row, cell) in cells(k).enumerate() {
                steps[usize::from(cell >> STEP_BITS)].0[row % MOST / 8] |= 1 << (row % 8);
            }
            let mut all = Set([0; _]);
            for set in steps {
                for (all, own) in all.0.iter_mut().zip(&mut set.0) {
                    *all |= *own;
                    *own = *all;
                }
            }
        }
    }

    /// Whether `is_it` of any of the rows that have no cell in a higher step than that `lane` has; they come in order.
    #[inline(always)]
    pub(super) fn any_not_above(
        &self,
        compare: impl Compare,
        columns: &[Cells],
        lane: usize,
        mut is_it: impl FnMut(usize) -> bool,
    ) -> bool {
        let Some(cut) = compare.cut(&self.0, columns, lane) else {
            return false;
        };
        let (words, _) = cut.0.as_chunks();
        words.iter().enumerate().any(|(index, &word)| {
            let mut left = u64::from_le_bytes(word);
            while left != 0 {
                if is_it(index * 64 + left.trailing_zeros() as usize) {
                    return true;
                }
                left &= left - 1;
            }
            false
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{self, Comparing};
    use super::*;

    fn cell(row: usize, k: usize) -> u8 {
        (row * 37 + k * 101 + row * row * k) as u8 / (1 + k as u8)
    }

    /// The rows that are found, if none is the one, and whether any is found.
    struct Find<'a>(&'a Sets, &'a [Cells], usize);

    impl Comparing for Find<'_> {
        type Output = (Vec<usize>, bool);
        #[inline(always)]
        fn run<C: Compare>(self, compare: C) -> (Vec<usize>, bool) {
            let mut found = Vec::new();
            let none = self.0.any_not_above(compare, self.1, self.2, |row| {
                found.push(row);
                false
            });
            assert!(!none);
            (found, self.0.any_not_above(compare, self.1, self.2, |_| true))
        }
    }

    #[test]
    fn candidates_are_the_rows_in_no_higher_step() {
        for d in [1, 7, 8, 9, 20_usize] {
            let mut sets = Sets::new(d);
            for count in [1, 63, 300, MOST] {
                sets.fill(|k| (0..count).map(move |row| cell(row, k)));
                let column = |k: usize| std::array::from_fn(|lane| (lane * 3 + 60) as u8 / (1 + k as u8));
                let columns: Vec<Cells> = (0..d).map(column).collect();
                for lane in [0, 1, 40, 63] {
                    let step = |cell: u8| cell / 4;
                    let not_above = |&row: &usize| (0..d).all(|k| step(cell(row, k)) <= step(columns[k][lane]));
                    let expected: Vec<usize> = (0..count).filter(not_above).collect();
                    let any = !expected.is_empty();
                    assert_eq!(lanes::run(Find(&sets, &columns, lane)), (expected, any));
                }
            }
        }
    }
}
