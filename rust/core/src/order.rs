//! Sorting where a comparison through a pointer does not count: one copy of the library's sort for all who sort numbers
//! of one type, where each comparison of its own would bring 10 KB. Loops that mostly sort call the library's own.

use std::cmp::Ordering;

/// Sort `items`; equal ones keep their order.
pub(crate) fn sort_by<T: Copy>(items: &mut [T], compare: &dyn Fn(T, T) -> Ordering) {
    items.sort_by(|&a, &b| compare(a, b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_keep_their_order() {
        let mut items: Vec<u32> = (0..1000).collect();
        sort_by(&mut items, &|a, b| (b % 7).cmp(&(a % 7)));
        assert!(items.is_sorted_by_key(|item| (6 - item % 7, *item)));
    }
}
