//! Which of equal rows a front keeps.

use std::ops::Range;

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

/// Move the rows of one run of equal rows that `keep` keeps to `end`, which lies before or at the run; their new end.
pub(super) fn move_kept(rows: &mut [u32], end: usize, run: Range<usize>, keep: Keep) -> usize {
    let run = match keep {
        Keep::All => run,
        Keep::First => run.start..run.start + 1,
        Keep::Last => run.end - 1..run.end,
    };
    let count = run.len();
    rows.copy_within(run, end);
    end + count
}
