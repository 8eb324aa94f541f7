//! Rows as dense ranks in lexicographic order, equal rows once: what every algorithm here starts from.
//!
//! A row can only be dominated by an earlier one, and an earlier one is never worse in the leading objective, so that
//! objective need not be compared. Objectives in which all rows are equal are left out.

use super::cells::Cells;
use crate::parallel;
use crate::pareto::read::ReadKeys;
use crate::pareto::source::Rows;
use crate::pareto::table::Table;
use crate::pareto::words::{self, TIED, bits_for, sort};

/// Distinct rows in an order in which none is dominated by a later one.
pub(in crate::pareto) struct Ordered {
    /// For each row the index of the distinct row that it equals.
    pub(in crate::pareto) index: Vec<u32>,
    /// Dense ranks of the distinct rows, one vector per objective except the leading one.
    pub(in crate::pareto) columns: Vec<Vec<i32>>,
    /// Number of distinct rows.
    pub(in crate::pareto) num_distinct: usize,
}

impl Ordered {
    /// Order `rows`, by counting if few of them are distinct.
    pub(in crate::pareto) fn new(table: &Table<'_>, rows: Rows<'_>, threads: usize) -> Self {
        Self::counted(table, rows).unwrap_or_else(|| Self::sorted(table, rows, threads))
    }

    /// Put the rows in cells, if their objectives have few distinct keys.
    pub(in crate::pareto) fn counted(table: &Table<'_>, rows: Rows<'_>) -> Option<Self> {
        let Cells { cells: mut index, mut sides } =
            if table.is_narrow() { Cells::new::<i32>(table, rows) } else { Cells::new::<i64>(table, rows) }?;
        let mut distinct = vec![0; sides.iter().map(|side| side.0).product()];
        for &cell in &index {
            distinct[cell as usize] = 1;
        }
        sides.retain(|side| side.0 > 1);
        let mut columns = vec![Vec::new(); sides.len().saturating_sub(1)];
        let mut num_distinct = 0;
        for (cell, place) in distinct.iter_mut().enumerate().filter(|(_, seen)| **seen > 0) {
            for (column, (count, apart)) in columns.iter_mut().zip(sides.iter().skip(1)) {
                column.push((cell / apart % count) as i32);
            }
            *place = num_distinct;
            num_distinct += 1;
        }
        for cell in &mut index {
            *cell = distinct[*cell as usize];
        }
        Some(Self { index, columns, num_distinct: num_distinct as usize })
    }

    /// Rank the columns of `rows` and sort the rows.
    pub(in crate::pareto) fn sorted(table: &Table<'_>, rows: Rows<'_>, threads: usize) -> Self {
        let mut columns = if table.is_narrow() {
            ranked_columns::<i32>(table, rows, threads)
        } else {
            ranked_columns::<i64>(table, rows, threads)
        };
        columns.retain(|(count, _)| *count > 1);
        // The objective with the fewest ties leads; the others then decide least often.
        columns.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let order = lexicographic(&columns, rows.len());
        let mut index = vec![0; order.len()];
        let mut num_distinct = 0;
        for place in &order {
            num_distinct += u32::from(place & TIED == 0);
            index[(place & !TIED) as usize] = num_distinct - 1;
        }
        let distinct = || order.iter().filter(|&&place| place & TIED == 0);
        let columns = columns
            .into_iter()
            .skip(1)
            .map(|(_, ranks)| distinct().map(|&position| ranks[position as usize]).collect())
            .collect();
        Self { index, columns, num_distinct: num_distinct as usize }
    }
}

/// Per objective: the number of ranks and the rank of each row.
fn ranked_columns<K: ReadKeys>(table: &Table<'_>, rows: Rows<'_>, threads: usize) -> Vec<(usize, Vec<i32>)> {
    let d = table.num_objectives();
    let rank_some = |objectives: std::ops::Range<usize>| -> Vec<(usize, Vec<i32>)> {
        objectives.map(|k| words::dense_ranks(&words::order::<K>(table, k, rows))).collect()
    };
    let parts = threads.clamp(1, d);
    parallel::each((0..parts).map(|part| d * part / parts..d * (part + 1) / parts).collect(), rank_some).concat()
}

/// The positions of the rows in lexicographic order of their ranks, equal rows by position, those that equal the row
/// before as [`TIED`].
fn lexicographic(columns: &[(usize, Vec<i32>)], n: usize) -> Vec<u32> {
    if let Some((count, ranks)) = columns.first()
        && *count == n
    {
        // Nothing is equal in the objective that leads.
        let mut order = vec![0; n];
        for (position, &rank) in ranks.iter().enumerate() {
            order[rank as usize] = position as u32;
        }
        return order;
    }
    let position_bits = bits_for(n);
    let mut left = 64 - position_bits;
    let mut packed = 0;
    while let Some((count, _)) = columns.get(packed)
        && bits_for(*count) <= left
    {
        left -= bits_for(*count);
        packed += 1;
    }
    let mut words: Vec<u64> = vec![0; n];
    for (count, ranks) in &columns[..packed] {
        let bits = bits_for(*count);
        for (word, &rank) in words.iter_mut().zip(ranks) {
            *word = *word << bits | rank as u64;
        }
    }
    for (position, word) in words.iter_mut().enumerate() {
        *word = *word << position_bits | position as u64;
    }
    sort(&mut words, position_bits, 64 - left);
    let position = |word: u64| (word & ((1_u64 << position_bits) - 1)) as u32;
    let rest = &columns[packed..];
    let compare = |a: u32, b: u32| {
        let ranks = rest.iter().map(|(_, ranks)| ranks[a as usize].cmp(&ranks[b as usize]));
        ranks.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    let mut order = Vec::with_capacity(n);
    for run in words.chunk_by_mut(|a, b| a >> position_bits == b >> position_bits) {
        if rest.is_empty() || run.len() == 1 {
            order.push(position(run[0]));
            order.extend(run[1..].iter().map(|&word| position(word) | TIED));
            continue;
        }
        run.sort_unstable_by(|&a, &b| compare(position(a), position(b)).then(a.cmp(&b)));
        for equal in run.chunk_by(|&a, &b| compare(position(a), position(b)).is_eq()) {
            order.push(position(equal[0]));
            order.extend(equal[1..].iter().map(|&word| position(word) | TIED));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_equal_ones_are_one() {
        let points = [[2.0, 1.0, 5.0], [1.0, 9.0, 5.0], [2.0, 0.0, 5.0], [1.0, 9.0, 5.0], [1.0, 3.0, 5.0]];
        let flat = points.concat();
        let table = Table::of_matrix(&flat, 5, 3).expect("it is a table");
        let ordered = Ordered::new(&table, Rows::Span { first: 0, count: 5 }, 2);
        // The second objective has more values, so it leads; the third is the same everywhere.
        assert_eq!(ordered.index, [1, 3, 0, 3, 2]);
        assert_eq!(ordered.columns, [[1, 1, 0, 0]]);
        assert_eq!(ordered.num_distinct, 4);
    }
    #[test]
    fn counting_and_sorting_agree() {
        let value = |i: u32, k: u32| f64::from(i.wrapping_mul(2_654_435_761_u32.wrapping_mul(k + 1)) >> 28) * -0.5;
        for kept in [1, 5, 16] {
            let flat: Vec<f64> = (0..6_000).map(|i| (value(i / 3, i % 3) * f64::from(kept) / 16.0).floor()).collect();
            let table = Table::of_matrix(&flat, 2_000, 3).expect("it is a table");
            let rows = Rows::Span { first: 0, count: 2_000 };
            let sorted = Ordered::sorted(&table, rows, 1);
            let counted = Ordered::counted(&table, rows).expect("few keys are distinct");
            assert_eq!(counted.index, sorted.index);
            assert_eq!(counted.columns, sorted.columns);
            assert_eq!(counted.num_distinct, sorted.num_distinct);
        }
    }
}
