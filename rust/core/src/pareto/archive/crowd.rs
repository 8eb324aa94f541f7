//! Which member goes when an archive is over its capacity: the one with the least crowding distance (Deb, Pratap,
//! Agarwal and Meyarivan 2002).
//!
//! Equal members have none; the ends of every objective stay. Of equally crowded members the latest goes, so that
//! the same points in the same order leave the same members.

use super::members::{Entry, Members};
use crate::order::sort_by;

/// The slot of the member that has the least room around it. O(d n log n).
pub(super) fn most_crowded(members: &Members, d: usize) -> Option<u32> {
    let latest = |slot: u32| members.entries(slot).last().map_or(0, Entry::serial);
    let slots: Vec<u32> = members.slots().collect();
    if let Some(&slot) =
        slots.iter().filter(|&&slot| members.entries(slot).nth(1).is_some()).max_by_key(|&&slot| latest(slot))
    {
        return Some(slot);
    }
    let mut room = vec![0.0_f64; slots.len()];
    let mut order: Vec<usize> = (0..slots.len()).collect();
    for k in 0..d {
        let value = |position: usize| members.values(slots[position])[k];
        sort_by(&mut order, &|a, b| value(a).total_cmp(&value(b)).then(latest(slots[a]).cmp(&latest(slots[b]))));
        let (first, last) = (*order.first()?, *order.last()?);
        // Halves of what is too far apart for a difference.
        let scale = if (value(last) - value(first)).is_infinite() { 0.5 } else { 1.0 };
        let gap = |from: usize, to: usize| value(to) * scale - value(from) * scale;
        let range = gap(first, last);
        // An objective in which all are equal has no ends.
        if range <= 0.0 {
            continue;
        }
        (room[first], room[last]) = (f64::INFINITY, f64::INFINITY);
        for around in order.windows(3) {
            let share = gap(around[0], around[2]) / range;
            // Between infinities: a gap without end is all there is.
            room[around[1]] += if share.is_nan() { 1.0 } else { share };
        }
    }
    let crowded = |&a: &usize, &b: &usize| room[a].total_cmp(&room[b]).then(latest(slots[b]).cmp(&latest(slots[a])));
    (0..slots.len()).min_by(crowded).map(|position| slots[position])
}
