//! Non-dominated sorting: the layers got by taking front after front away, layer 0 being the front.
//!
//! Rows become dense ranks per objective and are sorted lexicographically (`order`), so that a row's layer is one more
//! than the highest layer of the earlier rows that dominate it. Two objectives need a binary search (`plane`), three
//! two (`space`); above, sets of bits (`bits`). Equal rows share a layer.

mod bits;
mod cells;
pub(super) mod order;
mod peel;
mod plane;
pub(super) mod sets;
mod space;

use std::num::NonZeroUsize;

use super::front::for_each_group;
use super::source::Rows;
use super::watch::Stop;
use super::{Keep, NanPolicy, Options, Table, automatic_threads, candidates, check};
use crate::error::{Error, Result};
use order::Ordered;

/// What `ranks` needs to know besides the points.
#[derive(Debug, Clone, Copy)]
pub struct RankOptions<'a> {
    /// What a row with a NaN does.
    pub nan: NanPolicy,
    /// One group code per row, all below `num_groups`; each group has its own layers.
    pub groups: Option<&'a [u32]>,
    /// Number of group codes.
    pub num_groups: usize,
    /// One flag per row; a row with 0 takes no part.
    pub allowed: Option<&'a [u8]>,
    /// Layers after the one in which this many rows of a group are reached are not told.
    pub stop_after: Option<NonZeroUsize>,
    /// Most layers that are told.
    pub num_fronts: Option<NonZeroUsize>,
    /// Most threads to use; `None` decides by the size of the input.
    pub threads: Option<NonZeroUsize>,
}

impl<'a> RankOptions<'a> {
    /// As the functions that this shares with `mask` take them.
    pub(super) fn shared(&self) -> Options<'a> {
        let Self { nan, groups, num_groups, allowed, threads, .. } = *self;
        Options { keep: Keep::All, nan, eps: None, groups, num_groups, allowed, threads }
    }
}

/// Fill `ranks` with the layer of each row in its group, from 0; -1 for rows that take no part or lie beyond a stop.
/// `stop` is asked now and then; once it says true the call ends with [`Error::Interrupted`].
pub fn ranks(
    ranks: &mut [i32],
    points: &Table<'_>,
    options: &RankOptions<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    if ranks.len() != points.num_rows() {
        return Err(Error::shape("ranks", format!("({},)", points.num_rows()), format!("({},)", ranks.len())));
    }
    let shared = options.shared();
    check(ranks.len(), points, &shared)?;
    ranks.fill(-1);
    let rows = candidates(points, &shared)?;
    let rows = rows.rows();
    let threads =
        options.threads.map_or_else(|| automatic_threads(rows.len() * points.num_objectives()), NonZeroUsize::get);
    let stop = Stop::new(stop);
    if let (None, Rows::Span { .. }) = (options.groups, rows) {
        layers_of(ranks, points, rows, options, threads, &stop);
        return stop.check();
    }
    let ranked = for_each_group(rows, &shared, threads, &|group, threads| {
        let mut layers = vec![0; group.len()];
        layers_of(&mut layers, points, Rows::List(group), options, threads, &stop);
        group.iter().copied().zip(layers).collect::<Vec<_>>()
    });
    stop.check()?;
    for (row, layer) in ranked {
        ranks[row as usize] = layer;
    }
    Ok(())
}

/// The layer of each of `rows`; -1 beyond a stop.
fn layers_of(
    layers: &mut [i32],
    points: &Table<'_>,
    rows: Rows<'_>,
    options: &RankOptions<'_>,
    threads: usize,
    stop: &Stop<'_>,
) {
    let limit = options.num_fronts.map_or(usize::MAX, NonZeroUsize::get);
    let counted = Ordered::counted(points, rows);
    match points.num_objectives() {
        2 if counted.is_none() && points.is_narrow() => plane::layers::<i32>(layers, points, rows, limit),
        2 if counted.is_none() => plane::layers::<i64>(layers, points, rows, limit),
        _ => {
            let ordered = counted.unwrap_or_else(|| Ordered::sorted(points, rows, threads));
            let distinct: Vec<i32> = match ordered.columns.as_slice() {
                // No objective is left, or one that leads: rows in their order.
                [] => (0..ordered.num_distinct as i32).collect(),
                [seconds] => plane::layers_of_distinct(seconds, limit),
                [seconds, thirds] => space::layers(seconds, thirds, limit),
                columns => {
                    let enough = options.stop_after.map_or(usize::MAX, NonZeroUsize::get);
                    peel::layers(columns, limit, enough, threads, stop)
                }
            };
            layers.iter_mut().zip(&ordered.index).for_each(|(layer, &index)| *layer = distinct[index as usize]);
        }
    }
    cut(layers, limit, options.stop_after);
}

/// Put -1 on the rows of layers from `limit` on, and of those after the one in which `stop_after` rows are reached.
fn cut(layers: &mut [i32], limit: usize, stop_after: Option<NonZeroUsize>) {
    let mut limit = i32::try_from(limit).unwrap_or(i32::MAX);
    if let Some(stop_after) = stop_after {
        let mut sizes = vec![0; layers.iter().max().map_or(0, |&most| most as usize + 1)];
        for &layer in &*layers {
            sizes[layer as usize] += 1;
        }
        let mut reached = 0;
        let full = sizes.iter().take_while(|&&size| {
            let more = reached < stop_after.get();
            reached += size;
            more
        });
        limit = limit.min(full.count() as i32);
    }
    for layer in layers {
        if *layer >= limit {
            *layer = -1;
        }
    }
}
