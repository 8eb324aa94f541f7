//! Rows cut into ranges of a key.

/// Cut items into parts that follow each other in key; equal keys stay together.
pub(super) fn ranges<T, K: Copy + Ord>(mut items: &mut [T], num_parts: usize, key: impl Fn(&T) -> K) -> Vec<&mut [T]> {
    let mut parts = Vec::new();
    for left in (2..=num_parts).rev() {
        let middle = items.len() / left;
        let bound = key(items.select_nth_unstable_by_key(middle, &key).1);
        // Those before the middle that equal the bound go behind the others.
        let mut kept = 0;
        for index in 0..middle {
            if key(&items[index]) < bound {
                items.swap(index, kept);
                kept += 1;
            }
        }
        let (part, rest) = std::mem::take(&mut items).split_at_mut(kept);
        parts.push(part);
        items = rest;
    }
    parts.push(items);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_each_other_and_keep_equals_together() {
        for num_parts in 1..6 {
            let mut places: Vec<(i32, u32)> = (0..500).map(|i| (i * 7 % 13, i as u32)).collect();
            let parts = ranges(&mut places, num_parts, |place| place.0);
            assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 500);
            let filled: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
            for pair in filled.windows(2) {
                let most = pair[0].iter().map(|place| place.0).max();
                assert!(most < pair[1].iter().map(|place| place.0).min());
            }
        }
    }
}
