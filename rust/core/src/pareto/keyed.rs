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
