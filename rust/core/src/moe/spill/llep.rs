//! The rule of least-loaded expert parallelism itself (arXiv 2601.17111, algorithms 2 and 3), for comparison.
//!
//! Experts in falling order of tokens stay at home as far as the capacity lasts; the rest goes to the least loaded
//! ranks in pieces of some least size, and by force to one of them when none may take a piece. Three faults of the
//! published rule can be repaired, each by itself.

use crate::order::sort_by;
use crate::{Error, Result};

/// Which faults are repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repairs {
    /// A rank that gets an expert twice gets one piece of it.
    pub merge: bool,
    /// What has to be forced stays at home when that leaves the fuller rank less full.
    pub keep_home: bool,
    /// The least piece is never above the capacity.
    pub min_piece: bool,
}

/// How often each repair changed something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Pieces merged.
    pub merged: u64,
    /// Forced pieces that stayed at home.
    pub kept_home: u64,
    /// 1 if the least piece was lowered.
    pub lowered: u64,
}

/// Tokens of an expert on a rank: a range of its tokens in the order of source ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Whose tokens.
    pub expert: u32,
    /// Where they are computed.
    pub rank: u32,
    /// First token.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

struct Rule<'a> {
    repairs: Repairs,
    capacity: u64,
    minimum: u64,
    loads: &'a mut [u64],
    ranges: Vec<Range>,
    changed: Changed,
    order: Vec<usize>,
}

/// The ranges of every expert, expert by expert in the order in which the rule visits them, and what repairs changed.
///
/// `loads` becomes the tokens of each rank; rank `r` is the home of `num_local` experts from `r * num_local` on.
/// `capacity` is the most that a rank should have and `minimum` the least size of a piece.
pub fn llep(
    loads: &mut [u64],
    counts: &[u64],
    num_local: usize,
    capacity: u64,
    minimum: u64,
    repairs: Repairs,
) -> Result<(Vec<Range>, Changed)> {
    if num_local == 0 || loads.is_empty() || counts.len() != loads.len() * num_local {
        let expected = format!("({},) for {} ranks of {num_local}", loads.len() * num_local, loads.len());
        return Err(Error::shape("counts", expected, format!("({},)", counts.len())));
    }
    loads.iter_mut().zip(counts.chunks_exact(num_local)).for_each(|(load, counts)| *load = counts.iter().sum());
    let lowered = repairs.min_piece && minimum > capacity;
    let mut rule = Rule {
        repairs,
        capacity,
        minimum: if lowered { capacity } else { minimum },
        order: Vec::with_capacity(loads.len()),
        loads,
        ranges: Vec::with_capacity(counts.len()),
        changed: Changed { lowered: u64::from(lowered), ..Changed::default() },
    };
    let mut experts: Vec<usize> = (0..counts.len()).filter(|&expert| counts[expert] > 0).collect();
    sort_by(&mut experts, &|a, b| counts[b].cmp(&counts[a]));
    for expert in experts {
        let first = rule.ranges.len();
        rule.place(expert, expert / num_local, counts[expert]);
        if repairs.merge {
            rule.merge(first);
        }
    }
    Ok((rule.ranges, rule.changed))
}

impl Rule<'_> {
    fn place(&mut self, expert: usize, home: usize, tokens: u64) {
        self.loads[home] -= tokens;
        let room = self.capacity.saturating_sub(self.loads[home]);
        let kept = room.min(tokens);
        let mut given = 0;
        self.give(expert, home, &mut given, kept);
        // The published code looks at the ranks once for an expert that leaves its home whole, and after every piece
        // for one that stays in part.
        while given < tokens {
            let before = given;
            self.sort_others(home);
            for place in 0..self.order.len() {
                let rank = self.order[place];
                let left = tokens - given;
                let piece = left.min(self.capacity.saturating_sub(self.loads[rank]));
                if piece == 0 || (piece < self.minimum && left > piece) {
                    continue;
                }
                self.give(expert, rank, &mut given, piece);
                if room > 0 {
                    break;
                }
            }
            if given == before || room == 0 {
                self.force(expert, home, &mut given, tokens);
            }
        }
    }

    /// Nobody may take a piece: one rank takes all that is left, whatever its load.
    fn force(&mut self, expert: usize, home: usize, given: &mut u64, tokens: u64) {
        let left = tokens - *given;
        let Some(&rank) = self.order.first() else { return self.give(expert, home, given, left) };
        let stays =
            self.repairs.keep_home && self.loads[home] + left <= (self.loads[rank] + left).max(self.loads[home]);
        self.changed.kept_home += u64::from(stays && left > 0);
        self.give(expert, if stays { home } else { rank }, given, left);
    }

    fn give(&mut self, expert: usize, rank: usize, given: &mut u64, tokens: u64) {
        if tokens > 0 {
            self.loads[rank] += tokens;
            let range = Range { expert: expert as u32, rank: rank as u32, start: *given, end: *given + tokens };
            self.ranges.push(range);
            *given += tokens;
        }
    }

    fn sort_others(&mut self, home: usize) {
        self.order.clear();
        self.order.extend((0..self.loads.len()).filter(|&rank| rank != home));
        self.order.sort_by_key(|&rank| self.loads[rank]);
    }

    /// One range per rank for the expert whose ranges begin at `first`; they stay contiguous.
    fn merge(&mut self, first: usize) {
        let mut place = first + 1;
        while place < self.ranges.len() {
            let again = self.ranges[place];
            let Some(same) = (first..place).find(|&other| self.ranges[other].rank == again.rank) else {
                place += 1;
                continue;
            };
            let tokens = again.end - again.start;
            self.ranges[same].end += tokens;
            for range in &mut self.ranges[same + 1..place] {
                range.start += tokens;
                range.end += tokens;
            }
            self.ranges.remove(place);
            self.changed.merged += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Repairs = Repairs { merge: true, keep_home: true, min_piece: true };
    const NONE: Repairs = Repairs { merge: false, keep_home: false, min_piece: false };

    #[test]
    fn excess_goes_to_the_least_loaded() {
        let mut loads = [0; 2];
        let (ranges, changed) = llep(&mut loads, &[6, 2, 1, 1], 2, 5, 1, NONE).unwrap();
        assert_eq!(loads, [5, 5]);
        assert_eq!(ranges[..2].iter().map(|range| (range.rank, range.end)).collect::<Vec<_>>(), [(0, 3), (1, 6)]);
        assert_eq!(changed, Changed::default());
    }

    #[test]
    fn a_least_piece_above_the_capacity_piles_up_unless_repaired() {
        let counts = [100, 0, 0, 0];
        let mut loads = [0; 4];
        llep(&mut loads, &counts, 1, 25, 1024, NONE).unwrap();
        assert_eq!(loads, [25, 75, 0, 0]);
        let (_, changed) = llep(&mut loads, &counts, 1, 25, 1024, ALL).unwrap();
        assert_eq!((loads, changed.lowered), ([25; 4], 1));
    }
}
