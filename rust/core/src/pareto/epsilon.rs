//! Thin a front to a cover: one representative per box, and no row is better than a kept one by more than a box.
//!
//! The boxes that no other box dominates are found like a front of rows. A row in such a box that no row of its box
//! dominates is on the true front, because a row that dominates it lies in the same box or in a better one (the
//! epsilon-Pareto set of Laumanns, Thiele, Deb and Zitzler 2002).

use super::Keep;
use super::boxes::Rows;
use super::front::front;
use super::keyed::push_kept;

/// The representatives: per box the lexicographically best row, and the rows equal to it as `keep` says.
pub(super) fn cover(boxes: &dyn Rows, exact: &dyn Rows, rows: &[u32], keep: Keep, threads: usize) -> Vec<u32> {
    let d = exact.num_objectives();
    let in_boxes = front(boxes, rows, Keep::All, threads);
    let (mut box_keys, mut keys) = (Vec::new(), Vec::new());
    boxes.append_keys(&in_boxes, &mut box_keys);
    exact.append_keys(&in_boxes, &mut keys);
    let of_box = |position: usize| &box_keys[position * d..][..d];
    let of_row = |position: usize| &keys[position * d..][..d];
    let mut sorted: Vec<usize> = (0..in_boxes.len()).collect();
    sorted.sort_unstable_by(|&a, &b| {
        of_box(a).cmp(of_box(b)).then_with(|| of_row(a).cmp(of_row(b))).then_with(|| in_boxes[a].cmp(&in_boxes[b]))
    });
    let mut kept = Vec::new();
    for same_box in sorted.chunk_by(|&a, &b| of_box(a) == of_box(b)) {
        let equal = same_box.partition_point(|&position| of_row(position) == of_row(same_box[0]));
        push_kept(&mut kept, same_box[..equal].iter().map(|&position| in_boxes[position]), keep);
    }
    kept
}
