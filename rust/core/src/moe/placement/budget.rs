//! Which steps of which layers are worth a limited number of fetched copies.
//!
//! Each layer has a path of steps, of which a beginning can be taken. The path that lowers its slowest rank's time most
//! per fetched copy is followed first, as far as that is best.

use super::search::Done;

/// The steps of one cell, and where it began.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) layer: usize,
    /// Bits that loads were shifted to the left by.
    pub(super) shift: u32,
    /// Copies that had to be fetched before the first step.
    pub(super) lost: usize,
    /// Time of the slowest rank before the first step.
    pub(super) most: u64,
    pub(super) steps: Vec<Done>,
}

impl Path {
    /// Copies fetched and slowest time, in 256ths of a token, after so many steps.
    fn after(&self, steps: usize) -> (i64, u64) {
        let (fetches, most) =
            steps.checked_sub(1).map_or((0, self.most), |last| (self.steps[last].fetches, self.steps[last].most));
        (fetches, if self.shift >= 8 { most >> (self.shift - 8) } else { most << (8 - self.shift) })
    }

    /// The steps to go next from `now`, if `left` copies may be fetched: time saved, copies, steps from the start.
    fn next(&self, now: usize, left: i64) -> Option<(u64, i64, usize)> {
        let (fetched, most) = self.after(now);
        let options = (now + 1..=self.steps.len()).filter_map(|steps| {
            let (fetches, time) = self.after(steps);
            let (cost, saved) = ((fetches - fetched).max(0), most.saturating_sub(time));
            (saved > 0 && fetches - fetched <= left).then_some((saved, cost, steps))
        });
        options.reduce(|best, option| if better(option, best) { option } else { best })
    }
}

fn better(one: (u64, i64, usize), other: (u64, i64, usize)) -> bool {
    let worth = |a: (u64, i64, usize), b: (u64, i64, usize)| u128::from(a.0) * b.1 as u128;
    worth(one, other) > worth(other, one)
}

/// How many steps to take of each path, if all together may fetch `most` copies.
pub(super) fn choose(paths: &[Path], most: u64) -> Vec<usize> {
    let mut taken = vec![0; paths.len()];
    let mut left = i64::try_from(most).unwrap_or(i64::MAX);
    loop {
        let options = paths.iter().enumerate().filter_map(|(at, path)| Some((at, path.next(taken[at], left)?)));
        let best = options.reduce(|best, option| if better(option.1, best.1) { option } else { best });
        let Some((at, (_, _, steps))) = best else { return taken };
        left -= paths[at].after(steps).0 - paths[at].after(taken[at]).0;
        taken[at] = steps;
    }
}
