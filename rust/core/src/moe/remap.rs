//! Router ids to physical ids: the place of a token in its expert's order picks the copy. No random numbers.

use crate::{Error, Result};

/// What one expert has given out.
#[derive(Clone, Copy)]
struct Cursor {
    /// Tokens that the present column still takes, and what they get.
    left: u64,
    target: i64,
    column: usize,
}

/// Fill `out` with where each token of `ids` goes; -1 stays -1.
///
/// The first `quota[e][0]` tokens of expert `e` get `targets[e][0]`, the next `quota[e][1]` get `targets[e][1]` and so
/// on; without targets the number of the column. `start[e]` tokens of it came before, from lower source ranks.
pub fn remap<T: Copy + Into<i64> + TryFrom<i64>>(
    out: &mut [T],
    ids: &[T],
    quota: &[i64],
    targets: Option<&[i64]>,
    start: Option<&[i64]>,
    num_experts: usize,
) -> Result<()> {
    let columns = quota.len().checked_div(num_experts).unwrap_or_default();
    let fits = columns * num_experts == quota.len()
        && out.len() == ids.len()
        && targets.is_none_or(|targets| targets.len() == quota.len())
        && start.is_none_or(|start| start.len() == num_experts);
    if !fits {
        return Err(Error::shape("quota", format!("({num_experts}, n)"), format!("{} numbers", quota.len())));
    }
    let mut cursors = vec![Cursor { left: 0, target: -1, column: 0 }; num_experts];
    let target =
        |expert: usize, column: usize| targets.map_or(column as i64, |targets| targets[expert * columns + column]);
    // The next column that takes anything, from `cursor.column` on.
    let advance = |cursor: &mut Cursor, expert: usize| {
        while cursor.left == 0 && cursor.column < columns {
            cursor.left = quota[expert * columns + cursor.column].max(0) as u64;
            cursor.target = target(expert, cursor.column);
            cursor.column += 1;
        }
        cursor.left > 0
    };
    for (expert, &skipped) in start.unwrap_or_default().iter().enumerate() {
        let mut skipped = skipped.max(0) as u64;
        let cursor = &mut cursors[expert];
        while skipped > 0 && advance(cursor, expert) {
            let step = skipped.min(cursor.left);
            skipped -= step;
            cursor.left -= step;
        }
        if skipped > 0 {
            return Err(too_many(expert, "lower ranks"));
        }
    }
    for (place, (out, &id)) in out.iter_mut().zip(ids).enumerate() {
        let expert: i64 = id.into();
        if expert == -1 {
            *out = id;
            continue;
        }
        let Some(cursor) = usize::try_from(expert).ok().and_then(|expert| cursors.get_mut(expert)) else {
            let got = format!("{expert} at place {place}");
            return Err(Error::value("topk_ids", format!("from -1 to {} everywhere", num_experts as i64 - 1), got));
        };
        if cursor.left == 0 && !advance(cursor, expert as usize) {
            return Err(too_many(expert as usize, "this rank"));
        }
        cursor.left -= 1;
        *out = T::try_from(cursor.target)
            .map_err(|_| Error::value("topk_ids", "of a dtype that holds physical ids", cursor.target))?;
    }
    Ok(())
}

fn too_many(expert: usize, source: &str) -> Error {
    let got = format!("more tokens of expert {expert} from {source} than its quota");
    Error::value("topk_ids", "the tokens that the plan was made for", got)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_in_the_order_picks_the_copy() {
        let (quota, targets) = ([2, 1, 3, 0], [5, 6, 7, -1]);
        let mut out = [0_i32; 7];
        remap(&mut out, &[0, 1, -1, 0, 0, 1, 1], &quota, Some(&targets), None, 2).unwrap();
        assert_eq!(out, [5, 7, -1, 5, 6, 7, 7]);
        remap(&mut out[..2], &[0, 0], &quota, None, Some(&[1, 0]), 2).unwrap();
        assert_eq!(out[..2], [0, 1]);
    }

    #[test]
    fn tokens_without_quota_and_unknown_experts_are_refused() {
        let mut out = [0_i64; 2];
        assert!(remap(&mut out, &[0, 0], &[1], None, None, 1).is_err());
        assert!(remap(&mut out[..1], &[0], &[1], None, Some(&[1]), 1).is_err());
        assert!(remap(&mut out, &[0, 1], &[2], None, None, 1).is_err());
        assert!(remap(&mut out, &[0, -2], &[2], None, None, 1).is_err());
    }
}
