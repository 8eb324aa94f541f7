//! Which of equal rows a front keeps.

use super::Keep;

/// Push the rows of one run of equal rows (ascending) that `keep` keeps.
pub(super) fn push_kept(front: &mut Vec<u32>, run: impl DoubleEndedIterator<Item = u32>, keep: Keep) {
    let mut run = run;
    match keep {
        Keep::All => front.extend(run),
        Keep::First => front.extend(run.next()),
        Keep::Last => front.extend(run.next_back()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every row against every other, as the definition says.
    pub(in super::super) fn expected(columns: &[Vec<i64>], keep: Keep) -> Vec<u32> {
        let row = |i: usize| columns.iter().map(move |column| column[i]);
        let n = columns[0].len();
        let beats = |a: usize, b: usize| row(a).zip(row(b)).all(|(a, b)| a <= b) && !row(a).eq(row(b));
        let kept = |i: usize| match keep {
            Keep::All => true,
            Keep::First => !(0..i).any(|other| row(other).eq(row(i))),
            Keep::Last => !(i + 1..n).any(|other| row(other).eq(row(i))),
        };
        (0..n).filter(|&i| kept(i) && !(0..n).any(|other| beats(other, i))).map(|i| i as u32).collect()
    }
}
