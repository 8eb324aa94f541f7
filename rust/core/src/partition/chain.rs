//! Which stage may stand in front of which: the states of the search, from the end of the chain to its front.
//!
//! A state is the first stage of a suffix, its kind and replicas, with the devices that the suffix has taken. In a
//! fixed order only the devices of that kind matter, because those of later kinds are out of reach; in free order the
//! devices taken are a multiset of kinds, so that equal devices are not tried in every order.

use std::collections::BTreeMap;

use super::Options;
use crate::{Error, Result};

/// More states than this are refused.
const MOST_STATES: usize = 1 << 16;

/// The first stage of a suffix.
pub(super) struct State {
    pub(super) kind: usize,
    pub(super) replicas: u64,
    /// States that may come next, all of them with lower numbers.
    pub(super) followers: Vec<usize>,
    /// Whether nothing need come next.
    pub(super) is_end: bool,
    /// Whether nothing need stand in front of it.
    pub(super) is_front: bool,
    /// Whether something may stand in front of it.
    pub(super) is_preceded: bool,
}

/// Devices taken of each kind (in fixed order only of the state's own), kind, replicas.
type Key = (Vec<usize>, usize, usize);

struct Walk<'a> {
    count: &'a [usize],
    options: &'a Options,
    /// States by how far they are from the end, with their followers and whether they may be the end themselves.
    levels: Vec<BTreeMap<Key, (Vec<usize>, bool)>>,
    size: usize,
}

impl Walk<'_> {
    /// Note that a stage of `kind` may stand in front of `follower`, or at the end. Returns whether devices are left.
    fn add(&mut self, taken: &[usize], kind: usize, follower: Option<usize>) -> bool {
        let room = (self.count[kind] - taken[kind]).min(self.options.max_replicas);
        for replicas in 1..=room {
            let mut taken = taken.to_vec();
            taken[kind] += replicas;
            let level = if self.options.free_order {
                taken.iter().sum()
            } else {
                self.count[kind + 1..].iter().sum::<usize>() + taken[kind]
            };
            let (followers, is_end) = self.levels[level].entry((taken, kind, replicas)).or_insert_with(|| {
                self.size += 1;
                (Vec::new(), false)
            });
            followers.extend(follower);
            *is_end |= follower.is_none();
        }
        room > 0
    }
}

/// All states, followers before those in front of them.
pub(super) fn states(count: &[usize], options: &Options) -> Result<Vec<State>> {
    let total = count.iter().fold(0, |sum: usize, &count| sum.saturating_add(count));
    let refused = || Error::value("devices", "few enough for 65,536 states (equal devices share theirs)", total);
    if total > MOST_STATES {
        return Err(refused());
    }
    let none = vec![0; count.len()];
    let mut walk = Walk { count, options, levels: vec![BTreeMap::new(); total + 1], size: 0 };
    let Options { free_order, use_all, .. } = *options;
    for kind in 0..count.len() {
        if free_order || !use_all || kind + 1 == count.len() {
            walk.add(&none, kind, None);
        }
    }
    let mut states = Vec::new();
    for level in 1..=total {
        for ((taken, kind, replicas), (followers, is_end)) in std::mem::take(&mut walk.levels[level]) {
            let mut is_preceded = false;
            for other in 0..count.len() {
                let next_in_order = !use_all || (other + 1 == kind && taken[kind] == count[kind]);
                if other == kind || free_order || (other < kind && next_in_order) {
                    let base = if other == kind || free_order { &taken } else { &none };
                    is_preceded |= walk.add(base, other, Some(states.len()));
                }
            }
            let is_front = !use_all || level == total;
            let replicas = replicas as u64;
            states.push(State { kind, replicas, followers, is_end, is_front, is_preceded });
        }
        if walk.size > MOST_STATES {
            return Err(refused());
        }
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_states(count: &[usize], max_replicas: usize, free_order: bool, use_all: bool) -> usize {
        let options = Options {
            max_replicas,
            free_order,
            use_all,
            overlap: true,
            objectives: [true; 3],
            epsilon: 0.0,
            max_labels: 1,
        };
        states(count, &options).unwrap().len()
    }

    #[test]
    fn fixed_order_has_a_state_per_device() {
        assert_eq!(count_states(&[1, 1, 1], 1, false, true), 3);
        assert_eq!(count_states(&[1, 1, 1], 1, false, false), 3);
        assert_eq!(count_states(&[3], 1, false, true), 3);
        // One, two or three devices taken, in stages of one, two or three of them.
        assert_eq!(count_states(&[3], 3, false, true), 6);
    }

    #[test]
    fn free_order_has_multisets_not_permutations() {
        // Every subset that is not empty, with each of its members in front.
        assert_eq!(count_states(&[1, 1, 1], 1, true, true), 12);
        // (1, 0) to (4, 0): one each; (0, 1): one; (1, 1) to (4, 1): two each.
        assert_eq!(count_states(&[4, 1], 1, true, true), 13);
    }
}
