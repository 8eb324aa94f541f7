//! Up to 512 rows as sets of bits: for each objective and each step of its cells, which of the rows are not above it.
//!
//! The rows that are nowhere above another one are then the cut of one set per objective: eight words stand for 512
//! comparisons, and the sets of ten objectives nearly fit a first-level cache.

use super::lanes::{Cells, Compare, STEPS, Set, Steps, next_bit};

/// Rows that one table of sets holds.
pub(super) const MOST: usize = 8 * size_of::<Set>();

/// The sets of each objective.
pub(super) struct Sets(Vec<Steps>);

impl Sets {
    /// Of no rows.
    pub(super) fn new(d: usize) -> Self {
        Self(vec![Steps { of_cell: [0; _], sets: [Set([0; _]); _] }; d])
    }

    /// Hold these rows instead: per objective `cells` tells the cell of each, in order.
    ///
    /// Each cell that has a row is a step, where these are few: then rows that are near each other differ in them.
    #[inline(always)]
    pub(super) fn fill<I: Iterator<Item = u8>>(&mut self, cells: impl Fn(usize) -> I) {
        for (k, Steps { of_cell, sets }) in self.0.iter_mut().enumerate() {
            let mut present = [0_u64; 4];
            cells(k).for_each(|cell| present[usize::from(cell / 64)] |= 1 << (cell % 64));
            // Two cells become one, and those again, where there are too many: the first of them stands for both.
            for (shift, firsts) in [(1, u64::MAX / 3), (2, u64::MAX / 15)] {
                if present.iter().map(|word| word.count_ones() as usize).sum::<usize>() > STEPS {
                    present = present.map(|word| (word | word >> shift) & firsts);
                }
            }
            let mut steps = 0_u8;
            for (cell, own) in of_cell.iter_mut().enumerate() {
                steps += u8::from(present[cell / 64] >> (cell % 64) & 1 == 1);
                *own = steps.saturating_sub(1);
            }
            sets.fill(Set([0; _]));
            for (row, cell) in cells(k).enumerate() {
                sets[usize::from(of_cell[usize::from(cell)]) % STEPS].0[row % MOST / 8] |= 1 << (row % 8);
            }
            let mut all = Set([0; _]);
            for set in sets {
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
        for (index, &word) in cut.0.as_chunks().0.iter().enumerate() {
            let mut left = u64::from_le_bytes(word);
            while let Some(bit) = next_bit(&mut left) {
                if is_it(index * 64 + bit) {
                    return true;
                }
            }
        }
        false
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
                let step = |k: usize, cell: u8| sets.0[k].of_cell[usize::from(cell)];
                let column = |k: usize| std::array::from_fn(|lane| (lane * 3 + 60) as u8 / (1 + k as u8));
                let columns: Vec<Cells> = (0..d).map(column).collect();
                for lane in [0, 1, 40, 63] {
                    let not_above = |&row: &usize| (0..d).all(|k| step(k, cell(row, k)) <= step(k, columns[k][lane]));
                    let expected: Vec<usize> = (0..count).filter(not_above).collect();
                    let any = !expected.is_empty();
                    assert_eq!(lanes::run(Find(&sets, &columns, lane)), (expected, any));
                }
            }
        }
    }

    #[test]
    fn cells_have_steps_of_their_own_where_they_are_few() {
        let mut sets = Sets::new(3);
        sets.fill(|k| (0..MOST).map(move |row| [100 + row % 60, row % 128, row][k] as u8));
        let steps = |k: usize, cell: usize| usize::from(sets.0[k].of_cell[cell]);
        assert!((0..256).all(|cell| steps(0, cell) == cell.clamp(100, 159) - 100));
        assert!((0..256).all(|cell| steps(1, cell) == cell.min(127) / 2 && steps(2, cell) == cell / 4));
    }
}
