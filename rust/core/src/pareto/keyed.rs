//! Rows with their keys beside them, and which of equal rows a front keeps.

use super::Keep;

/// Rows of a set with their keys beside them.
#[derive(Default)]
pub(super) struct Keyed {
    pub(super) rows: Vec<u32>,
    pub(super) keys: Vec<i64>,
}

impl Keyed {
    /// All parts in one, in order.
    pub(super) fn join(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        for part in parts {
            all.rows.extend(part.rows);
            all.keys.extend(part.keys);
        }
        all
    }
}

/// Push the rows of one run of equal rows (ascending) that `keep` keeps.
pub(super) fn push_kept(front: &mut Vec<u32>, run: impl DoubleEndedIterator<Item = u32>, keep: Keep) {
    let mut run = run;
    match keep {
        Keep::All => front.extend(run),
        Keep::First => front.extend(run.next()),
        Keep::Last => front.extend(run.next_back()),
    }
}
